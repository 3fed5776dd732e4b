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

struct knote *knote_alloc(struct kqueue *kq, gfp_t gfp);
void knote_free(struct knote *kn);
struct knote *knote_alloc_stock(gfp_t gfp);
void knote_free_stock(struct knote *kn);
int knote_charge(struct kqueue *kq);

struct knote *knote_find(struct kqueue *kq, struct file *fp,
			 const struct kq_event *kev);
int knote_publish(struct knote *kn);

void knote_activate(struct knote *kn);
void knote_enqueue(struct knote *kn);
void knote_dequeue(struct knote *kn);
void knote_fire(struct knote *kn);

bool knote_unclaim(struct knote *kn);
bool knote_kill(struct knote *kn);
void knote_drop(struct knote *kn);
void knote_drop_later(struct knote *kn);
void knote_fput(struct file *fp);

bool knote_slot_lost(const struct knote *kn, struct files_struct *files);
struct kqueue *knote_of_slot(struct file *fp, const struct files_struct *files,
			     struct kq_event *kev);
void knote_fdclose_table(struct file *fp, struct files_struct *files);

#endif /* _KQUEUE_KNOTE_H */
