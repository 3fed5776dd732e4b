#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The example of a filter, examples/filter, does what doc/filters.md says.  Needs
# root, and the module's file in $KQUEUE_DOORBELL_KO.

door=$(dirname -- "$0")/examples/door
work=$(mktemp -d)
pid=
number=0

result()
{
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		failed=1
	fi
}

finish()
{
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
	rmmod doorbell 2>/dev/null
	rm -rf "$work"
}

say()
{
	echo "$1" >/dev/doorbell
}

# Until the program has said something: half a minute.
await()
{
	tries=300
	until grep -qsx "$1" "$work/said"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

no_filter_yet()
{
	! "$door" 2 2>"$work/error" && grep -q 'No such device or address' "$work/error"
}

# Rings at other doors are not told; only a knock ends it.
answers()
{
	"$door" 2 >"$work/said" &
	pid=$!
	await waiting && ! rmmod doorbell 2>/dev/null &&
	say 'ring 2' && say 'ring 1' && say 'ring 2' && say 'knock 2' || return
	wait $pid
	ended=$?
	pid=
	[ $ended -eq 0 ] &&
	awk '$1 == "rung" { n += $2 } END { exit n != 2 || $0 != "a knock" }' \
		"$work/said"
}

refuses()
{
	! "$door" 4 2>"$work/error" && grep -q 'Invalid argument' "$work/error" &&
	! say 'ring 4' 2>/dev/null && ! say 'sing 1' 2>/dev/null
}

trap finish EXIT
failed=0
echo 'TAP version 13'
echo 1..5
no_filter_yet
result $? 'without the module the slot is empty'
insmod "$KQUEUE_DOORBELL_KO"
result $? 'the module loads'
answers
result $? 'rings are counted, a knock is told; it stays while it is in use'
refuses
result $? 'there are four doors'
rmmod doorbell && no_filter_yet
result $? 'unloaded, it leaves the slot empty'
exit $failed
