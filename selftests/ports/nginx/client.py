# SPDX-License-Identifier: GPL-2.0
# client.py PORT FILE TIMES: asks for the file that often on one connection, and
# compares each answer with it.
import http.client
import os
import sys

port, path, times = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with open(path, "rb") as f:
    wanted = f.read()

connection = http.client.HTTPConnection("127.0.0.1", port)
for _ in range(times):
    connection.request("GET", "/" + os.path.basename(path))
    answer = connection.getresponse()
    if answer.status != 200 or answer.read() != wanted:
        sys.exit("not the file")
