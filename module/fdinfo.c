// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/fdinfo of a queue: a line for each knote.
 *
 * The list is walked in slices, so that interrupts are not off for long, with
 * a cursor in it in between, which others recognise by KN_MARKER.
 */
#include <linux/sched.h>
#include <linux/seq_file.h>

#include "fdinfo.h"
#include "queue.h"

#define SLICE	64

static void show_status(struct seq_file *m, unsigned int status)
{
	static const struct {
		unsigned int	bit;
		const char	*name;
	} bits[] = {
		{ KN_ACTIVE, "active" },
		{ KN_QUEUED, "queued" },
		{ KN_DISABLED, "disabled" },
		{ KN_CLAIMED, "claimed" },
	};
	const char *comma = "";
	int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if (status & bits[i].bit) {
			seq_printf(m, "%s%s", comma, bits[i].name);
			comma = ",";
		}
	}
	seq_puts(m, *comma ? "\n" : "-\n");
}

static void show_knote(struct seq_file *m, const struct knote *kn)
{
	seq_printf(m, "knote: ident:%#llx filter:%d flags:%#x fflags:%#x data:%lld udata:%#llx status:",
		   kn->kn_id, kn->kn_filter, kn->kn_flags, kn->kn_sfflags,
		   kn->kn_data, kn->kn_udata);
	show_status(m, kn->kn_state);
}

/**
 * fdinfo_show - list the knotes of a queue
 * @m: where to
 * @kq: the queue
 *
 * Context: process, may sleep.
 */
void fdinfo_show(struct seq_file *m, struct kqueue *kq)
{
	struct knote cursor = { .kn_state = KN_MARKER };
	struct knote *kn;
	int n = 0;

	raw_spin_lock_irq(&kq->lock);
	list_add(&cursor.kn_link, &kq->knotes);
	while (!list_is_last(&cursor.kn_link, &kq->knotes) &&
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
