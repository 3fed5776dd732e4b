// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <asm/ioctls.h>

#include "program.h"

struct name {
	long value;
	const char *name;
};

#define NAME(n)	{ n, #n }

static const struct name objects[] = {
	NAME(QUEUE), NAME(PIPE), NAME(FIFO), NAME(TCP), NAME(TCP_LISTENER),
	NAME(TCP_REFUSED), NAME(UDP), NAME(UDP6), NAME(UNIX_STREAM),
	NAME(UNIX_DGRAM), NAME(UNIX_SEQPACKET), NAME(UNIX_LISTENER),
	NAME(NETLINK), NAME(PACKET), NAME(MPTCP), NAME(EVENTFD),
	NAME(TIMERFD), NAME(SIGNALFD),
	NAME(EPOLL), NAME(PIDFD_OF_CHILD), NAME(PIDFD_OF_SELF), NAME(INOTIFY),
	NAME(MEMFD), NAME(PTY), NAME(DIRECTORY), NAME(PATH),
	NAME(REGULAR_FILE), NAME(PROC_FILE), NAME(DEV_NULL), NAME(DEV_ZERO),
	{ 0 }
};

static const struct name children[] = {
	NAME(CHILD_EXITS), NAME(CHILD_EXECS), NAME(CHILD_FORKS),
	NAME(CHILD_IS_KILLED), NAME(CHILD_USES_QUEUES),
	NAME(CHILD_SHARES_FILES), NAME(CHILD_IS_VFORKED), NAME(CHILD_SLEEPS),
	NAME(CHILD_HAS_THREADS), { 0 }
};

static const struct name file_changes[] = {
	NAME(FILE_WRITTEN), NAME(FILE_RENAMED), NAME(FILE_UNLINKED),
	NAME(FILE_LINKED), NAME(FILE_TRUNCATED), NAME(FILE_CHMOD),
	NAME(FILE_READ), NAME(FOLDER_MADE), NAME(FOLDER_REMOVED),
	NAME(FOLDER_READ), { 0 }
};

static const struct name system_changes[] = {
	NAME(MOUNTED), NAME(UNMOUNTED), NAME(NEW_NETWORK), NAME(LINK_UP),
	NAME(LINK_DOWN), NAME(UNSHARED_FILES), NAME(NOBODY), NAME(FEW_KNOTES),
	NAME(MANY_KNOTES), NAME(FEW_TIMERS), NAME(MANY_TIMERS), { 0 }
};

static const struct name memories[] = {
	NAME(GOOD), NAME(SAME), NAME(NO_MEMORY), NAME(SHORT), NAME(READ_ONLY),
	NAME(FAULTING), NAME(KERNEL_MEMORY), NAME(ODD_ADDRESS), { 0 }
};

static const struct name timeouts[] = {
	NAME(NOT_AT_ALL), NAME(A_NANOSECOND), NAME(A_MILLISECOND),
	NAME(TEN_MILLISECONDS), NAME(FOR_EVER), NAME(NEGATIVE),
	NAME(TOO_MANY_NS), NAME(HUGE_TIME), NAME(BAD_TIMEOUT), { 0 }
};

static const char *name_of(const struct name *names, long value)
{
	while (names->name && names->value != value)
		names++;
	return names->name ? names->name : "0";
}

/*
 * What every program has to begin with: two queues, pairs in which one end hears
 * of the other, a file, something that counts, a process, and whatever.  The
 * numbers behind are closed.
 */
#define A_QUEUE		FIRST_FD
#define A_PAIR		(FIRST_FD + 2)
#define A_FILE		(FIRST_FD + 6)
#define A_COUNTER	(FIRST_FD + 7)
#define A_PROCESS	(FIRST_FD + 8)
#define WHATEVER	(FIRST_FD + 9)
#define NR_OPEN		11

static const enum object pairs[] = {
	PIPE, PIPE, FIFO, TCP, TCP, UDP, UNIX_STREAM, UNIX_DGRAM,
	UNIX_SEQPACKET, PTY,
};
static const enum object file_objects[] = {
	REGULAR_FILE, REGULAR_FILE, DIRECTORY, MEMFD,
};
static const enum object counters[] = {
	EVENTFD, EVENTFD, TIMERFD, SIGNALFD, INOTIFY,
};
static const enum object processes[] = {
	PIDFD_OF_CHILD, PIDFD_OF_CHILD, PIDFD_OF_SELF,
};

static int any_fd(struct rng *rng)
{
	return FIRST_FD + (percent(rng, 85) ? 2 + below(rng, NR_OPEN - 2) :
			   below(rng, NR_FDS));
}

/* Most of what is put into a queue should be taken from it, too. */
static int likely_queue(struct rng *rng)
{
	if (percent(rng, 5))
		return any_fd(rng);
	return A_QUEUE + percent(rng, 20);
}

static long some_bytes(struct rng *rng)
{
	static const long n[] = { 0, 1, 2, 10, 100, 4096, 65536 };

	return n[below(rng, ARRAY_SIZE(n))];
}

static long a_request(struct rng *rng)
{
	static const long requests[] = {
		KQ_IOC_VERSION, KQ_IOC_OWNED, FIOASYNC, FIONBIO, FIONREAD,
		FIOCLEX, TIOCOUTQ, TCFLSH,
	};

	if (percent(rng, 70))
		return requests[below(rng, ARRAY_SIZE(requests))];
	return _IOC(below(rng, 4), KQ_IOC_MAGIC, below(rng, 5), below(rng, 64));
}

static void open_args(struct rng *rng, long *arg)
{
	arg[0] = percent(rng, 20) ? QUEUE : below(rng, NR_OBJECTS);
	arg[1] = any_fd(rng);
}

static void begin_args(struct rng *rng, long *arg, int i)
{
	static const long fds[] = {
		A_QUEUE, A_QUEUE + 1, A_PAIR, A_PAIR + 2, A_FILE, A_COUNTER,
		A_PROCESS, WHATEVER,
	};

	arg[1] = fds[i];
	switch (arg[1]) {
	case A_QUEUE:
	case A_QUEUE + 1:
		arg[0] = QUEUE;
		break;
	case A_FILE:
		arg[0] = file_objects[below(rng, ARRAY_SIZE(file_objects))];
		break;
	case A_COUNTER:
		arg[0] = counters[below(rng, ARRAY_SIZE(counters))];
		break;
	case A_PROCESS:
		arg[0] = processes[below(rng, ARRAY_SIZE(processes))];
		break;
	case WHATEVER:
		arg[0] = below(rng, NR_OBJECTS);
		break;
	default:
		arg[0] = pairs[below(rng, ARRAY_SIZE(pairs))];
		break;
	}
}

static void fd_args(struct rng *rng, long *arg)
{
	arg[0] = any_fd(rng);
	arg[1] = any_fd(rng);
}

static void bytes_args(struct rng *rng, long *arg)
{
	arg[0] = any_fd(rng);
	arg[1] = some_bytes(rng);
}

static void range_args(struct rng *rng, long *arg)
{
	arg[0] = any_fd(rng);
	arg[1] = arg[0] + below(rng, 3);
}

static void shut_args(struct rng *rng, long *arg)
{
	arg[0] = any_fd(rng);
	arg[1] = below(rng, 3);
}

static void option_args(struct rng *rng, long *arg)
{
	static const int options[] = {
		SO_RCVLOWAT, SO_SNDBUF, SO_RCVBUF, SO_LINGER, SO_OOBINLINE,
	};

	arg[0] = any_fd(rng);
	arg[1] = options[below(rng, ARRAY_SIZE(options))];
	arg[2] = some_bytes(rng);
}

static void timer_args(struct rng *rng, long *arg)
{
	arg[0] = any_fd(rng);
	arg[1] = below(rng, 1000000);
}

static void control_args(struct rng *rng, long *arg)
{
	arg[0] = likely_queue(rng);
	arg[1] = a_request(rng);
	arg[2] = percent(rng, 60) ? GOOD : below(rng, NR_MEMORIES);
}

static void status_args(struct rng *rng, long *arg)
{
	static const long flags[] = {
		0, O_NONBLOCK, O_ASYNC, O_ASYNC | O_NONBLOCK, O_APPEND,
	};

	arg[0] = any_fd(rng);
	arg[1] = flags[below(rng, ARRAY_SIZE(flags))];
}

static const int signals[] = {
	SIGUSR1, SIGUSR1, SIGUSR1, SIGUSR2, SIGCHLD, SIGWINCH, SIGIO, 34,
};

static void owner_args(struct rng *rng, long *arg)
{
	arg[0] = likely_queue(rng);
	arg[1] = signals[below(rng, ARRAY_SIZE(signals))];
}

static void poll_args(struct rng *rng, long *arg)
{
	arg[0] = percent(rng, 70) ? likely_queue(rng) : any_fd(rng);
	arg[1] = POLLIN | (percent(rng, 30) ? POLLOUT : 0);
}

static void epoll_args(struct rng *rng, long *arg)
{
	arg[0] = any_fd(rng);
	arg[1] = likely_queue(rng);
	arg[2] = EPOLL_CTL_ADD + below(rng, 3);
}

static void queue_args(struct rng *rng, long *arg)
{
	arg[0] = likely_queue(rng);
	arg[1] = any_fd(rng);
}

static void signal_args(struct rng *rng, long *arg)
{
	arg[0] = signals[below(rng, ARRAY_SIZE(signals))];
}

static void no_args(struct rng *rng, long *arg)
{
	(void)rng;
	(void)arg;
}

static void child_args(struct rng *rng, long *arg)
{
	arg[0] = below(rng, NR_CHILDREN);
}

static void file_args(struct rng *rng, long *arg)
{
	arg[0] = below(rng, NR_FILE_CHANGES);
}

static void system_args(struct rng *rng, long *arg)
{
	arg[0] = below(rng, NR_SYSTEM_CHANGES);
}

static void wait_args(struct rng *rng, long *arg)
{
	arg[0] = below(rng, 3000);
}

/* Each with how often it comes. */
static const struct act {
	const char		*name;
	int			weight;
	int			nargs;
	void			(*generate)(struct rng *rng, long *arg);
	const struct name	*names;	/* of the first argument */
	void			(*none)(void);
	void			(*one)(long a);
	void			(*two)(long a, long b);
	void			(*three)(long a, long b, long c);
} acts[] = {
	{ "call_kevent", 100, 0, no_args },
#define ACT_KEVENT	0
	{ "open_object", 8, 2, open_args, objects, .two = open_object },
#define ACT_OPEN	1
	{ "close_fd", 5, 1, fd_args, .one = close_fd },
	{ "dup_fd", 4, 2, fd_args, .two = dup_fd },
	{ "close_fds", 2, 2, range_args, .two = close_fds },
	{ "write_bytes", 18, 2, bytes_args, .two = write_bytes },
	{ "read_bytes", 10, 2, bytes_args, .two = read_bytes },
	{ "send_urgent", 1, 1, fd_args, .one = send_urgent },
	{ "shut_down", 3, 2, shut_args, .two = shut_down },
	{ "accept_one", 2, 2, fd_args, .two = accept_one },
	{ "set_option", 3, 3, option_args, .three = set_option },
	{ "seek_to", 1, 2, bytes_args, .two = seek_to },
	{ "set_timer", 2, 2, timer_args, .two = set_timer },
	{ "control", 8, 3, control_args, .three = control },
	{ "set_status", 2, 2, status_args, .two = set_status },
	{ "set_owner", 2, 2, owner_args, .two = set_owner },
	{ "poll_fd", 5, 2, poll_args, .two = poll_fd },
	{ "watch_with_epoll", 4, 3, epoll_args, .three = watch_with_epoll },
	{ "read_fdinfo", 3, 1, queue_args, .one = read_fdinfo },
	{ "pass_fd", 2, 2, queue_args, .two = pass_fd },
	{ "send_signal", 8, 1, signal_args, .one = send_signal },
	{ "reap_children", 3, 0, no_args, .none = reap_children },
	{ "fork_child", 6, 1, child_args, children, .one = fork_child },
	{ "change_files", 9, 1, file_args, file_changes, .one = change_files },
	{ "change_system", 3, 1, system_args, system_changes,
	  .one = change_system },
	{ "wait_a_bit", 3, 1, wait_args, .one = wait_a_bit },
};

/*
 * Changes.
 */

static unsigned short change_flags(struct rng *rng)
{
	static const unsigned short actions[] = {
		EV_ADD, EV_ADD, EV_ADD, EV_ADD, EV_ADD, EV_ADD, EV_ADD, EV_ADD,
		EV_ADD, EV_ADD, EV_ADD | EV_DISABLE, EV_ADD | EV_DELETE,
		EV_ENABLE, EV_DISABLE, EV_DELETE, 0, EV_FORCEONESHOT,
		EV_FORCEONESHOT | EV_ENABLE,
	};
	static const unsigned short properties[] = {
		0, 0, 0, EV_CLEAR, EV_CLEAR, EV_ONESHOT, EV_DISPATCH,
		EV_CLEAR | EV_DISPATCH, EV_ONESHOT | EV_CLEAR,
	};
	unsigned short flags = actions[below(rng, ARRAY_SIZE(actions))];

	flags |= properties[below(rng, ARRAY_SIZE(properties))];
	if (percent(rng, 2))
		flags |= EV_RECEIPT;
	if (percent(rng, 3))
		flags |= EV_KEEPUDATA;
	return percent(rng, 2) ? rng_next(rng) : flags;
}

/* Numbers with an edge; none looks like a kernel address. */
static int64_t odd_number(struct rng *rng)
{
	static const int64_t n[] = {
		0, 1, -1, 2, INT_MAX, (int64_t)UINT_MAX + 1, INT64_MAX,
		INT64_MIN, 1000000000, -1000,
	};

	if (percent(rng, 50))
		return below(rng, 5000);
	return n[below(rng, ARRAY_SIZE(n))];
}

static void timer_change(struct rng *rng, struct kq_event *ev)
{
	static const unsigned int units[] = {
		0, NOTE_SECONDS, NOTE_MSECONDS, NOTE_USECONDS, NOTE_USECONDS,
		NOTE_NSECONDS,
	};

	ev->ident = below(rng, 3);
	ev->fflags = units[below(rng, ARRAY_SIZE(units))];
	if (percent(rng, 15))
		ev->fflags |= NOTE_ABSTIME;
	ev->data = percent(rng, 80) ? below(rng, 20) : odd_number(rng);
}

static void proc_change(struct rng *rng, struct kq_event *ev)
{
	static const uint64_t idents[] = {
		SELF, SELF, SELF, LAST_CHILD, LAST_CHILD, 1, INT_MAX,
		(uint64_t)INT_MAX + 1,
	};
	static const unsigned int notes[] = {
		NOTE_EXIT, NOTE_FORK, NOTE_EXEC, NOTE_TRACK, NOTE_TRACK,
	};

	ev->ident = idents[below(rng, ARRAY_SIZE(idents))];
	do {
		ev->fflags |= notes[below(rng, ARRAY_SIZE(notes))];
	} while (percent(rng, 60));
}

static void change(struct rng *rng, struct kq_event *ev)
{
	static const short filters[] = {
		EVFILT_READ, EVFILT_READ, EVFILT_READ, EVFILT_READ,
		EVFILT_WRITE, EVFILT_WRITE, EVFILT_VNODE, EVFILT_VNODE,
		EVFILT_PROC, EVFILT_PROC, EVFILT_SIGNAL, EVFILT_TIMER,
		EVFILT_TIMER, EVFILT_USER, EVFILT_USER, EVFILT_USER,
		EVFILT_PROCDESC, EVFILT_EMPTY, EVFILT_EXCEPT, EVFILT_FS,
		EVFILT_NETDEV,
	};
	static const uint64_t sigs[] = {
		SIGUSR1, SIGUSR1, SIGUSR1, SIGUSR2, SIGCHLD, SIGWINCH, SIGIO,
		34, 0, 64, 65,
	};

	ev->filter = percent(rng, 97) ? filters[below(rng, ARRAY_SIZE(filters))] :
		     (short)(below(rng, 22) - 20);
	ev->flags = change_flags(rng);
	ev->udata = below(rng, MAX_UDATA + 1);
	ev->data = odd_number(rng);
	ev->fflags = 0;
	switch (ev->filter) {
	case EVFILT_TIMER:
		timer_change(rng, ev);
		break;
	case EVFILT_PROC:
		proc_change(rng, ev);
		break;
	case EVFILT_SIGNAL:
		ev->ident = sigs[below(rng, ARRAY_SIZE(sigs))];
		break;
	case EVFILT_USER:
		ev->ident = below(rng, 4);
		ev->fflags = (uint64_t)below(rng, 4) << 30 | below(rng, 8);
		if (percent(rng, 50))
			ev->fflags |= NOTE_TRIGGER;
		break;
	case EVFILT_NETDEV:
	case EVFILT_FS:
		ev->ident = below(rng, 3);
		ev->fflags = below(rng, 32);
		break;
	case EVFILT_PROCDESC:
		ev->ident = percent(rng, 80) ? A_PROCESS : any_fd(rng);
		ev->fflags = NOTE_EXIT;
		break;
	case EVFILT_VNODE:
		ev->ident = percent(rng, 80) ? A_FILE : any_fd(rng);
		ev->fflags = percent(rng, 30) ? 0x7ff : below(rng, 0x800);
		break;
	case EVFILT_EXCEPT:
		ev->ident = any_fd(rng);
		ev->fflags = NOTE_OOB;
		break;
	default:
		ev->ident = any_fd(rng);
		ev->fflags = percent(rng, 90) ? 0 : below(rng, 4);
		break;
	}
	if (percent(rng, 2))
		ev->fflags = rng_next(rng);
	if (percent(rng, 1))
		ev->ident = odd_number(rng);
}

static enum memory some_memory(struct rng *rng)
{
	return percent(rng, 88) ? GOOD : below(rng, NR_MEMORIES);
}

static void generate_call(struct rng *rng, struct kevent_call *c)
{
	int i;

	c->kq = likely_queue(rng);
	c->argument = percent(rng, 98) ? GOOD : below(rng, NR_MEMORIES);
	c->changes = some_memory(rng);
	c->events = some_memory(rng);
	c->timeout = percent(rng, 90) ? below(rng, TEN_MILLISECONDS) :
		     below(rng, NR_TIMEOUTS);
	c->nchanges = percent(rng, 40) ? 0 : below(rng, MAX_CHANGES + 1);
	for (i = 0; i < c->nchanges; i++)
		change(rng, &c->change[i]);
	c->nevents = percent(rng, c->nchanges ? 40 : 5) ? 0 :
		     1 + below(rng, 20);
	if (percent(rng, 2))
		c->nevents = odd_number(rng);
	if (percent(rng, 1))
		c->nchanges = odd_number(rng);
	if (percent(rng, 2))
		c->flags = below(rng, 4);
	if (percent(rng, 1))
		c->reserved = below(rng, 2);
}

static void generate_step(struct rng *rng, struct step *s)
{
	int total = 0, at;
	size_t i;

	memset(s, 0, sizeof(*s));
	s->thread = percent(rng, 60) ? 0 : below(rng, MAX_THREADS);
	for (i = 0; i < ARRAY_SIZE(acts); i++)
		total += acts[i].weight;
	at = below(rng, total);
	while (at >= acts[s->act].weight)
		at -= acts[s->act++].weight;
	acts[s->act].generate(rng, s->arg);
	if (s->act == ACT_KEVENT)
		generate_call(rng, &s->call);
}

void program_generate(struct rng *rng, struct program *p)
{
	int i;

	memset(p, 0, sizeof(*p));
	p->n = 20 + below(rng, MAX_STEPS - 20 + 1);
	for (i = 0; i < p->n; i++) {
		if (i >= 8) {
			generate_step(rng, &p->step[i]);
			continue;
		}
		p->step[i].thread = SETUP;
		p->step[i].act = ACT_OPEN;
		begin_args(rng, p->step[i].arg, i);
	}
}

static void insert(struct program *p, int at, const struct step *s)
{
	if (p->n == MAX_STEPS)
		p->n--;
	memmove(&p->step[at + 1], &p->step[at],
		(p->n - at) * sizeof(p->step[0]));
	p->step[at] = *s;
	p->n++;
}

static void mutate_once(struct rng *rng, struct program *p,
			const struct program *other)
{
	int at = below(rng, p->n);
	struct step s;

	switch (below(rng, 8)) {
	case 0:
		if (p->n > 1)
			memmove(&p->step[at], &p->step[at + 1],
				(--p->n - at) * sizeof(p->step[0]));
		break;
	case 1:
		p->step[at].thread = below(rng, MAX_THREADS);
		break;
	case 2:
		acts[p->step[at].act].generate(rng, p->step[at].arg);
		break;
	case 3:
		s = other->step[below(rng, other->n)];
		insert(p, below(rng, p->n < MAX_STEPS ? p->n : MAX_STEPS - 1),
		       &s);
		break;
	case 4:
	case 5:
		generate_step(rng, &s);
		insert(p, below(rng, p->n < MAX_STEPS ? p->n : MAX_STEPS - 1),
		       &s);
		break;
	default:
		if (p->step[at].act != ACT_KEVENT)
			break;
		if (percent(rng, 40))
			p->step[at].call.events = below(rng, NR_MEMORIES);
		else
			change(rng, &p->step[at].call.change[below(rng, 2)]);
		break;
	}
}

void program_mutate(struct rng *rng, struct program *p,
		    const struct program *other)
{
	do {
		mutate_once(rng, p, other);
	} while (percent(rng, 60));
}

void program_act(const struct step *s)
{
	const struct act *act = &acts[s->act];

	if (s->act == ACT_KEVENT)
		call_kevent(&s->call);
	else if (act->none)
		act->none();
	else if (act->one)
		act->one(s->arg[0]);
	else if (act->two)
		act->two(s->arg[0], s->arg[1]);
	else
		act->three(s->arg[0], s->arg[1], s->arg[2]);
}

static void print_call(FILE *f, const struct kevent_call *c)
{
	int i;

	fprintf(f, "\t\tcall_kevent(&(struct kevent_call){\n");
	fprintf(f, "\t\t\t.kq = %d, .argument = %s, .changes = %s, .events = %s,\n",
		c->kq, name_of(memories, c->argument),
		name_of(memories, c->changes), name_of(memories, c->events));
	fprintf(f, "\t\t\t.timeout = %s, .nchanges = %d, .nevents = %d,\n",
		name_of(timeouts, c->timeout), c->nchanges, c->nevents);
	if (c->flags || c->reserved)
		fprintf(f, "\t\t\t.flags = %u, .reserved = %u,\n", c->flags,
			c->reserved);
	if (c->nchanges <= 0) {
		fprintf(f, "\t\t});\n");
		return;
	}
	fprintf(f, "\t\t\t.change = {\n");
	for (i = 0; i < c->nchanges && i < MAX_CHANGES; i++)
		fprintf(f, "\t\t\t\t{ %#llx, %d, %#x, %#x, %#llx, %#llx },\n",
			c->change[i].ident, c->change[i].filter,
			c->change[i].flags, c->change[i].fflags,
			c->change[i].data, c->change[i].udata);
	fprintf(f, "\t\t\t},\n\t\t});\n");
}

static void print_step(FILE *f, const struct step *s)
{
	const struct act *act = &acts[s->act];
	int i;

	if (s->act == ACT_KEVENT) {
		print_call(f, &s->call);
		return;
	}
	fprintf(f, "\t\t%s(", act->name);
	for (i = 0; i < act->nargs; i++) {
		if (i)
			fputs(", ", f);
		if (!i && act->names)
			fputs(name_of(act->names, s->arg[0]), f);
		else
			fprintf(f, "%ld", s->arg[i]);
	}
	fputs(");\n", f);
}

void program_print(FILE *f, const struct program *p)
{
	int thread, i;

	fputs("#include \"acts.h\"\n\nstatic void thread(int n)\n{\n\tswitch (n) {\n",
	      f);
	for (thread = SETUP; thread < MAX_THREADS; thread++) {
		if (thread == SETUP)
			fputs("\tcase SETUP:\n", f);
		else
			fprintf(f, "\tcase %d:\n", thread);
		for (i = 0; i < p->n; i++)
			if (p->step[i].thread == thread)
				print_step(f, &p->step[i]);
		fputs("\t\tbreak;\n", f);
	}
	fprintf(f, "\t}\n}\n\nint main(void)\n{\n\trun_program(thread, %d);\n}\n",
		MAX_THREADS);
}
