#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# header.sh [DIR]: header.c, as built in DIR by each compiler as each language.

cd "${1:-$(dirname -- "$0")}" || exit
status=0 number=0
set -- header-*
echo TAP version 13
echo "1..$#"
for program; do
	number=$((number + 1))
	if ./"$program"; then
		echo "ok $number ${program#header-}"
	else
		echo "not ok $number ${program#header-}: line $?"
		status=1
	fi
done
exit $status
