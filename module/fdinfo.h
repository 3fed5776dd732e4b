/* SPDX-License-Identifier: GPL-2.0 */
/* /proc/PID/fdinfo of a queue. */
#ifndef _KQUEUE_FDINFO_H
#define _KQUEUE_FDINFO_H

struct kqueue;
struct seq_file;

void fdinfo_show(struct seq_file *m, struct kqueue *kq);

#endif /* _KQUEUE_FDINFO_H */
