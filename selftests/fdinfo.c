// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/fdinfo/KQ: a line for the queue and one a knote, for an
 * administrator.
 */
#include "kselftest_harness.h"
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include "kq_test.h"

/* One knote's line. */
struct line {
	unsigned long long	ident, udata;
	long long		data;
	int			filter;
	unsigned int		flags, fflags;
	char			status[64];
};

#define LINE_IN	 "knote: ident:%llx filter:%d flags:%x fflags:%x data:%lld udata:%llx status:%63s"
#define LINE_OUT "knote: ident:0x%llx filter:%d flags:0x%x fflags:0x%x data:%lld udata:0x%llx status:%s\n"

/* The queue's line. */
struct queue {
	unsigned long long	id;
	unsigned int		pending;
	char			status[64];
};

#define QUEUE_IN  "queue: id:%llu pending:%u status:%63s"
#define QUEUE_OUT "queue: id:%llu pending:%u status:%s\n"

/* Comma-separated words of what a status can be, none twice; or "-". */
static int status_is_sane(const char *status, const char *const *word, int n)
{
	char copy[sizeof(((struct line *)0)->status)], *s = copy, *w;
	unsigned int seen = 0;
	int i;

	if (!strcmp(status, "-"))
		return 1;
	strcpy(copy, status);
	while ((w = strsep(&s, ","))) {
		for (i = 0; i < n && strcmp(w, word[i]); i++)
			;
		if (i == n || seen & 1U << i)
			return 0;
		seen |= 1U << i;
	}
	return 1;
}

/*
 * Parse a line.  It must be to the byte what its values print as, so that
 * nothing stands there that the format does not name.
 */
static int parse(const char *text, struct line *l)
{
	static const char *const words[] = {
		"active", "queued", "disabled", "claimed",
	};
	char again[256];

	if (sscanf(text, LINE_IN, &l->ident, &l->filter, &l->flags, &l->fflags,
		   &l->data, &l->udata, l->status) != 7)
		return 0;
	snprintf(again, sizeof(again), LINE_OUT, l->ident, l->filter, l->flags,
		 l->fflags, l->data, l->udata, l->status);
	return !strcmp(text, again) &&
	       status_is_sane(l->status, words, ARRAY_SIZE(words));
}

static int parse_queue(const char *text, struct queue *q)
{
	static const char *const words[] = { "waited", "polled", "dead" };
	char again[256];

	if (sscanf(text, QUEUE_IN, &q->id, &q->pending, q->status) != 3)
		return 0;
	snprintf(again, sizeof(again), QUEUE_OUT, q->id, q->pending, q->status);
	return !strcmp(text, again) &&
	       status_is_sane(q->status, words, ARRAY_SIZE(words));
}

/*
 * Read the lines of a process's queue.  Returns how many knotes there are, or
 * -1 when anything there is not as it should be: the queue's line comes first.
 */
static int read_queue(pid_t pid, int kq, struct queue *q, struct line *lines,
		      int max)
{
	static const char *const usual[] = { "pos:", "flags:", "mnt_id:",
					      "ino:" };
	int n = -1, bad = 0;
	char path[64], text[256];
	unsigned int i;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, kq);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (!bad && fgets(text, sizeof(text), f)) {
		for (i = 0; i < ARRAY_SIZE(usual); i++)
			if (!strncmp(text, usual[i], strlen(usual[i])))
				break;
		if (i < ARRAY_SIZE(usual))
			bad = n >= 0;
		else if (n < 0)
			bad = !parse_queue(text, q);
		else
			bad = n == max || !parse(text, &lines[n]);
		n += i == ARRAY_SIZE(usual);
	}
	if (bad)
		fprintf(stderr, "# line: %s", text);
	bad |= ferror(f);
	fclose(f);
	return bad ? -1 : n;
}

static int read_lines(pid_t pid, int kq, struct line *lines, int max)
{
	struct queue q;

	return read_queue(pid, kq, &q, lines, max);
}

/* The one line of a knote. */
static const struct line *find(const struct line *lines, int n, int filter,
			       unsigned long long ident)
{
	const struct line *found = NULL;
	int i;

	for (i = 0; i < n; i++)
		if (lines[i].filter == filter && lines[i].ident == ident) {
			if (found)
				return NULL;
			found = &lines[i];
		}
	return found;
}

FIXTURE(fdinfo) {
	int kq;
};

FIXTURE_SETUP(fdinfo)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(fdinfo)
{
	close(self->kq);
}

/* No knote, no line. */
TEST_F(fdinfo, empty_queue)
{
	struct line l[2];

	EXPECT_EQ(0, read_lines(getpid(), self->kq, l, 2));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	EXPECT_EQ(1, read_lines(getpid(), self->kq, l, 2));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DELETE, 0, 0,
			       NULL));
	EXPECT_EQ(0, read_lines(getpid(), self->kq, l, 2));
}

/* The queue's own line: how many are pending, and who waits for them. */
TEST_F(fdinfo, queue)
{
	struct kq_waiter waiter = { .kq = self->kq };
	struct epoll_event event = { .events = EPOLLIN };
	struct queue q;
	struct line l;
	int ep;

	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(1, read_queue(getpid(), self->kq, &q, &l, 1));
	EXPECT_EQ(0U, q.pending);
	EXPECT_STREQ("-", q.status);

	ASSERT_EQ(0, kq_waiter_start(&waiter));
	ASSERT_EQ(1, read_queue(getpid(), self->kq, &q, &l, 1));
	EXPECT_STREQ("waited", q.status);
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, kq_waiter_end(&waiter));

	ep = epoll_create1(0);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->kq, &event));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(1, read_queue(getpid(), self->kq, &q, &l, 1));
	EXPECT_EQ(1U, q.pending);
	EXPECT_STREQ("polled", q.status);
	close(ep);

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DISABLE, 0, 0,
			       NULL));
	ASSERT_EQ(1, read_queue(getpid(), self->kq, &q, &l, 1));
	EXPECT_EQ(0U, q.pending);
	EXPECT_STREQ("-", q.status);
}

/* A queue has one id, in whatever process, and no other queue has it. */
TEST_F(fdinfo, id)
{
	int copy = dup(self->kq), other = kqueue();
	struct queue q, same, next;
	struct line l;

	ASSERT_EQ(0, read_queue(getpid(), self->kq, &q, &l, 1));
	ASSERT_EQ(0, read_queue(getpid(), copy, &same, &l, 1));
	ASSERT_EQ(0, read_queue(getpid(), other, &next, &l, 1));
	EXPECT_EQ(q.id, same.id);
	EXPECT_LT(q.id, next.id);
	close(copy);
	close(other);
}

/* What a child still has of a queue that its owner has closed is dead. */
TEST_F(fdinfo, dead)
{
	int kq = kqueue(), status, p[2];
	struct queue q;
	struct line l;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, kq_add(kq, 1, EVFILT_USER, 0));
	/* The library does not see this one, so the child keeps its copy. */
	pid = syscall(SYS_fork);
	ASSERT_LE(0, pid);
	if (!pid) {
		close(p[1]);
		syscall(SYS_exit_group, read(p[0], &c, 1) ||
			read_queue(syscall(SYS_getpid), kq, &q, &l, 1) ||
			strcmp(q.status, "dead"));
	}
	close(kq);
	close(p[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(p[0]);
}

/* One line a knote: ident filter flags fflags data udata status. */
TEST_F(fdinfo, one_line_a_knote)
{
	void *udata = (void *)0x123456789abcdef0;
	const struct line *l;
	struct line all[8];
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, kq_change(self->kq, p[0], EVFILT_READ,
			       EV_ADD | EV_DISPATCH, 0, 0, udata));
	ASSERT_EQ(0, kq_change(self->kq, UINTPTR_MAX, EVFILT_TIMER,
			       EV_ADD | EV_ONESHOT, NOTE_SECONDS, 3600, NULL));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(3, read_lines(getpid(), self->kq, all, 8));

	l = find(all, 3, EVFILT_READ, p[0]);
	ASSERT_NE(NULL, l);
	EXPECT_EQ((unsigned int)EV_DISPATCH, l->flags);
	EXPECT_EQ(0U, l->fflags);
	EXPECT_EQ(0, l->data);
	EXPECT_EQ((uintptr_t)udata, l->udata);
	EXPECT_STREQ("-", l->status);

	l = find(all, 3, EVFILT_TIMER, UINTPTR_MAX);
	ASSERT_NE(NULL, l);
	EXPECT_EQ((unsigned int)(EV_ONESHOT | EV_CLEAR), l->flags);
	EXPECT_EQ((unsigned int)NOTE_SECONDS, l->fflags);
	EXPECT_EQ(0, l->data);
	EXPECT_EQ(0U, l->udata);
	EXPECT_STREQ("-", l->status);

	l = find(all, 3, EVFILT_USER, 1);
	ASSERT_NE(NULL, l);
	EXPECT_EQ((unsigned int)EV_CLEAR, l->flags);
	EXPECT_EQ(0U, l->fflags);
	EXPECT_EQ(0, l->data);
	EXPECT_STREQ("-", l->status);
}

/* Status: active, queued, disabled. */
TEST_F(fdinfo, status)
{
	struct line l;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR,
			       NOTE_TRIGGER, 0, NULL));
	ASSERT_EQ(1, read_lines(getpid(), self->kq, &l, 1));
	EXPECT_STREQ("active,queued", l.status);

	ASSERT_EQ(1, kq_pending(self->kq));
	ASSERT_EQ(1, read_lines(getpid(), self->kq, &l, 1));
	EXPECT_STREQ("-", l.status);

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DISABLE, 0, 0,
			       NULL));
	ASSERT_EQ(1, read_lines(getpid(), self->kq, &l, 1));
	EXPECT_STREQ("disabled", l.status);

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_ENABLE,
			       NOTE_TRIGGER, 0, NULL));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DISABLE, 0, 0,
			       NULL));
	ASSERT_EQ(1, read_lines(getpid(), self->kq, &l, 1));
	EXPECT_STREQ("active,disabled", l.status);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* Looking takes nothing and changes nothing. */
TEST_F(fdinfo, reading_takes_nothing)
{
	struct kevent ev;
	struct line l;
	int i;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_ADD | EV_ONESHOT,
			       NOTE_TRIGGER | 7, 5, NULL));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(1, read_lines(getpid(), self->kq, &l, 1));
	ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
	EXPECT_EQ(7U, ev.fflags);
	EXPECT_EQ(5, ev.data);
}

/* One of each filter, with an udata of its own.  Returns their number. */
static int add_one_of_each(int kq, int p[2], const int s[2])
{
	int pidfd = syscall(SYS_pidfd_open, getpid(), 0);
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct kevent kev[] = {
		{ p[0], EVFILT_READ, EV_ADD, 0, 0, (void *)1 },
		{ p[1], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, (void *)2 },
		{ dir, EVFILT_VNODE, EV_ADD, NOTE_WRITE, 0, (void *)3 },
		{ dir, EVFILT_READ, EV_ADD, 0, 0, (void *)4 },
		{ getpid(), EVFILT_PROC, EV_ADD, NOTE_FORK | NOTE_EXIT, 0,
		  (void *)5 },
		{ SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0, 0, (void *)6 },
		{ 7, EVFILT_TIMER, EV_ADD, 0, 1, (void *)7 },
		{ pidfd, EVFILT_PROCDESC, EV_ADD, NOTE_EXIT, 0, (void *)8 },
		{ 9, EVFILT_FS, EV_ADD, 0, 0, (void *)9 },
		{ 10, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 10, (void *)10 },
		{ s[0], EVFILT_EMPTY, EV_ADD, 0, 0, (void *)11 },
		{ s[0], EVFILT_EXCEPT, EV_ADD, NOTE_OOB, 0, (void *)12 },
		{ 1, EVFILT_NETDEV, EV_ADD, NOTE_LINKDOWN, 0, (void *)13 },
		{ kqueue(), EVFILT_READ, EV_ADD, 0, 0, (void *)14 },
	};

	if (kevent(kq, kev, ARRAY_SIZE(kev), NULL, 0, NULL))
		return -1;
	return ARRAY_SIZE(kev);
}

/*
 * Of no filter, before or after its events, anything but the program's own and
 * small numbers: no kernel address.
 */
TEST_F(fdinfo, no_kernel_address)
{
	struct line all[16];
	struct kevent ev[16];
	int i, n, round, p[2], s[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, kq_tcp_pair(s));
	n = add_one_of_each(self->kq, p, s);
	ASSERT_LT(0, n);
	signal(SIGUSR1, SIG_IGN);
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(n, read_lines(getpid(), self->kq, all, 16));
		for (i = 0; i < n; i++) {
			EXPECT_GE(1ULL << 20, all[i].ident);
			EXPECT_LE(1U, all[i].udata);
			EXPECT_GE(14U, all[i].udata);
			EXPECT_LE(0, all[i].data);
			EXPECT_GE(1LL << 40, all[i].data);
		}
		ASSERT_EQ(3, write(p[1], "abc", 3));
		ASSERT_EQ(0, kill(getpid(), SIGUSR1));
		EXPECT_LE(1, kq_wait(self->kq, ev, 16));
	}
}

/* What a process watches is its own business, and an administrator's. */
TEST_F(fdinfo, not_for_other_users)
{
	char path[64];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", getpid(), self->kq);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (setresuid(65534, 65534, 65534))
			_exit(1);
		_exit(open(path, O_RDONLY) >= 0 || errno != EACCES ? 2 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Nor what the owner watches, for another user who has got a copy. */
TEST_F(fdinfo, not_for_other_users_of_a_copy)
{
	static struct line line[4];
	int status;
	pid_t pid;

	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, 0));
	/* The library closes queues in children that it sees. */
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	ASSERT_LE(0, pid);
	if (!pid) {
		if (read_lines(getpid(), self->kq, line, 4) != 1 ||
		    setresuid(65534, 65534, 65534) ||
		    prctl(PR_SET_DUMPABLE, 1))
			_exit(1);
		_exit(read_lines(getpid(), self->kq, line, 4) ? 2 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

#define STEADY	1000

static struct line lines[4 * STEADY];

static int add_steady(int kq)
{
	static struct kevent kev[STEADY];
	int i;

	for (i = 0; i < STEADY; i++)
		EV_SET(&kev[i], i, EVFILT_USER, EV_ADD, 0, 0,
		       (void *)(uintptr_t)(i ^ 0x5555));
	return kevent(kq, kev, STEADY, NULL, 0, NULL);
}

/* How many of the steady knotes have one line, with their own udata. */
static int count_steady(int n)
{
	static unsigned char seen[STEADY];
	int i, good = 0;

	memset(seen, 0, sizeof(seen));
	for (i = 0; i < n; i++)
		if (lines[i].ident < STEADY &&
		    lines[i].udata == (lines[i].ident ^ 0x5555))
			seen[lines[i].ident]++;
	for (i = 0; i < STEADY; i++)
		good += seen[i] == 1;
	return good;
}

/* A thousand knotes are a thousand lines, to other processes too. */
TEST_F(fdinfo, thousand_knotes)
{
	pid_t pid, me = getpid();
	int status;

	ASSERT_EQ(0, add_steady(self->kq));
	ASSERT_EQ(STEADY, read_lines(me, self->kq, lines, STEADY));
	EXPECT_EQ(STEADY, count_steady(STEADY));

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(read_lines(me, self->kq, lines, STEADY) != STEADY ||
		      count_steady(STEADY) != STEADY);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

struct churn {
	int kq, stop, failed;
	uintptr_t first;
};

/* Add and delete 100 knotes over and over, and trigger some between. */
static void *churn(void *arg)
{
	struct churn *c = arg;
	struct kevent kev[100];
	int i, round;

	for (round = 0; !__atomic_load_n(&c->stop, __ATOMIC_RELAXED); round++) {
		for (i = 0; i < 100; i++)
			EV_SET(&kev[i], c->first + i, EVFILT_USER,
			       round & 1 ? EV_DELETE : EV_ADD | EV_CLEAR,
			       i & 1 ? NOTE_TRIGGER : 0, 0, NULL);
		if (kevent(c->kq, kev, 100, NULL, 0, NULL))
			c->failed++;
	}
	return NULL;
}

#define THREADS	3

/*
 * While other threads add and delete, what stays has its one line, and every
 * line is whole.
 */
TEST_F_TIMEOUT(fdinfo, while_knotes_come_and_go, 60)
{
	struct churn c[THREADS];
	pthread_t thread[THREADS];
	int i, n;

	ASSERT_EQ(0, add_steady(self->kq));
	for (i = 0; i < THREADS; i++) {
		c[i] = (struct churn){
			.kq = self->kq, .first = 10000 * (i + 1),
		};
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, churn, &c[i]));
	}
	for (i = 0; i < 50; i++) {
		n = read_lines(getpid(), self->kq, lines, ARRAY_SIZE(lines));
		EXPECT_LE(STEADY, n);
		EXPECT_EQ(STEADY, count_steady(n));
		EXPECT_LE(0, kq_pending(self->kq));
	}
	for (i = 0; i < THREADS; i++) {
		__atomic_store_n(&c[i].stop, 1, __ATOMIC_RELAXED);
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, c[i].failed);
	}
}

/* The queue of a process that ends meanwhile. */
TEST_F(fdinfo, of_a_process_that_is_killed)
{
	int i, status, p[2], kq;
	pid_t pid;

	ASSERT_EQ(0, pipe(p));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		kq = kqueue();
		if (kq < 0 || add_steady(kq) ||
		    write(p[1], &kq, sizeof(kq)) != sizeof(kq))
			_exit(1);
		pause();
	}
	ASSERT_EQ(sizeof(kq), (size_t)read(p[0], &kq, sizeof(kq)));
	EXPECT_EQ(STEADY, read_lines(pid, kq, lines, STEADY));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	for (i = 0; i < 10; i++)
		EXPECT_GE(STEADY, read_lines(pid, kq, lines, STEADY));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

TEST_HARNESS_MAIN
