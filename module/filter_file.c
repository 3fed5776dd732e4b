// SPDX-License-Identifier: GPL-2.0
/*
 * READ, WRITE, EXCEPT and EMPTY on whatever can be polled.
 *
 * The file's own ->poll puts us on its wait queues; a wake-up only marks the
 * knote, and what is true is asked of the file when the event is taken: ->poll
 * again, and the amounts.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/pipe_fs_i.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <net/tcp_states.h>

#include "amount.h"
#include "compat/sock.h"
#include "compat/wait.h"
#include "connecting.h"
#include "filter.h"
#include "knote.h"

#define READ_EVENTS	(EPOLLIN | EPOLLRDNORM | EPOLLRDHUP)
#define WRITE_EVENTS	(EPOLLOUT | EPOLLWRNORM)
#define EXCEPT_EVENTS	(EPOLLPRI)
#define ALWAYS_EVENTS	(EPOLLERR | EPOLLHUP)

static __poll_t filter_events(const struct knote *kn)
{
	switch (kn->kn_filter) {
	case EVFILT_READ:
		return READ_EVENTS | ALWAYS_EVENTS;
	case EVFILT_EXCEPT:
		return EXCEPT_EVENTS | ALWAYS_EVENTS;
	default:
		return WRITE_EVENTS | ALWAYS_EVENTS;
	}
}

/*
 * Called with the lock of the wait queue held.  With POLLFREE the queue is
 * about to go: leave it, and last of all say so, because from then on
 * wait_leave() does not wait for us.
 */
static int file_wake(wait_queue_entry_t *entry, unsigned int mode, int sync,
		     void *key)
{
	struct knote_wait *wait = container_of(entry, struct knote_wait, entry);
	struct knote *kn = entry->private;
	__poll_t events = key_to_poll(key);

	if (events && !(events & (kn->kn_events | POLLFREE)))
		return 0;
	knote_fire(kn, sync);
	if (events & POLLFREE) {
		list_del_init(&entry->entry);
		/* Pairs with wait_leave(). */
		smp_store_release(&wait->head, NULL);
	}
	return 0;
}

/* Returns whether it has left; always, unless told to @try. */
static bool wait_leave(struct knote_wait *wait, bool try)
{
	struct wait_queue_head *head;
	bool left = true;

	rcu_read_lock();
	/* Pairs with file_wake(). */
	head = smp_load_acquire(&wait->head);
	if (head && try)
		left = kq_remove_wait_try(head, &wait->entry);
	else if (head)
		remove_wait_queue(head, &wait->entry);
	if (left)
		wait->head = NULL;
	rcu_read_unlock();
	return left;
}

static bool file_leave(struct knote *kn, bool try)
{
	struct knote_wait *wait, *next;

	for (wait = &kn->kn_wait; wait; wait = wait->next)
		if (!wait_leave(wait, try))
			return false;
	for (wait = kn->kn_wait.next; wait; wait = next) {
		next = wait->next;
		kfree_rcu(wait, rcu);
	}
	return true;
}

static void file_detach(struct knote *kn)
{
	file_leave(kn, false);
}

static bool file_detach_try(struct knote *kn)
{
	return file_leave(kn, true);
}

/* WRITE on a unix socket. */
static void unix_write_detach(struct knote *kn)
{
	connecting_del(kn);
	file_leave(kn, false);
}

static bool unix_write_detach_try(struct knote *kn)
{
	connecting_del(kn);
	return file_leave(kn, true);
}

/**
 * struct file_attach - what ->poll hands on to file_queue()
 * @pt: the poll table
 * @kn: the knote
 * @error: 0 or -ENOMEM
 */
struct file_attach {
	poll_table	pt;
	struct knote	*kn;
	int		error;
};

static void file_queue(struct file *file, struct wait_queue_head *head,
		       poll_table *pt)
{
	struct file_attach *at = container_of(pt, struct file_attach, pt);
	struct knote_wait *wait = &at->kn->kn_wait;

	if (wait->head) {
		wait = kzalloc(sizeof(*wait), GFP_KERNEL_ACCOUNT);
		if (!wait) {
			at->error = -ENOMEM;
			return;
		}
		wait->next = at->kn->kn_wait.next;
		at->kn->kn_wait.next = wait;
	}
	init_waitqueue_func_entry(&wait->entry, file_wake);
	wait->entry.private = at->kn;
	wait->head = head;
	add_wait_queue(head, &wait->entry);
}

static __poll_t file_poll(struct knote *kn)
{
	poll_table pt = { ._key = kn->kn_events };

	return vfs_poll(kn->kn_fp, &pt);
}

/* A regular file has no ->poll, or FUSE's, which waits for whoever serves it. */
static bool has_poll(const struct knote *kn)
{
	return kn->kn_object != OBJECT_INODE;
}

/* Whether data must reach a mark of the knote's own. */
static bool has_lowat(const struct knote *kn)
{
	return kn->kn_sfflags & NOTE_LOWAT && amount_is_counted(kn->kn_object);
}

static int read_socket(struct knote *kn, __poll_t mask, struct kq_event *ev)
{
	struct sock *sk = amount_sock(kn->kn_fp);
	int error = READ_ONCE(sk->sk_err);
	int state = READ_ONCE(sk->sk_state);
	int lowat = READ_ONCE(sk->sk_rcvlowat);
	bool listens = amount_listens(sk);

	if (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) {
		if (listens && !error)
			error = ECONNABORTED;
		ev->flags |= EV_EOF;
		ev->fflags = error;
		return 1;
	}
	if (error)
		return 1;
	/* What a listener counts are no bytes: it has no mark. */
	if (listens) {
		kn->kn_status |= KN_NOTED;
		return !!(mask & READ_EVENTS);
	}
	/* One that was shut down is as if it had never been one. */
	if (state == TCP_CLOSE && kn->kn_status & KN_NOTED) {
		ev->flags |= EV_EOF;
		ev->fflags = ECONNABORTED;
		return 1;
	}
	if (has_lowat(kn))
		return ev->data >= kn->kn_sdata;
	if (!(mask & READ_EVENTS))
		return 0;
	/* TCP's ->poll obeys the mark, but where the window has no room for it. */
	return lowat <= 1 || ev->data >= lowat || kn->kn_object == OBJECT_TCP ||
	       kn->kn_object == OBJECT_SOCKET;
}

static bool is_fifo(const struct knote *kn)
{
	return file_inode(kn->kn_fp)->i_sb->s_magic != PIPEFS_MAGIC;
}

/*
 * READ on an end that is open for writing alone.  BSD's pipes go both ways, so
 * the end of the other side is seen from either; no data ever comes back here.
 * A fifo goes one way there too and never fires.
 */
static int read_write_end(struct knote *kn, __poll_t mask, struct kq_event *ev)
{
	ev->data = 0;
	if (!(mask & EPOLLERR) || is_fifo(kn))
		return 0;
	ev->flags |= EV_EOF;
	return 1;
}

static int read_ready(struct knote *kn, __poll_t mask, struct kq_event *ev)
{
	if (amount_is_socket(kn->kn_object))
		return read_socket(kn, mask, ev);
	if (kn->kn_object == OBJECT_PIPE && !(kn->kn_fp->f_mode & FMODE_READ))
		return read_write_end(kn, mask, ev);
	if (mask & EPOLLHUP)
		ev->flags |= EV_EOF;
	return !!(mask & (READ_EVENTS | ALWAYS_EVENTS));
}

/* Whether a socket that does not listen can be written to at all. */
static bool write_connected(const struct sock *sk, enum kq_object object)
{
	int state = READ_ONCE(sk->sk_state);

	switch (object) {
	case OBJECT_TCP:
		return !((1 << state) & (TCPF_CLOSE | TCPF_SYN_SENT |
					 TCPF_SYN_RECV));
	case OBJECT_UNIX:
		return state == TCP_ESTABLISHED;
	default:
		return true;
	}
}

/*
 * A stream tells of its room only when somebody has said that there was too
 * little; what is looked at after that is either there or told of.
 */
static void ask_for_room(struct sock *sk)
{
	struct socket *sock = sk->sk_socket;

	if (!sock)
		return;
	sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	set_bit(SOCK_NOSPACE, &sock->flags);
	/* Pairs with those who make room and then look at the bit. */
	smp_mb__after_atomic();
}

static s64 room_or_wake(struct knote *kn, s64 (*amount)(struct knote *kn),
			s64 want, bool empty)
{
	struct sock *sk = amount_sock(kn->kn_fp);
	s64 room = amount(kn);

	if (empty ? room <= want : room >= want)
		return room;
	ask_for_room(sk);
	return amount(kn);
}

static s64 knote_room(struct knote *kn)
{
	return amount_to_write(kn->kn_fp, kn->kn_object);
}

static s64 knote_unsent(struct knote *kn)
{
	return amount_unsent(kn->kn_fp, kn->kn_object);
}

/* Whether there is room, and with NOTE_LOWAT so much of it. */
static int write_room(struct knote *kn, __poll_t mask, struct kq_event *ev)
{
	if (!has_lowat(kn))
		return !!(mask & WRITE_EVENTS);
	ev->data = room_or_wake(kn, knote_room, kn->kn_sdata, false);
	return ev->data >= kn->kn_sdata;
}

/*
 * WRITE with EV_CLEAR on a connection.  As in BSD what is acknowledged is an event,
 * full or not.  TCP tells of any segment then, so what was @acked is remembered
 * when it is told.  A change to the knote, which has no slot, makes it new.
 */
static int write_acked(struct knote *kn, u32 acked, bool ready, void __user *slot)
{
	if (!ready || !slot) {
		kn->kn_status &= ~KN_NOTED;
		return ready;
	}
	if (kn->kn_status & KN_NOTED && kn->kn_acked == acked)
		return 0;
	kn->kn_status |= KN_NOTED;
	kn->kn_acked = acked;
	return 1;
}

/* It was not told after all. */
static void tcp_write_undo(struct knote *kn, const struct kq_event *kev)
{
	kn->kn_status &= ~KN_NOTED;
}

static int write_socket(struct knote *kn, __poll_t mask, struct kq_event *ev,
			void __user *slot)
{
	bool clear = kn->kn_object == OBJECT_TCP && kn->kn_flags & EV_CLEAR;
	struct sock *sk = amount_sock(kn->kn_fp);
	int ready, error = READ_ONCE(sk->sk_err);
	u32 acked = 0;

	if (amount_listens(sk))
		return 0;
	if (clear) {
		acked = READ_ONCE(tcp_sk(sk)->snd_una);
		ask_for_room(sk);
		ev->data = knote_room(kn);
	}
	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN) {
		ev->flags |= EV_EOF;
		ev->fflags = error;
		return 1;
	}
	if (error)
		return 1;
	if (!write_connected(sk, kn->kn_object))
		return 0;
	ready = write_room(kn, mask, ev);
	return clear ? write_acked(kn, acked, ready, slot) : ready;
}

static int write_ready(struct knote *kn, __poll_t mask, struct kq_event *ev,
		       void __user *slot)
{
	if (amount_is_socket(kn->kn_object))
		return write_socket(kn, mask, ev, slot);
	if (kn->kn_object == OBJECT_PIPE) {
		if (!(kn->kn_fp->f_mode & FMODE_WRITE))
			return 0;
		/*
		 * ->poll says this when nobody reads.  A fifo may get a new
		 * reader; of a pipe it is told once, and the knote is gone.
		 */
		if (mask & EPOLLERR)
			ev->flags |= is_fifo(kn) ? EV_EOF : EV_EOF | EV_ONESHOT;
	} else if (mask & EPOLLHUP) {
		ev->flags |= EV_EOF;
	}
	return !!(mask & (WRITE_EVENTS | ALWAYS_EVENTS));
}

static int file_ready(struct knote *kn, __poll_t mask, struct kq_event *ev,
		      void __user *slot)
{
	int error;

	ev->fflags = 0;
	switch (kn->kn_filter) {
	case EVFILT_READ:
		error = amount_to_read(kn->kn_fp, kn->kn_object, slot,
				       &ev->data);
		return error ?: read_ready(kn, mask, ev);
	case EVFILT_WRITE:
		ev->data = knote_room(kn);
		return write_ready(kn, mask, ev, slot);
	case EVFILT_EXCEPT:
		ev->data = 1;
		return kn->kn_sfflags & NOTE_OOB && mask & EXCEPT_EVENTS;
	default:
		ev->data = 0;
		return room_or_wake(kn, knote_unsent, 0, true) == 0;
	}
}

static int file_sample(struct knote *kn, struct kq_event *ev,
		       void __user *slot)
{
	return file_ready(kn, has_poll(kn) ? file_poll(kn) : DEFAULT_POLLMASK,
			  ev, slot);
}

/* Whether what TCP has is what is read, with nothing on top that has read it. */
static bool tcp_is_plain(const struct sock *sk)
{
	return !kq_sock_is_layered(sk) && !READ_ONCE(inet_csk(sk)->icsk_ulp_ops);
}

/*
 * READ on what can tell its bytes by itself.  Where there are some it is readable,
 * and its ->poll, which would say so, need not be asked; nor where a connection, or
 * a pipe that somebody writes to, has none, as it has after a program has read all
 * that there was.
 */
static int tcp_read_sample(struct knote *kn, struct kq_event *ev,
			   void __user *slot)
{
	struct sock *sk = amount_sock(kn->kn_fp);
	int state = READ_ONCE(sk->sk_state);

	if (state != TCP_LISTEN) {
		ev->data = amount_tcp(sk);
		ev->fflags = 0;
		if (ev->data >= READ_ONCE(sk->sk_rcvlowat) && ev->data &&
		    tcp_is_plain(sk))
			return read_socket(kn, READ_EVENTS, ev);
		if (!ev->data && state == TCP_ESTABLISHED && tcp_is_plain(sk))
			return read_socket(kn, 0, ev);
	}
	return file_sample(kn, ev, slot);
}

static int unix_read_sample(struct knote *kn, struct kq_event *ev,
			    void __user *slot)
{
	struct sock *sk = amount_sock(kn->kn_fp);
	int state = READ_ONCE(sk->sk_state);

	ev->data = 0;
	ev->fflags = 0;
	/* A message may have no bytes. */
	if (state == TCP_ESTABLISHED &&
	    skb_queue_empty_lockless(&sk->sk_receive_queue) &&
	    !kq_sock_is_layered(sk))
		return read_socket(kn, 0, ev);
	if (state != TCP_LISTEN)
		ev->data = amount_unix(sk);
	if (ev->data)
		return read_socket(kn, READ_EVENTS, ev);
	return file_sample(kn, ev, slot);
}

/* An end that is open for reading.  What has no writer may be at its end. */
static int pipe_read_sample(struct knote *kn, struct kq_event *ev,
			    void __user *slot)
{
	struct pipe_inode_info *pipe = kn->kn_fp->private_data;
	s64 bytes;

	if (!READ_ONCE(pipe->writers))
		return file_sample(kn, ev, slot);
	bytes = amount_pipe(pipe);
	ev->fflags = 0;
	ev->data = 0;
	if (bytes < 0)
		return 0;
	/*
	 * A write that fails may leave a buffer without bytes, and then the next one
	 * wakes nobody: it is to be read, as ->poll says.
	 */
	ev->data = bytes;
	return 1;
}

/* READ on what has no amount. */
static int counter_read_sample(struct knote *kn, struct kq_event *ev,
			       void __user *slot)
{
	__poll_t mask = file_poll(kn);

	ev->fflags = 0;
	ev->data = 1;
	if (mask & EPOLLHUP)
		ev->flags |= EV_EOF;
	return !!(mask & (READ_EVENTS | ALWAYS_EVENTS));
}

/* Operations on files whose ->poll is known not to wait for anybody. */
#define NOBLOCK_FILTOPS(sample, ...)	{		\
	.f_isfd		= 1,				\
	.f_flags	= FILTER_NOBLOCK,		\
	.f_detach	= file_detach,			\
	.f_detach_try	= file_detach_try,		\
	.f_sample	= sample,			\
	__VA_ARGS__					\
}

static const struct filterops file_noblock_filtops =
	NOBLOCK_FILTOPS(file_sample);
static const struct filterops tcp_write_filtops =
	NOBLOCK_FILTOPS(file_sample, .f_undo = tcp_write_undo);
static const struct filterops tcp_read_filtops =
	NOBLOCK_FILTOPS(tcp_read_sample);
static const struct filterops unix_write_filtops = {
	.f_isfd		= 1,
	.f_flags	= FILTER_NOBLOCK,
	.f_detach	= unix_write_detach,
	.f_detach_try	= unix_write_detach_try,
	.f_sample	= file_sample,
};

static const struct filterops unix_read_filtops =
	NOBLOCK_FILTOPS(unix_read_sample);
static const struct filterops pipe_read_filtops =
	NOBLOCK_FILTOPS(pipe_read_sample);
static const struct filterops counter_read_filtops =
	NOBLOCK_FILTOPS(counter_read_sample);

/* The operations for READ that ask an object in the shortest way, or NULL. */
static const struct filterops *read_filtops(enum kq_object object,
					    const struct file *file)
{
	switch (object) {
	case OBJECT_COUNTER:
		return &counter_read_filtops;
	case OBJECT_TCP:
		return &tcp_read_filtops;
	case OBJECT_UNIX:
		return &unix_read_filtops;
	case OBJECT_PIPE:
		return file->f_mode & FMODE_READ ? &pipe_read_filtops : NULL;
	default:
		return NULL;
	}
}

static const struct filterops *object_filtops(const struct knote *kn)
{
	const struct filterops *fops = NULL;

	if (kn->kn_filter == EVFILT_READ)
		fops = read_filtops(kn->kn_object, kn->kn_fp);
	else if (kn->kn_filter == EVFILT_WRITE && kn->kn_object == OBJECT_TCP)
		fops = &tcp_write_filtops;
	else if (kn->kn_filter == EVFILT_WRITE && kn->kn_object == OBJECT_UNIX)
		fops = &unix_write_filtops;
	if (!fops && amount_never_blocks(kn->kn_object))
		fops = &file_noblock_filtops;
	return fops ?: &file_filtops;
}

/*
 * What ->poll leaves out for WRITE on a pipe.  A fifo tells of its first reader
 * only where readers wait.  An end of a pipe whose other end is closed cannot be
 * written to, whichever it is: BSD's go both ways.
 */
static void pipe_attach_write(struct file_attach *at, __poll_t mask)
{
	struct file *file = at->kn->kn_fp;
	struct pipe_inode_info *pipe = file->private_data;

	if (!is_fifo(at->kn) && mask & (EPOLLERR | EPOLLHUP))
		at->error = -EPIPE;
	else if (is_fifo(at->kn) && !(file->f_mode & FMODE_READ))
		file_queue(file, &pipe->rd_wait, &at->pt);
}

static int file_attach(struct knote *kn)
{
	struct file_attach at = { .kn = kn };
	enum kq_object object = amount_object(kn->kn_fp);
	struct kq_event ev;
	__poll_t mask;

	if (kn->kn_filter == EVFILT_EMPTY && !amount_is_counted(object))
		return -EINVAL;
	kn->kn_object = object;
	kn->kn_events = filter_events(kn);
	kn->kn_fop = object_filtops(kn);
	init_poll_funcptr(&at.pt, file_queue);
	/*
	 * A pipe that is not empty tells of more only to those who say this.  So does
	 * who looks at one between the two steps of a read, when it seems empty.
	 */
	at.pt._key = kn->kn_events | EPOLLET;
	mask = has_poll(kn) ? vfs_poll(kn->kn_fp, &at.pt) : DEFAULT_POLLMASK;
	if (!at.error && kn->kn_filter == EVFILT_WRITE && object == OBJECT_PIPE)
		pipe_attach_write(&at, mask);
	if (!at.error && kn->kn_fop == &unix_write_filtops)
		at.error = connecting_add(kn);
	if (at.error) {
		file_detach(kn);
		return at.error;
	}
	kn->kn_status &= ~KN_DETACHED;
	if (file_ready(kn, mask, &ev, NULL))
		knote_fire(kn, 0);
	return 0;
}

const struct filterops file_filtops = {
	.f_isfd		= 1,
	.f_attach	= file_attach,
	.f_detach	= file_detach,
	.f_detach_try	= file_detach_try,
	.f_sample	= file_sample,
};
