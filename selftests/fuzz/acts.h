/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs of the fuzzer are made of.  Every function may be called
 * with whatever numbers; what it cannot do it does not.  A program that the
 * fuzzer writes as C calls them, too.
 */
#ifndef ACTS_H
#define ACTS_H

#include <linux/kqueue.h>

/* Every descriptor of a program has one of these numbers. */
#define FIRST_FD	100
#define NR_FDS		24

#define MAX_THREADS	3
#define SETUP		(-1)		/* what is done ahead of them */
#define MAX_CHANGES	4

/* What open_object() makes; a pair takes the next number, too. */
enum object {
	QUEUE, PIPE, FIFO, TCP, TCP_LISTENER, TCP_REFUSED, UDP, UDP6,
	UNIX_STREAM, UNIX_DGRAM, UNIX_SEQPACKET, UNIX_LISTENER, NETLINK,
	PACKET, MPTCP, EVENTFD, TIMERFD, SIGNALFD, EPOLL, PIDFD_OF_CHILD,
	PIDFD_OF_SELF, INOTIFY, MEMFD, PTY, DIRECTORY, PATH, REGULAR_FILE, PROC_FILE,
	DEV_NULL, DEV_ZERO, NR_OBJECTS
};

/* fork_child() */
enum child {
	CHILD_EXITS, CHILD_EXECS, CHILD_FORKS, CHILD_IS_KILLED,
	CHILD_USES_QUEUES, CHILD_SHARES_FILES, CHILD_IS_VFORKED, CHILD_SLEEPS,
	CHILD_HAS_THREADS, NR_CHILDREN
};

/* change_files() */
enum file_change {
	FILE_WRITTEN, FILE_RENAMED, FILE_UNLINKED, FILE_LINKED, FILE_TRUNCATED,
	FILE_CHMOD, FILE_READ, FOLDER_MADE, FOLDER_REMOVED, FOLDER_READ,
	NR_FILE_CHANGES
};

/* change_system(); of a thread alone where that is possible */
enum system_change {
	MOUNTED, UNMOUNTED, NEW_NETWORK, LINK_UP, LINK_DOWN, UNSHARED_FILES,
	NOBODY, FEW_KNOTES, MANY_KNOTES, FEW_TIMERS, MANY_TIMERS,
	NR_SYSTEM_CHANGES
};

/* What is given to the kernel to read from, or to write to. */
enum memory {
	GOOD, SAME, NO_MEMORY, SHORT, READ_ONLY, FAULTING, KERNEL_MEMORY,
	ODD_ADDRESS, NR_MEMORIES
};

/* How long kevent() may wait. */
enum timeout {
	NOT_AT_ALL, A_NANOSECOND, A_MILLISECOND, TEN_MILLISECONDS, FOR_EVER,
	NEGATIVE, TOO_MANY_NS, HUGE_TIME, BAD_TIMEOUT, NR_TIMEOUTS
};

/* Processes in the ident of a change to EVFILT_PROC. */
#define SELF		0
#define LAST_CHILD	2		/* of fork_child() and open_object() */

/* An udata of the program's: what is returned has to be one. */
#define MAX_UDATA	0xffff

struct kevent_call {
	int kq;
	enum memory argument, changes, events;
	enum timeout timeout;
	int nchanges, nevents;
	unsigned int flags, reserved;
	struct kq_event change[MAX_CHANGES];
};

/* What has been done, for whom it interests: in memory that processes share. */
struct counts {
	unsigned long calls;			/* of kevent() */
	unsigned long events[EVFILT_SYSCOUNT];	/* of filter -1, -2 ... */
	unsigned long reports;			/* of changes */
};

extern struct counts *counts;

void open_object(long object, long fd);
void close_fd(long fd);
void dup_fd(long fd, long to);
void close_fds(long from, long to);
void write_bytes(long fd, long n);
void read_bytes(long fd, long n);
void send_urgent(long fd);
void shut_down(long fd, long how);
void accept_one(long fd, long to);
void set_option(long fd, long option, long value);
void seek_to(long fd, long offset);
void set_timer(long fd, long ns);
void control(long fd, long request, long memory);
void set_status(long fd, long flags);
void set_owner(long fd, long sig);
void poll_fd(long fd, long events);
void watch_with_epoll(long ep, long fd, long op);
void read_fdinfo(long fd);
void pass_fd(long fd, long to);
void send_signal(long sig);
void reap_children(void);
void fork_child(long how);
void change_files(long how);
void change_system(long how);
void wait_a_bit(long us);
void call_kevent(const struct kevent_call *c);

/*
 * Run a program in a folder of its own, which is left clean: thread(SETUP), then
 * thread() in each of n threads with its number, until all are done or a part of
 * a second has passed.  Does not return; the status is not 0 if kevent() has
 * returned what it must not.
 */
_Noreturn void run_program(void (*thread)(int), int n);

#endif /* ACTS_H */
