// SPDX-License-Identifier: GPL-2.0
/*
 * How much there is to read and room to write.
 *
 * Everything here is read without the object's sleeping locks - a socket's, a
 * pipe's, an inode's - because another process may hold one of them over a
 * page fault of its own making.  A value may therefore be a little old, as it
 * may be anyway by the time the program sees it.
 *
 * Where only the file itself knows, its FIONREAD is asked, which stores its
 * answer in the program's memory: in the slot of the event that is about to be
 * written there, with page faults disabled.  Only kernel code that is known
 * not to block is asked, never FUSE or CUSE.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <linux/pipe_fs_i.h>
#include <linux/tty.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <net/udp.h>
#include <asm/ioctls.h>

#include "amount.h"
#include "compat/fdtable.h"
#include "compat/magic.h"
#include "compat/unix.h"
#include "uaccess.h"

/* How often a terminal is looked at while somebody is at it: some milliseconds. */
#define TTY_TRIES	50

static enum kq_object socket_object(const struct sock *sk)
{
	switch (sk->sk_family) {
	case AF_INET:
	case AF_INET6:
		if (sk->sk_type == SOCK_STREAM && sk->sk_protocol == IPPROTO_TCP)
			return OBJECT_TCP;
		if (sk->sk_type == SOCK_DGRAM &&
		    (sk->sk_protocol == IPPROTO_UDP ||
		     sk->sk_protocol == IPPROTO_UDPLITE))
			return OBJECT_UDP;
		if (sk->sk_type == SOCK_DGRAM || sk->sk_type == SOCK_RAW)
			return OBJECT_DGRAM;
		break;
	case AF_UNIX:
		return sk->sk_type == SOCK_DGRAM ? OBJECT_UNIX_DGRAM :
						   OBJECT_UNIX;
	case AF_NETLINK:
		return OBJECT_DGRAM;
	}
	return OBJECT_SOCKET;
}

static bool is_tty(const struct inode *inode)
{
	unsigned int major = imajor(inode);

	return S_ISCHR(inode->i_mode) &&
	       (major == TTY_MAJOR || major == TTYAUX_MAJOR ||
		(major >= UNIX98_PTY_MASTER_MAJOR &&
		 major < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT));
}

/*
 * Whether what is no pipe, socket or device knows when it is ready: a message
 * queue, trace_pipe, /proc/kmsg.  FUSE asks somebody, who as a rule does not know.
 */
static bool is_polled(const struct file *file)
{
	return file->f_op->poll &&
	       file_inode(file)->i_sb->s_magic != FUSE_SUPER_MAGIC;
}

/* What a file without an inode of its own is, by its name. */
static enum kq_object anonymous_object(const struct file *file)
{
	const struct qstr *name = &file->f_path.dentry->d_name;

	if (file_inode(file)->i_sb->s_magic != ANON_INODE_FS_MAGIC)
		return OBJECT_OTHER;
	switch (name->len) {
	case 7:
		if (!memcmp(name->name, "inotify", 7))
			return OBJECT_FIONREAD;
		break;
	case 9:
		if (!memcmp(name->name, "[eventfd]", 9) ||
		    !memcmp(name->name, "[timerfd]", 9))
			return OBJECT_COUNTER;
		break;
	}
	return OBJECT_OTHER;
}

/**
 * amount_object - what a file is
 * @file: the file
 */
enum kq_object amount_object(struct file *file)
{
	const struct inode *inode = file_inode(file);
	struct socket *sock = kq_sock_from_file(file);

	if (sock)
		return sock->sk ? socket_object(sock->sk) : OBJECT_OTHER;
	switch (inode->i_mode & S_IFMT) {
	case S_IFIFO:
		/* Those of rpc_pipefs are none. */
		return inode->i_pipe && inode->i_pipe == file->private_data ?
		       OBJECT_PIPE : OBJECT_OTHER;
	case S_IFDIR:
		return OBJECT_INODE;
	case S_IFREG:
		return is_polled(file) ? OBJECT_OTHER : OBJECT_INODE;
	}
	return is_tty(inode) ? OBJECT_TTY : anonymous_object(file);
}

/* Whether the object's ->poll is kernel code that never waits for anybody. */
bool amount_never_blocks(enum kq_object object)
{
	switch (object) {
	case OBJECT_COUNTER:
	case OBJECT_TCP:
	case OBJECT_UDP:
	case OBJECT_UNIX:
	case OBJECT_UNIX_DGRAM:
	case OBJECT_PIPE:
	case OBJECT_INODE:
		return true;
	default:
		return false;
	}
}

/* With urgent data on its way: a read stops ahead of it, or goes on behind. */
static s64 tcp_bytes_urgent(struct sock *sk, u32 copied)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (READ_ONCE(tp->urg_seq) == copied && !sock_flag(sk, SOCK_URGINLINE))
		return (s32)(READ_ONCE(tp->rcv_nxt) - copied) - 1 -
		       sock_flag(sk, SOCK_DONE);
	return tcp_inq(sk);
}

/**
 * amount_tcp - how many bytes of a connection can be read
 * @sk: its socket, which does not listen
 *
 * Context: any.
 */
s64 amount_tcp(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 copied = READ_ONCE(tp->copied_seq);
	s64 bytes;

	if ((1 << READ_ONCE(sk->sk_state)) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		return 0;
	if (READ_ONCE(tp->urg_data))
		return max(tcp_bytes_urgent(sk, copied), 0LL);
	/* The end counts as one. */
	bytes = (s32)(READ_ONCE(tp->rcv_nxt) - copied);
	return bytes > 0 ? bytes - sock_flag(sk, SOCK_DONE) : 0;
}

/*
 * Of a queue that changes with its own lock held.  Those of MPTCP, SCTP, TIPC and
 * others change under the socket's.
 */
static s64 queue_bytes(struct sk_buff_head *queue)
{
	struct sk_buff *skb;
	s64 bytes = 0;

	spin_lock_bh(&queue->lock);
	skb_queue_walk(queue, skb)
		bytes += skb->len;
	spin_unlock_bh(&queue->lock);
	return bytes;
}

/* Datagrams move from the one queue to the other when somebody polls or reads. */
static s64 udp_bytes(struct sock *sk)
{
	struct sk_buff_head *queue = &udp_sk(sk)->reader_queue;
	struct sk_buff *skb;
	s64 bytes = 0;

	spin_lock_bh(&queue->lock);
	skb_queue_walk(queue, skb)
		bytes += skb->len;
	bytes += queue_bytes(&sk->sk_receive_queue);
	spin_unlock_bh(&queue->lock);
	return bytes;
}

/**
 * amount_unix - how many bytes of a stream or seqpacket socket can be read
 * @sk: the socket, which does not listen
 *
 * Context: process.
 */
s64 amount_unix(struct sock *sk)
{
	return kq_unix_inq(sk);
}

/**
 * amount_pipe - how many bytes of a pipe can be read
 * @pipe: the pipe
 *
 * Context: process, interrupts on.
 * Return: the bytes, 0 where its buffers have none; negative where it is empty.
 */
s64 amount_pipe(struct pipe_inode_info *pipe)
{
	unsigned int used, tail, mask;
	s64 bytes = -1;

	/* Nobody replaces the ring while this is held. */
	spin_lock_irq(&pipe->rd_wait.lock);
	/*
	 * Readers and writers move these with only their mutex held: tail is read
	 * first, never to be ahead of head.  What was read since has no length, or is
	 * counted once more.
	 */
	tail = smp_load_acquire(&pipe->tail);
	used = (typeof(pipe->head))(READ_ONCE(pipe->head) - tail);
	if (used) {
		bytes = 0;
		mask = pipe->ring_size - 1;
		for (used = min(used, pipe->ring_size); used; used--)
			bytes += READ_ONCE(pipe->bufs[tail++ & mask].len);
	}
	spin_unlock_irq(&pipe->rd_wait.lock);
	return bytes;
}

static s64 listen_backlog(struct sock *sk, enum kq_object object)
{
	if (object == OBJECT_UNIX)
		return skb_queue_len_lockless(&sk->sk_receive_queue);
	/* MPTCP and TIPC do not count here. */
	return READ_ONCE(sk->sk_ack_backlog) ?: object == OBJECT_SOCKET;
}

/*
 * Whether a terminal answers.  Its FIONREAD waits for who reads from it, and that
 * may be into a page that does not come; others are through in a moment.
 */
static bool tty_answers(struct file *file)
{
	const struct tty_file_private *priv = file->private_data;
	int tries;

	for (tries = 0; rwsem_is_locked(&priv->tty->termios_rwsem); tries++) {
		if (tries == TTY_TRIES)
			return false;
		usleep_range(50, 100);
	}
	return true;
}

static int ask_file(struct file *file, int __user *slot, s64 *amount)
{
	const struct file_operations *fops = file->f_op;
	int bytes;
	long ret;

	*amount = slot ? 1 : S64_MAX;
	if (!slot || !fops->unlocked_ioctl)
		return 0;
	pagefault_disable();
	ret = fops->unlocked_ioctl(file, FIONREAD, (unsigned long)slot);
	if (!ret)
		ret = __get_user(bytes, slot);
	pagefault_enable();
	/* One that has no answer has no bytes: a terminal that was hung up. */
	*amount = ret ? 0 : bytes;
	return ret == -EFAULT ? -EFAULT : 0;
}

/* amount_to_read() of an object that knows. */
int amount_of_object(struct file *file, enum kq_object object,
		     void __user *slot, s64 *amount)
{
	struct sock *sk = amount_is_socket(object) ? amount_sock(file) : NULL;

	if (sk && amount_listens(sk)) {
		*amount = listen_backlog(sk, object);
		return 0;
	}
	*amount = 1;
	switch (object) {
	case OBJECT_TCP:
		*amount = amount_tcp(sk);
		return 0;
	case OBJECT_UDP:
		*amount = udp_bytes(sk);
		return 0;
	case OBJECT_UNIX_DGRAM:
	case OBJECT_DGRAM:
		*amount = queue_bytes(&sk->sk_receive_queue);
		return 0;
	case OBJECT_PIPE:
		*amount = max(amount_pipe(file->private_data), 0LL);
		return 0;
	case OBJECT_UNIX:
		*amount = amount_unix(sk);
		return 0;
	case OBJECT_TTY:
		if (slot && !tty_answers(file))
			return 0;
		fallthrough;
	case OBJECT_FIONREAD:
		return ask_file(file, slot, amount);
	case OBJECT_INODE:
		*amount = 0;
		return 0;
	default:
		return 0;
	}
}

/*
 * What was sent and is not freed yet.  A buffer that is being freed tells so while
 * one byte of it still counts, and nobody when that has gone.
 */
static int sock_unsent(struct sock *sk)
{
	int unsent = sk_wmem_alloc_get(sk);

	return unsent < (int)SKB_TRUESIZE(0) ? 0 : unsent;
}

static s64 pipe_room(struct pipe_inode_info *pipe)
{
	unsigned int used = READ_ONCE(pipe->head) - READ_ONCE(pipe->tail);
	unsigned int max_usage = READ_ONCE(pipe->max_usage);

	return used < max_usage ? (s64)(max_usage - used) << PAGE_SHIFT : 0;
}

/**
 * amount_to_write - how many bytes can be written
 * @file: the file
 * @object: what it is
 *
 * Context: process; does not wait for anybody.
 */
s64 amount_to_write(struct file *file, enum kq_object object)
{
	struct sock *sk;

	switch (object) {
	case OBJECT_TCP:
		return max(sk_stream_wspace(amount_sock(file)), 0);
	case OBJECT_UDP:
	case OBJECT_UNIX:
	case OBJECT_UNIX_DGRAM:
	case OBJECT_DGRAM:
		sk = amount_sock(file);
		return max(READ_ONCE(sk->sk_sndbuf) - sock_unsent(sk), 0);
	case OBJECT_PIPE:
		return pipe_room(file->private_data);
	case OBJECT_INODE:
		return 0;
	default:
		return 1;
	}
}

/**
 * amount_unsent - how many bytes of a socket's send queue are still its own
 * @file: a socket's file
 * @object: what it is
 *
 * Context: process; does not wait for anybody.
 */
s64 amount_unsent(struct file *file, enum kq_object object)
{
	struct sock *sk = amount_sock(file);

	if (amount_listens(sk))
		return 0;
	if (object == OBJECT_TCP)
		return READ_ONCE(tcp_sk(sk)->write_seq) -
		       READ_ONCE(tcp_sk(sk)->snd_una);
	return sock_unsent(sk);
}
