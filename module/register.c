// SPDX-License-Identifier: GPL-2.0
/*
 * Changes: knotes added, modified and deleted.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/sched/signal.h>

#include "compat/fdtable.h"
#include "compat/wait.h"
#include "filter.h"
#include "knlist.h"
#include "knote.h"
#include "register.h"
#include "trace.h"

/* What a module's filter returned, where it should have been 0 or an errno. */
static int filter_error(int error)
{
	return error > 0 || error < -MAX_ERRNO ? -EINVAL : error;
}

/* Ask a claimed, enabled knote whether it has something to report. */
static bool knote_ready(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;
	struct kq_event ev;
	struct knlist *knl;
	unsigned long flags;
	bool ready;

	if (kn->kn_fop->f_sample) {
		ev.flags = 0;
		return kn->kn_fop->f_sample(kn, &ev, NULL) > 0;
	}
	knl = knlist_lock(kn);
	raw_spin_lock_irqsave(&kq->lock, flags);
	ready = !(kn->kn_state & KN_DYING) &&
		(knote_orphaned(kn) || knote_fires(kn, 0));
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	knlist_unlock(knl);
	return ready;
}

/* Let go of a knote after a change to it, which adds to its state. */
static void knote_settle(struct knote *kn, unsigned int state)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;
	bool dead = false;

	raw_spin_lock_irqsave(&kq->lock, flags);
	kn->kn_state |= state;
	if (likely((kn->kn_state & ~KN_SAMPLED) == KN_CLAIMED)) {
		/* Nothing happened meanwhile. */
		kn->kn_state &= ~KN_CLAIMED;
		kq_count(&kq->claim_seq, 1);
	} else {
		dead = knote_unclaim(kn);
	}
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	kqueue_wake_claims(kq);
	if (dead)
		knote_drop(kn);
}

/* Take back a knote that was published and claimed by the caller. */
static void knote_withdraw(struct knote *kn)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;

	raw_spin_lock_irqsave(&kq->lock, flags);
	knote_kill(kn);
	knote_unclaim(kn);
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	kqueue_wake_claims(kq);
	knote_drop(kn);
}

static bool slot_kept(struct knote *kn, struct files_struct *files)
{
	bool kept;

	spin_lock(&files->file_lock);
	kept = !knote_slot_lost(kn, files);
	spin_unlock(&files->file_lock);
	return kept;
}

/* See fdclose.c for why the slot is read again. */
static bool knote_slot_kept(struct knote *kn, struct task_struct *td)
{
	bool kept;

	if (td == current)
		return slot_kept(kn, td->files);
	task_lock(td);
	kept = td->files && slot_kept(kn, td->files);
	task_unlock(td);
	return kept;
}

/*
 * Attach a published knote, evaluate it and let go of it.  Its descriptor may
 * be closed meanwhile if the table is @shared.
 */
static int knote_attach(struct knote *kn, struct task_struct *td, bool shared)
{
	int error = -EBADF;
	unsigned int state = 0;

	if (!shared || knote_slot_kept(kn, td))
		error = filter_error(kn->kn_fop->f_attach(kn));
	if (error) {
		knlist_leave(kn);
		kn->kn_status = KN_DETACHED;
		knote_withdraw(kn);
		return error;
	}
	if (kn->kn_fop->f_sample) {
		/* It has done so when it attached. */
		if (kn->kn_fop->f_flags & FILTER_NOBLOCK)
			state = KN_SAMPLED;
	} else if (!knote_state(kn, KN_DISABLED) && knote_ready(kn)) {
		state = KN_ACTIVE;
	}
	knote_settle(kn, state);
	return 0;
}

/* Set up a knote from the change that adds it. */
static void knote_fill(struct knote *kn, const struct kq_event *kev,
		       const struct filterops *fops, struct file *fp)
{
	kn->kn_fop = fops;
	kn->kn_fp = fp;
	kn->kn_sfflags = kev->fflags;
	kn->kn_sdata = kev->data;
	kn->kn_kevent = *kev;
	kn->kn_fflags = 0;
	kn->kn_data = 0;
	kn->kn_flags &= EV_ONESHOT | EV_CLEAR | EV_RECEIPT | EV_DISPATCH |
			EV_SYSFLAGS;
	if (kev->flags & EV_DISABLE)
		kn->kn_state |= KN_DISABLED;
}

/* What a change does besides its filter's part.  Queue locked. */
static void knote_change(struct knote *kn, const struct kq_event *kev)
{
	if (!(kev->flags & EV_KEEPUDATA))
		kn->kn_udata = kev->udata;
	if (!filter_touches(kn->kn_fop)) {
		kn->kn_sfflags = kev->fflags;
		kn->kn_sdata = kev->data;
	}
	if (kev->flags & EV_FORCEONESHOT) {
		kn->kn_flags |= EV_ONESHOT;
		kn->kn_state |= KN_ACTIVE | KN_FORCED;
	}
	if (kev->flags & EV_ENABLE) {
		kn->kn_state &= ~KN_DISABLED;
	} else if (kev->flags & EV_DISABLE) {
		knote_dequeue(kn);
		kn->kn_state |= KN_DISABLED;
	}
}

/* Let a filter have its say on a change to a knote. */
static int filter_change(struct knote *kn, struct kq_event *kev)
{
	const struct filterops *fops = kn->kn_fop;
	struct knlist *knl;
	int error = 0;

	if (filter_touches(fops)) {
		knl = knlist_lock(kn);
		if (!knote_orphaned(kn))
			error = fops->f_touch(kn, kev, EVENT_REGISTER);
		knlist_unlock(knl);
	} else if (!knote_orphaned(kn)) {
		error = fops->f_change(kn, kev);
	}
	return filter_error(error);
}

/* Whether a filter has no say: a change is made when its knote is claimed. */
static bool filter_agrees(const struct filterops *fops)
{
	return !filter_touches(fops) && !fops->f_change;
}

/* Change a knote that the caller has claimed. */
static int knote_modify(struct knote *kn, struct kq_event *kev)
{
	struct kqueue *kq = kn->kn_kq;
	unsigned long flags;
	bool disabled;
	int error;

	if (!filter_agrees(kn->kn_fop)) {
		error = filter_change(kn, kev);
		if (error) {
			knote_settle(kn, 0);
			return error;
		}
		raw_spin_lock_irqsave(&kq->lock, flags);
		knote_change(kn, kev);
		raw_spin_unlock_irqrestore(&kq->lock, flags);
	}
	disabled = knote_state(kn, KN_DISABLED);
	knote_settle(kn, !disabled && knote_ready(kn) ? KN_ACTIVE : 0);
	return 0;
}

/**
 * struct ident_file - the file that a change names
 * @fp: the file, NULL where the filter has none
 * @shared: a reference is held, since others may close the descriptor
 */
struct ident_file {
	struct file	*fp;
	bool		shared;
};

static void ident_file_put(const struct ident_file *f)
{
	if (f->shared)
		knote_fput(f->fp);
}

static int ident_file_get(struct ident_file *f, struct kqueue *kq, u64 ident,
			  struct task_struct *td)
{
	struct fd fd;

	if (ident > INT_MAX)
		return -EBADF;
	if (td == current) {
		fd = fdget(ident);
		f->fp = kq_fd_file(fd);
		f->shared = kq_fd_shared(fd);
	} else {
		f->fp = kq_fget_task(td, ident);
		f->shared = f->fp;
	}
	if (!f->fp)
		return -EBADF;
	if (file_kqueue(f->fp) == kq) {
		ident_file_put(f);
		return -EINVAL;
	}
	return 0;
}

/*
 * Find the knote of a change, claim it and, unless its filter has a say, make the
 * change; or publish @new, if there is one, in its place.  Returns the knote, or an
 * error.  The knote is claimed, but for EV_DELETE it is killed, and the caller's to
 * drop.
 */
static struct knote *kqueue_claim(struct kqueue *kq, const struct kq_event *kev,
				  struct hlist_head *bucket, struct file *fp,
				  struct knote *new, bool waitok)
{
	unsigned long flags;
	unsigned int seq;
	struct knote *kn;
	int error;

again:
	raw_spin_lock_irqsave(&kq->lock, flags);
	error = -EBADF;
	if (kq->dead)
		goto out_unlock;
	kn = knote_find(kq, bucket, fp, kev);
	if (kn && kn->kn_state & KN_CLAIMED) {
		error = -EAGAIN;
		if (!waitok)
			goto out_unlock;
		seq = kq->claim_seq;
		raw_spin_unlock_irqrestore(&kq->lock, flags);
		if (kq_swait_event_killable(kq->claims,
					    READ_ONCE(kq->claim_seq) != seq))
			return ERR_PTR(-EINTR);
		goto again;
	}
	if (kn) {
		if (kev->flags & EV_DELETE)
			knote_kill(kn);
		else if (filter_agrees(kn->kn_fop))
			knote_change(kn, kev);
		kn->kn_state |= KN_CLAIMED;
	} else if (new) {
		error = knote_publish(new, bucket);
		if (error)
			goto out_unlock;
		kn = new;
	} else {
		error = -ENOENT;
		goto out_unlock;
	}
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return kn;

out_unlock:
	raw_spin_unlock_irqrestore(&kq->lock, flags);
	return ERR_PTR(error);
}

/*
 * kqueue_claim(), where a change that adds publishes a knote if there is none:
 * that is *@new then, which else is unused.
 */
static struct knote *kqueue_claim_or_add(struct kqueue *kq,
					 const struct kq_event *kev,
					 const struct filterops *fops,
					 struct file *fp, struct knote **new,
					 struct knote_lot *lot, bool waitok)
{
	gfp_t gfp = waitok ? GFP_KERNEL : GFP_NOWAIT | __GFP_NOWARN;
	struct hlist_head *bucket = knote_bucket(kq, fp, kev);
	struct knote *kn;

	*new = NULL;
	/* One that costs nothing, or that will be needed, saves a look. */
	if (!(kev->flags & EV_ADD) ||
	    !((lot && lot->nspare) || hlist_empty(bucket) ||
	      knote_absent(kq, bucket, kev))) {
		kn = kqueue_claim(kq, kev, bucket, fp, NULL, waitok);
		if (!(kev->flags & EV_ADD) || kn != ERR_PTR(-ENOENT))
			return kn;
	}
	kn = knote_alloc(kq, lot, gfp);
	if (IS_ERR(kn)) {
		/* None is needed for a change to one that is there. */
		kn = kqueue_claim(kq, kev, bucket, fp, NULL, waitok);
		return kn == ERR_PTR(-ENOENT) ? ERR_PTR(-ENOMEM) : kn;
	}
	knote_fill(kn, kev, fops, fp);
	*new = kn;
	return kqueue_claim(kq, kev, bucket, fp, kn, waitok);
}

/* kqueue_register() for a filter that is there. */
static int register_filter(struct kqueue *kq, struct kq_event *kev,
			   const struct filterops *fops,
			   struct task_struct *td, struct knote_lot *lot,
			   bool waitok)
{
	struct ident_file f = { 0 };
	struct knote *kn, *new;
	int error = 0;

	if (!waitok && !(fops->f_flags & FILTER_ATOMIC))
		return -EAGAIN;
	if (fops->f_isfd) {
		error = ident_file_get(&f, kq, kev->ident, td);
		if (error)
			return error;
	}
	kn = kqueue_claim_or_add(kq, kev, fops, f.fp, &new, lot, waitok);
	if (IS_ERR(kn)) {
		error = PTR_ERR(kn);
	} else if (kn == new) {
		new = NULL;
		kev->fflags = 0;	/* as BSD reports it */
		filter_hold(kev->filter);
		if (f.fp)
			get_file(f.fp);
		error = knote_attach(kn, td, f.shared);
	} else if (kev->flags & EV_DELETE) {
		knote_drop_lot(kn, lot);
	} else {
		error = knote_modify(kn, kev);
	}
	if (new)
		knote_unused(new, lot);
	ident_file_put(&f);
	return error;
}

static int register_change(struct kqueue *kq, struct kq_event *kev,
			   struct task_struct *td, struct knote_lot *lot,
			   bool waitok)
{
	const struct filterops *fops;
	int error;

	if ((kev->flags & EV_ENABLE && kev->flags & EV_DISABLE) ||
	    (kev->flags & EV_ADD && kev->flags & EV_KEEPUDATA))
		return -EINVAL;
	fops = filter_get(kev->filter);
	if (IS_ERR(fops))
		return PTR_ERR(fops);
	if (!fops)
		return kev->flags & EV_ADD ? -ENXIO : -ENOENT;
	error = register_filter(kq, kev, fops, td, lot, waitok);
	filter_put(kev->filter);
	return error;
}

/**
 * kqueue_register - apply one change
 * @kq: the queue
 * @kev: the change; its fflags are cleared when a knote is made of it
 * @td: a thread that owns the queue
 * @lot: knotes at hand, and a place for those that go; or NULL
 * @waitok: whether the caller may sleep
 *
 * Context: process.
 * Return: 0 or a negative errno, as kevent(2) reports it; -EAGAIN where it had
 * to sleep and @waitok is false.
 */
int kqueue_register(struct kqueue *kq, struct kq_event *kev,
		    struct task_struct *td, struct knote_lot *lot, bool waitok)
{
	u32 fflags = kev->fflags;
	int error = register_change(kq, kev, td, lot, waitok);

	trace_kqueue_register(kq, kev, fflags, error);
	return error;
}

/**
 * kqfd_register - apply a change to the queue behind a descriptor
 * @fd: the descriptor, of @td
 * @kev: the change, as a program would make it; the bits of EV_SYSFLAGS are
 *	kept, for the filter to see
 * @td: a thread of the process that owns the queue, which lives; it need not be
 *	the calling one, which may be a kernel thread
 * @waitok: whether the caller may sleep; if not, only filters with FILTER_ATOMIC
 *	will do
 *
 * The filter's ->f_attach runs in the calling thread.
 *
 * Context: process, interrupts on; may sleep if @waitok.
 * Return: 0; -EBADF where @fd is not a queue that the process of @td owns;
 * -EAGAIN where it had to sleep and may not; or what kevent(2) may report.
 */
int kqfd_register(int fd, struct kq_event *kev, struct task_struct *td,
		  int waitok)
{
	struct file *file = kq_fget_task(td, fd);
	int error = -EBADF;
	struct kqueue *kq;

	if (!file)
		return -EBADF;
	kq = file_kqueue(file);
	if (kq && kq->files == READ_ONCE(td->files))
		error = kqueue_register(kq, kev, td, NULL, waitok);
	knote_fput(file);
	return error;
}
EXPORT_SYMBOL_GPL(kqfd_register);

/**
 * knote_fdclose - remove all knotes of a descriptor, unseen
 * @td: a thread of the process whose descriptor it is, which lives
 * @fd: the descriptor, which the caller keeps from being closed
 *
 * For descriptors that go without being closed: a close does this by itself.
 * No event of those knotes is on its way when it returns, unless the calling
 * thread is being killed.
 *
 * Context: process, may sleep; no lock held.
 */
void knote_fdclose(struct task_struct *td, int fd)
{
	struct kq_event kev = { .ident = fd, .flags = EV_DELETE };
	struct file *file = kq_fget_task(td, fd);
	struct knote *kn = NULL;
	struct kqueue *kq;

	if (!file)
		return;
	while (kn != ERR_PTR(-EINTR)) {
		kq = knote_of_slot(file, READ_ONCE(td->files), &kev);
		if (!kq)
			break;
		kn = kqueue_claim(kq, &kev, knote_bucket(kq, file, &kev), file,
				  NULL, true);
		if (!IS_ERR(kn))
			knote_drop(kn);
		kqueue_put(kq);
		cond_resched();
	}
	knote_fput(file);
}
EXPORT_SYMBOL_GPL(knote_fdclose);
