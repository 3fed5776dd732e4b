#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# manual.sh [DIR]: the examples of the manual, as built in DIR/manual, print what
# it says.

cd "${1:-$(dirname -- "$0")}/manual" || exit
status=0 number=0
set -- *.c
echo TAP version 13
echo "1..$#"
for source; do
	number=$((number + 1))
	name=${source%.c}
	if ./"$name" | cmp - "$name.out"; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
		status=1
	fi
done
exit $status
