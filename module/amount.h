/* SPDX-License-Identifier: GPL-2.0 */
/* How much there is: bytes to read, room to write, per kind of object. */
#ifndef _KQUEUE_AMOUNT_H
#define _KQUEUE_AMOUNT_H

#include <linux/fs.h>
#include <linux/in.h>
#include <linux/net.h>
#include <net/sock.h>
#include <net/tcp_states.h>

struct pipe_inode_info;

/* What a file is, as far as its amounts go. */
enum kq_object {
	OBJECT_OTHER,		/* 1 when it is ready */
	OBJECT_COUNTER,		/* eventfd, timerfd: the same, never blocks */
	OBJECT_TCP,
	OBJECT_UDP,
	OBJECT_UNIX,		/* stream, seqpacket */
	OBJECT_UNIX_DGRAM,
	OBJECT_DGRAM,		/* of others that queue datagrams as these do */
	OBJECT_SOCKET,		/* any other: 1 when it is ready */
	OBJECT_PIPE,
	OBJECT_TTY,		/* the file's own FIONREAD, which may have to wait */
	OBJECT_FIONREAD,	/* inotify: the file's own FIONREAD */
	OBJECT_INODE,		/* directory, plain file: always ready */
};

enum kq_object amount_object(struct file *file);
bool amount_never_blocks(enum kq_object object);

s64 amount_tcp(struct sock *sk);
s64 amount_unix(struct sock *sk);
s64 amount_pipe(struct pipe_inode_info *pipe);
int amount_of_object(struct file *file, enum kq_object object,
		     void __user *slot, s64 *amount);
s64 amount_to_write(struct file *file, enum kq_object object);
s64 amount_unsent(struct file *file, enum kq_object object);

static inline bool amount_is_socket(enum kq_object object)
{
	return object >= OBJECT_TCP && object <= OBJECT_SOCKET;
}

/* A socket whose bytes and room are known. */
static inline bool amount_is_counted(enum kq_object object)
{
	return object >= OBJECT_TCP && object < OBJECT_SOCKET;
}

/* The socket behind a file that is one. */
static inline struct sock *amount_sock(const struct file *file)
{
	return ((struct socket *)file->private_data)->sk;
}

/* SCTP's of many associations are in that state as well, and send and receive. */
static inline bool amount_listens(const struct sock *sk)
{
	return READ_ONCE(sk->sk_state) == TCP_LISTEN &&
	       !(sk->sk_type == SOCK_SEQPACKET &&
		 sk->sk_protocol == IPPROTO_SCTP);
}

/**
 * amount_to_read - how many bytes can be read, or connections accepted
 * @file: the file
 * @object: what it is
 * @slot: a place in the program's memory that may be overwritten; NULL where
 *	a guess, too high rather than too low, will do
 * @amount: where the answer goes
 *
 * Context: process; does not wait for anybody.
 * Return: 0, or -EFAULT when @slot had to be written and is not there.
 */
static inline int amount_to_read(struct file *file, enum kq_object object,
				 void __user *slot, s64 *amount)
{
	if (object > OBJECT_COUNTER)
		return amount_of_object(file, object, slot, amount);
	*amount = 1;
	return 0;
}

#endif /* _KQUEUE_AMOUNT_H */
