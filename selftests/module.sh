#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Loading and unloading kqueue.ko while programs run, and its parameters.
# Needs root.  $KQUEUE_KO is the module's file; where it is not set, the one
# that modprobe would load.  Leaves the module loaded if it found it loaded.

name=kqueue
params=/sys/module/$name/parameters
here=$(dirname -- "$0")
user=$here/module_user
ko=${KQUEUE_KO:-$(modinfo -n $name 2>/dev/null)}
mark="module.sh: $$ begins"
work=$(mktemp -d)
running=
count=0
status=0

result()
{
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count $2"
	elif [ "$1" -eq 4 ]; then
		echo "ok $count $2 # SKIP the kernel cannot do that"
	else
		echo "not ok $count $2"
		status=1
	fi
}

loaded()
{
	[ -d /sys/module/$name ]
}

load()
{
	loaded || insmod "$ko" "$@" 2>"$work/error"
}

# A visitor may hold it for a moment.
unload()
{
	tries=1000
	while loaded; do
		rmmod $name 2>"$work/error" && break
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
	done
}

background()
{
	nice -n 19 "$user" "$1" &
	running="$running $!"
}

# End what runs; each must have run until now.
end_background()
{
	ended=0
	for pid in $running; do
		kill "$pid" || ended=1
		wait "$pid" 2>/dev/null
		[ $? -eq 143 ] || ended=1
	done
	running=
	return $ended
}

finish()
{
	[ -z "$running" ] || end_background
	rm -rf "$work"
	if [ "$found" ]; then
		load
	else
		unload
	fi
}

fresh_load_has_defaults()
{
	unload && load &&
	[ "$(cat $params/calloutmax)" = 1048576 ] &&
	[ "$(cat $params/max_knotes)" -gt 0 ] &&
	[ "$(cat $params/knotes)" = 0 ] &&
	[ "$(cat $params/callouts)" = 0 ] &&
	[ "$(stat -c %a /dev/$name)" = 666 ] &&
	"$user" once
}

# Run a mode of module_user that says "ready", and goes on when stdin ends.
start_holder()
{
	rm -f "$work/in" "$work/out"
	mkfifo "$work/in" "$work/out"
	"$user" "$1" <"$work/in" >"$work/out" &
	holder=$!
	exec 3>"$work/in" 4<"$work/out"
	answer=
	read -r answer <&4
}

end_holder()
{
	exec 3>&- 4<&-
	wait $holder
}

# kqueue(): ENOENT or ENXIO where the module isn't there.
without_module_absent()
{
	unload && [ ! -e /dev/$name ] && "$user" absent
}

# rmmod with a queue open says busy, and the queue works on.
open_queue_is_busy()
{
	load || return
	start_holder hold
	said=$(rmmod $name 2>&1)
	refused=$?
	end_holder &&
	[ "$answer" = ready ] && [ $refused -ne 0 ] &&
	echo "$said" | grep -qE "in use|busy|unavailable" &&
	loaded && unload
}

# An event under way, which fanotify holds up, has the module's marks.
event_is_waited_for()
{
	load || return
	start_holder permit
	(exec 3>&- 4<&- && unload) &
	unloading=$!
	sleep 1
	kill -0 $unloading 2>/dev/null
	waits=$?
	end_holder
	ended=$?
	wait $unloading && ! loaded || return
	[ $ended -eq 0 ] || return $ended
	[ "$answer" = ready ] && [ $waits -eq 0 ]
}

rounds=$((100 / ${KQ_SLOW:-1}))

often()
{
	background churn
	background visit
	round=0
	while [ $round -lt $rounds ] && load && "$user" once && unload; do
		round=$((round + 1))
	done
	end_background && [ $round -eq $rounds ]
}

# Each bad value is refused, and leaves nothing behind.
bad_values_do_not_load()
{
	unload || return
	for value in max_knotes=many max_knotes=-1 max_knotes= \
		     max_knotes=99999999999999999999 calloutmax=1x \
		     calloutmax=-9223372036854775808 calloutmax; do
		insmod "$ko" "$value" 2>/dev/null && return 1
		loaded && return 1
	done
	"$user" absent
}

# A limit of 0 or 1 does not let a queue be used; any larger one does.
limited_by()
{
	"$user" once 2>/dev/null
	set -- $? "$1"
	case $2 in
	0|1)	[ "$1" -eq 1 ] ;;
	*)	[ "$1" -eq 0 ] ;;
	esac
}

extreme_values_load()
{
	for value in 0 1 4294967296 18446744073709551615; do
		unload && load max_knotes=$value calloutmax=$value &&
		limited_by $value || return
	done
	unload && load && "$user" once
}

written_values()
{
	load || return
	for p in max_knotes calloutmax; do
		was=$(cat $params/$p)
		for value in many -1 1x 99999999999999999999 "1 2" ""; do
			echo "$value" 2>/dev/null >$params/$p && return 1
			[ "$(cat $params/$p)" = "$was" ] || return
		done
		for value in 0 18446744073709551615 "$was"; do
			echo "$value" >$params/$p || return
			[ "$(cat $params/$p)" = "$value" ] || return
			limited_by "$value" || return
		done
	done
	"$user" once
}

kernel_log_is_clean()
{
	dmesg >"$work/log"
	grep -qF "$mark" "$work/log" &&
	! sed "1,/$mark/d" "$work/log" | grep -Ef "$here/vm/oops"
}

if [ "$(id -u)" -ne 0 ] || [ ! -f "$ko" ]; then
	echo "Bail out! module.sh needs root, and kqueue.ko in \$KQUEUE_KO"
	exit 1
fi
found=
loaded && found=1
trap finish EXIT
trap 'exit 143' HUP INT TERM
echo "$mark" >/dev/kmsg
echo "TAP version 13"
echo "1..9"
fresh_load_has_defaults
result $? "a fresh load has the documented defaults"
without_module_absent
result $? "without the module kqueue() says that there is none"
open_queue_is_busy
result $? "rmmod with a queue open says busy and does no harm"
event_is_waited_for
result $? "rmmod waits for an event that fanotify holds up"
often
result $? "insmod, use, rmmod $rounds times while programs run"
bad_values_do_not_load
result $? "parameters that are no numbers keep the module out"
extreme_values_load
result $? "parameters may be 0 or as large as they get"
written_values
result $? "the same of parameters written in sysfs"
kernel_log_is_clean
result $? "the kernel log is clean"
trap - EXIT
finish
exit $status
