// SPDX-License-Identifier: GPL-2.0
/*
 * kevent(2): changes applied in order, then events taken.
 */
#include <linux/compat.h>
#include <linux/sched/signal.h>
#include <linux/time64.h>
#include <linux/uaccess.h>

#include "compat/compiler.h"
#include "knote.h"
#include "register.h"
#include "scan.h"
#include "uaccess.h"

/* copy_from_user(), field by field: most calls are short. */
static int call_get(struct kq_kevent *call, const struct kq_kevent __user *arg)
{
	if (!user_read_access_begin(arg, sizeof(*arg)))
		return -EFAULT;
	unsafe_get_user(call->changelist, &arg->changelist, fault);
	unsafe_get_user(call->eventlist, &arg->eventlist, fault);
	unsafe_get_user(call->timeout, &arg->timeout, fault);
	unsafe_get_user(call->nchanges, &arg->nchanges, fault);
	unsafe_get_user(call->nevents, &arg->nevents, fault);
	unsafe_get_user(call->flags, &arg->flags, fault);
	unsafe_get_user(call->reserved, &arg->reserved, fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

/* get_timespec64() without a function that copies. */
static int timeout_get(struct timespec64 *ts,
		       const struct __kernel_timespec __user *timeout)
{
	s64 sec, nsec;

	if (should_fail_usercopy() ||
	    !user_read_access_begin(timeout, sizeof(*timeout)))
		return -EFAULT;
	unsafe_get_user(sec, &timeout->tv_sec, fault);
	unsafe_get_user(nsec, &timeout->tv_nsec, fault);
	user_read_access_end();
	/* The upper half is padding there. */
	if (in_compat_syscall())
		nsec = (u32)nsec;
	ts->tv_sec = sec;
	ts->tv_nsec = nsec;
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

static int deadline_get(struct kq_deadline *deadline,
			const struct kq_kevent *call)
{
	struct timespec64 ts;

	*deadline = (struct kq_deadline){ .span = KTIME_MAX, .at = KTIME_MAX };
	if (call->flags & KQ_CALL_UNTIL) {
		if (call->timeout > KTIME_MAX)
			return -EINVAL;
		deadline->at = call->timeout ?: 1;
		return 0;
	}
	if (!call->timeout)
		return 0;
	if (timeout_get(&ts, u64_to_user_ptr(call->timeout)))
		return -EFAULT;
	if (ts.tv_sec < 0 || (unsigned long)ts.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if (ts.tv_sec <= INT_MAX) {
		deadline->span = timespec64_to_ktime(ts);
		deadline->at = 0;
	}
	return 0;
}

/**
 * struct kq_report - entries about changes, in eventlist
 * @eventlist: where the next entry goes
 * @room: how many more fit there
 * @count: how many there are
 */
struct kq_report {
	struct kq_event __user	*eventlist;
	int			room;
	int			count;
};

/*
 * Returns whether there was room.  As in BSD, an entry counts whether or not
 * its address was good.
 */
static bool report_change(struct kq_report *report, struct kq_event *kev,
			  int error)
{
	if (!report->room)
		return false;
	kev->flags = EV_ERROR;
	kev->data = -error;
	report->room--;
	report->count++;
	if (copy_to_user(report->eventlist++, kev, sizeof(*kev)))
		pr_debug("%s[%d]: no eventlist\n", current->comm, current->pid);
	return true;
}

/* What a program cannot say, and what is padding in its struct kevent. */
static void change_clean(struct kq_event *kev, bool narrow)
{
	kev->flags &= ~EV_SYSFLAGS;
	if (narrow) {
		kev->ident = (u32)kev->ident;
		kev->udata = (u32)kev->udata;
	}
}

static int changes_get(struct kq_event *kev, int n,
		       const struct kq_event __user *changelist)
{
	int i = 0;

	might_fault();
	if (should_fail_usercopy() ||
	    !user_read_access_begin(changelist, n * sizeof(*changelist)))
		return -EFAULT;
	while (i < n && kq_get_event(&kev[i], &changelist[i]))
		i++;
	user_read_access_end();
	return i < n ? -EFAULT : 0;
}

/*
 * Apply some changes in order.  Returns 1 when all were applied, 0 when an
 * EV_RECEIPT found no room and ends the call, or a negative errno.
 */
static int changes_apply(struct kqueue *kq, struct kq_event *kev, int n,
			 bool narrow, struct kq_report *report)
{
	struct knote_lot lot __uninitialized;
	unsigned int adds = 0;
	int i, error, ret = 1;

	for (i = 0; i < n; i++) {
		change_clean(&kev[i], narrow);
		adds += kev[i].flags & EV_ADD;
	}
	BUILD_BUG_ON(EV_ADD != 1);
	knote_lot_init(&lot, adds);
	for (i = 0; i < n && ret == 1; i++) {
		if (!kev[i].filter)
			continue;
		error = kqueue_register(kq, &kev[i], current, &lot, true);
		if ((error || kev[i].flags & EV_RECEIPT) &&
		    !report_change(report, &kev[i], error))
			ret = error;
	}
	knote_lot_end(&lot);
	return ret;
}

/*
 * Apply all changes, a lot at a time.  Returns whether the call goes on to take
 * events; if not, @ret is what it returns.
 */
static bool kqueue_change(struct kqueue *kq, const struct kq_kevent *call,
			  struct kq_event __user *eventlist, int *ret)
{
	struct kq_report report = {
		.eventlist = eventlist,
		.room = call->nevents,
	};
	const struct kq_event __user *changelist;
	struct kq_event kev[KNOTE_LOT] __uninitialized;
	int n, nchanges = call->nchanges;

	changelist = u64_to_user_ptr(call->changelist);
	for (; nchanges > 0; nchanges -= n, changelist += n) {
		n = min(nchanges, KNOTE_LOT);
		*ret = -EFAULT;
		if (changes_get(kev, n, changelist))
			return false;
		*ret = changes_apply(kq, kev, n, call->flags & KQ_CALL_NARROW,
				     &report);
		if (*ret != 1)
			return false;
		*ret = -EINTR;
		if (fatal_signal_pending(current))
			return false;
		cond_resched();
	}
	*ret = report.count;
	return !report.count;
}

/*
 * A signal came while the call slept.  If no handler runs the kernel makes the
 * call again: it is to wait on then, for what is left of its time.
 */
static int call_interrupted(struct kq_kevent *call,
			    struct kq_kevent __user *arg,
			    const struct kq_deadline *deadline)
{
	if (!(call->flags & KQ_CALL_RESUME))
		return -EINTR;
	call->nchanges = 0;
	call->timeout = 0;
	call->flags &= ~KQ_CALL_UNTIL;
	if (deadline->at != KTIME_MAX) {
		call->flags |= KQ_CALL_UNTIL;
		call->timeout = deadline->at;
	}
	return copy_to_user(arg, call, sizeof(*call)) ? -EINTR : -ERESTARTNOHAND;
}

/**
 * kqueue_kevent - kevent(2)
 * @kq: the queue
 * @arg: the call's arguments
 *
 * Context: process, may sleep.
 * Return: the number of entries stored, or a negative errno: -EBADF where the
 * caller is no thread of the queue's owner.
 */
int kqueue_kevent(struct kqueue *kq, struct kq_kevent __user *arg)
{
	struct kq_event __user *eventlist;
	struct kq_kevent call __uninitialized;
	struct kq_deadline deadline;
	int n, error, ret;

	if (!kqueue_owned(kq))
		return -EBADF;
	if (call_get(&call, arg))
		return -EFAULT;
	if (call.nchanges < 0 || call.nevents < 0 || call.reserved ||
	    call.flags & ~KQ_CALL_FLAGS)
		return -EINVAL;
	if (call.nevents) {
		error = deadline_get(&deadline, &call);
		if (error)
			return error;
	}
	eventlist = u64_to_user_ptr(call.eventlist);
	if (call.nchanges && !kqueue_change(kq, &call, eventlist, &ret))
		return ret;
	if (!call.nevents)
		return 0;
	n = kqueue_wait(kq, eventlist, call.nevents, &deadline);
	return n == -EINTR ? call_interrupted(&call, arg, &deadline) : n;
}
