/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The life of a knote: allocated and charged, published in the look-up table
 * and its queue, claimed and let go, killed, dropped, freed.
 */
#ifndef _KQUEUE_KNOTE_H
#define _KQUEUE_KNOTE_H

#include "queue.h"

int knote_init(void);
void knote_flush(void);
void knote_exit(void);

/* How many changes are made, and knotes allocated or freed, at a time. */
#define KNOTE_LOT	16

/* Knotes of one ident in a queue, of what it has named one after the other. */
#define KNOTE_SAME_MAX	64

/**
 * struct knote_lot - knotes that come and go with some changes of a call
 * @nspare: how many were allocated ahead
 * @spare: those
 * @gone: those that were dropped, to be freed together
 */
struct knote_lot {
	unsigned int		nspare;
	struct knote		*spare[KNOTE_LOT];
	struct list_head	gone;
};

void knote_lot_init(struct knote_lot *lot, unsigned int adds);
void knote_lot_end(struct knote_lot *lot);

struct knote *knote_alloc(struct kqueue *kq, struct knote_lot *lot, gfp_t gfp);
void knote_unused(struct knote *kn, struct knote_lot *lot);
struct knote *knote_alloc_stock(gfp_t gfp);
void knote_free_stock(struct knote *kn);
int knote_charge(struct kqueue *kq);

struct hlist_head *knote_bucket(struct kqueue *kq, const struct file *fp,
				const struct kq_event *kev);
struct knote *knote_find(struct kqueue *kq, struct hlist_head *bucket,
			 const struct file *fp, const struct kq_event *kev);
bool knote_absent(const struct kqueue *kq, struct hlist_head *bucket,
		  const struct kq_event *kev);
int knote_publish(struct knote *kn, struct hlist_head *bucket);

void knote_activate_sync(struct knote *kn, int sync);
void knote_enqueue(struct knote *kn, int sync);
void knote_dequeue(struct knote *kn);
void knote_fire(struct knote *kn, int sync);

bool knote_unclaim(struct knote *kn);
bool knote_kill(struct knote *kn);
void knote_drop(struct knote *kn);
void knote_drop_lot(struct knote *kn, struct knote_lot *lot);
void knote_drop_later(struct knote *kn);
void knote_fput(struct file *fp);

bool knote_slot_lost(const struct knote *kn, struct files_struct *files);
struct kqueue *knote_of_slot(struct file *fp, const struct files_struct *files,
			     struct kq_event *kev);
void knote_fdclose_table(struct file *fp, struct files_struct *files);

/* Whether a knote is one that a change to a queue may name. */
static inline bool knote_has(const struct knote *kn, const struct kqueue *kq,
			     const struct kq_event *kev)
{
	return kn->kn_kq == kq && kn->kn_id == kev->ident &&
	       kn->kn_filter == kev->filter;
}

/* knote_activate_sync() for those who know nothing of it. */
static inline void knote_activate(struct knote *kn)
{
	knote_activate_sync(kn, 0);
}

#endif /* _KQUEUE_KNOTE_H */
