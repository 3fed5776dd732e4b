/* SPDX-License-Identifier: GPL-2.0 */
/* How much there is: bytes to read, room to write, per kind of object. */
#ifndef _KQUEUE_AMOUNT_H
#define _KQUEUE_AMOUNT_H

#include <linux/types.h>

struct file;
struct sock;

/* What a file is, as far as its amounts go. */
enum kq_object {
	OBJECT_OTHER,		/* 1 when it is ready */
	OBJECT_TCP,
	OBJECT_UDP,
	OBJECT_UNIX,		/* stream, seqpacket */
	OBJECT_UNIX_DGRAM,
	OBJECT_SOCKET,		/* of any other family */
	OBJECT_PIPE,
	OBJECT_FIONREAD,	/* tty, inotify: the file's own FIONREAD */
	OBJECT_INODE,		/* directory, regular file: always ready */
};

enum kq_object amount_object(struct file *file);
bool amount_is_socket(enum kq_object object);
bool amount_never_blocks(struct file *file, enum kq_object object);
struct sock *amount_sock(struct file *file);

int amount_to_read(struct file *file, enum kq_object object,
		   void __user *slot, s64 *amount);
s64 amount_to_write(struct file *file, enum kq_object object);
s64 amount_unsent(struct file *file, enum kq_object object);

#endif /* _KQUEUE_AMOUNT_H */
