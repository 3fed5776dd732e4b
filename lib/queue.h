/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef _LIBKQUEUE_QUEUE_H
#define _LIBKQUEUE_QUEUE_H

#pragma GCC visibility push(hidden)

/* Whether a descriptor is an open of /dev/kqueue; errno may change. */
int kq_is_queue(int fd);

/* A descriptor is another queue's from now on: its page says nothing. */
void kq_forget_page(int fd);

#pragma GCC visibility pop

#endif /* _LIBKQUEUE_QUEUE_H */
