// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/fdinfo of a queue: a line for itself and one for each knote.
 *
 * The list is walked in slices, so that interrupts are not off for long, with
 * a cursor in it in between, which others recognise by KN_MARKER.
 */
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include "fdinfo.h"
#include "queue.h"

#define SLICE	64

/* One word of a list that is empty so far if @comma is.  Returns the next. */
static const char *show_word(struct seq_file *m, const char *comma, bool is,
			     const char *word)
{
	if (!is)
		return comma;
	seq_printf(m, "%s%s", comma, word);
	return ",";
}

static void show_end(struct seq_file *m, const char *comma)
{
	seq_puts(m, *comma ? "\n" : "-\n");
}

static void show_queue(struct seq_file *m, struct kqueue *kq)
{
	const char *comma = "";

	seq_printf(m, "queue: id:%llu pending:%u status:", kq->id, kq->count);
	comma = show_word(m, comma, !list_empty(&kq->sleepers), "waited");
	/* waitqueue_active() without a barrier: it may be old by now anyway. */
	comma = show_word(m, comma, waitqueue_active(&kq->pollers), "polled");
	comma = show_word(m, comma, kq->dead, "dead");
	show_end(m, comma);
}

static void show_knote(struct seq_file *m, const struct knote *kn)
{
	/* Who has claimed it may be about to change them. */
	const struct kq_event kev = data_race(kn->kn_kevent);
	/* What was asked of it, too. */
	const u32 fflags = data_race(kn->kn_sfflags);
	const char *comma = "";

	seq_printf(m, "knote: ident:%#llx filter:%d flags:%#x fflags:%#x data:%lld udata:%#llx status:",
		   kev.ident, kev.filter, kev.flags, fflags, kev.data,
		   kev.udata);
	comma = show_word(m, comma, kn->kn_state & KN_ACTIVE, "active");
	comma = show_word(m, comma, kn->kn_state & KN_QUEUED, "queued");
	comma = show_word(m, comma, kn->kn_state & KN_DISABLED, "disabled");
	comma = show_word(m, comma, kn->kn_state & KN_CLAIMED, "claimed");
	show_end(m, comma);
}

/*
 * A copy of a queue may have come to somebody else, who may have a set-uid program
 * read what he has opened.
 */
static bool may_see_knotes(const struct seq_file *m, const struct kqueue *kq)
{
	return kqueue_owned(kq) ||
	       uid_eq(m->file->f_cred->uid, kq->cred->uid) ||
	       file_ns_capable(m->file, kq->cred->user_ns, CAP_SYS_PTRACE);
}

/**
 * fdinfo_show - describe a queue and list its knotes
 * @m: where to
 * @kq: the queue
 *
 * The knotes for its owner, its user and who may trace any alone.
 *
 * Context: process, may sleep.
 */
void fdinfo_show(struct seq_file *m, struct kqueue *kq)
{
	struct knote cursor = { .kn_state = KN_MARKER };
	bool knotes = may_see_knotes(m, kq);
	struct knote *kn;
	int n = 0;

	raw_spin_lock_irq(&kq->lock);
	show_queue(m, kq);
	list_add(&cursor.kn_link, &kq->knotes);
	while (knotes && !list_is_last(&cursor.kn_link, &kq->knotes) &&
	       !seq_has_overflowed(m)) {
		kn = list_next_entry(&cursor, kn_link);
		list_move(&cursor.kn_link, &kn->kn_link);
		if (!(kn->kn_state & KN_MARKER))
			show_knote(m, kn);
		if (++n % SLICE == 0) {
			raw_spin_unlock_irq(&kq->lock);
			cond_resched();
			raw_spin_lock_irq(&kq->lock);
		}
	}
	list_del(&cursor.kn_link);
	raw_spin_unlock_irq(&kq->lock);
}
