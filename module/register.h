/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KQUEUE_REGISTER_H
#define _KQUEUE_REGISTER_H

#include "queue.h"

int kqueue_register(struct kqueue *kq, struct kq_event *kev,
		    struct task_struct *td, struct knote_lot *lot, bool waitok);

#endif /* _KQUEUE_REGISTER_H */
