#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# library_symbols.sh DIR: the libkqueue built in DIR exports only its own names
# and needs nothing but the C library.
set -u

dir=${1:-build/lib}
failed=0 number=0

# check NAME EXPECTED ACTUAL
check()
{
	number=$((number + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $number $1"
	else
		echo "not ok $number $1"
		printf '# expected: %s\n# found: %s\n' "$2" "$3"
		failed=1
	fi
}

words()
{
	LC_ALL=C sort -u | tr '\n' ' ' | sed 's/ $//'
}

calls='kevent kqueue kqueue1 kqueuex'

echo TAP version 13
echo 1..4
check 'the shared library exports the four calls' "$calls" \
	"$(nm -D --defined-only "$dir/libkqueue.so.1" |
	   awk '$2 == "T" || $2 == "D" || $2 == "B" || $2 == "W" {
			sub(/@.*/, "", $3); print $3 }' | words)"
check 'the archive defines the four calls' "$calls" \
	"$(nm -g --defined-only "$dir/libkqueue.a" |
	   awk 'NF == 3 { print $3 }' | words)"
check 'its name is libkqueue.so.1' '[libkqueue.so.1]' \
	"$(readelf -d "$dir/libkqueue.so.1" | awk '/SONAME/ { print $NF }')"
check 'it needs the C library alone' '[libc.so.6]' \
	"$(readelf -d "$dir/libkqueue.so.1" | awk '/NEEDED/ { print $NF }' | words)"
exit $failed
