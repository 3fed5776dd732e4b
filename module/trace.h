/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: what becomes of knotes, see doc/tracing.md.
 *
 * A queue goes by the number that it has in /proc/PID/fdinfo, so that no address
 * in the kernel is shown.  All but kqueue_register fire with the queue's lock
 * held and interrupts off.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kqueue

#if !defined(_KQUEUE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KQUEUE_TRACE_H

#include <linux/tracepoint.h>

#include "queue.h"

/*
 * Those who read traces in user space know negative numbers only in fields of 64
 * bits, and no name of one: names go by the filter's number without its sign.
 */
#define FILTER(value)	{ -(value), #value }
#define show_filter(filter)						\
	__print_symbolic(-(filter),					\
			 FILTER(EVFILT_READ), FILTER(EVFILT_WRITE),	\
			 FILTER(EVFILT_AIO), FILTER(EVFILT_VNODE),	\
			 FILTER(EVFILT_PROC), FILTER(EVFILT_SIGNAL),	\
			 FILTER(EVFILT_TIMER), FILTER(EVFILT_PROCDESC),	\
			 FILTER(EVFILT_FS), FILTER(EVFILT_LIO),		\
			 FILTER(EVFILT_USER), FILTER(EVFILT_SENDFILE),	\
			 FILTER(EVFILT_EMPTY), FILTER(EVFILT_JAIL),	\
			 FILTER(EVFILT_JAILDESC), FILTER(EVFILT_EXCEPT), \
			 FILTER(EVFILT_NETDEV))

#define FLAG(value)	{ value, #value }
#define show_flags(flags)						\
	__print_flags(flags, "|",					\
		      FLAG(EV_ADD), FLAG(EV_DELETE),			\
		      FLAG(EV_ENABLE), FLAG(EV_DISABLE),		\
		      FLAG(EV_ONESHOT), FLAG(EV_CLEAR),			\
		      FLAG(EV_RECEIPT), FLAG(EV_DISPATCH),		\
		      FLAG(EV_FORCEONESHOT), FLAG(EV_KEEPUDATA),	\
		      FLAG(EV_EOF))

/* What of a knote's state says something to those who watch it. */
#define SHOWN_STATUS	(KN_ACTIVE | KN_QUEUED | KN_DISABLED | KN_CLAIMED)

#define show_status(status)						\
	__print_flags(status, ",",					\
		      { KN_ACTIVE, "active" }, { KN_QUEUED, "queued" },	\
		      { KN_DISABLED, "disabled" },			\
		      { KN_CLAIMED, "claimed" })

/* A change: what was asked, and what came of it. */
TRACE_EVENT(kqueue_register,
	    TP_PROTO(const struct kqueue *kq, const struct kq_event *kev,
		     u32 fflags, int error),
	    TP_ARGS(kq, kev, fflags, error),
	    TP_STRUCT__entry(__field(u64, queue)
			     __field(u64, ident)
			     __field(s64, data)
			     __field(u64, udata)
			     __field(s64, filter)
			     __field(u32, fflags)
			     __field(u16, flags)
			     __field(int, error)),
	    TP_fast_assign(__entry->queue = kq->id;
			   __entry->ident = kev->ident;
			   __entry->data = kev->data;
			   __entry->udata = kev->udata;
			   __entry->fflags = fflags;
			   __entry->filter = kev->filter;
			   __entry->flags = kev->flags;
			   __entry->error = error;),
	    TP_printk("queue=%llu ident=%llu filter=%s flags=%s fflags=%#x data=%lld udata=%#llx error=%d",
		      __entry->queue, __entry->ident,
		      show_filter(__entry->filter), show_flags(__entry->flags),
		      __entry->fflags, __entry->data, __entry->udata,
		      __entry->error));

DECLARE_EVENT_CLASS(kqueue_knote,
		    TP_PROTO(const struct knote *kn),
		    TP_ARGS(kn),
		    TP_STRUCT__entry(__field(u64, queue)
				     __field(u64, ident)
				     __field(u64, udata)
				     __field(s64, filter)
				     __field(u16, flags)
				     __field(u16, status)),
		    TP_fast_assign(__entry->queue = kn->kn_kq->id;
				   __entry->ident = kn->kn_id;
				   __entry->udata = kn->kn_udata;
				   __entry->filter = kn->kn_filter;
				   /* Who has claimed it may be changing them. */
				   __entry->flags = data_race(kn->kn_flags);
				   __entry->status = kn->kn_state & SHOWN_STATUS;),
		    TP_printk("queue=%llu ident=%llu filter=%s flags=%s udata=%#llx status=%s",
			      __entry->queue, __entry->ident,
			      show_filter(__entry->filter),
			      show_flags(__entry->flags), __entry->udata,
			      show_status(__entry->status)));

/* It is pending from now on, and was not before: those who wait are told. */
DEFINE_EVENT(kqueue_knote, kqueue_activate,
	     TP_PROTO(const struct knote *kn), TP_ARGS(kn));

/* It is gone from its queue. */
DEFINE_EVENT(kqueue_knote, kqueue_drop,
	     TP_PROTO(const struct knote *kn), TP_ARGS(kn));

/* A scan by the current thread has delivered an event. */
TRACE_EVENT(kqueue_scan,
	    TP_PROTO(const struct kqueue *kq, const struct kq_event *ev),
	    TP_ARGS(kq, ev),
	    TP_STRUCT__entry(__field(u64, queue)
			     __field(u64, ident)
			     __field(s64, data)
			     __field(u64, udata)
			     __field(s64, filter)
			     __field(u32, fflags)
			     __field(u16, flags)),
	    TP_fast_assign(__entry->queue = kq->id;
			   __entry->ident = ev->ident;
			   __entry->data = ev->data;
			   __entry->udata = ev->udata;
			   __entry->fflags = ev->fflags;
			   __entry->filter = ev->filter;
			   __entry->flags = ev->flags;),
	    TP_printk("queue=%llu ident=%llu filter=%s flags=%s fflags=%#x data=%lld udata=%#llx",
		      __entry->queue, __entry->ident,
		      show_filter(__entry->filter), show_flags(__entry->flags),
		      __entry->fflags, __entry->data, __entry->udata));

#endif /* _KQUEUE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH module
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
