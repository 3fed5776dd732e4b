// SPDX-License-Identifier: GPL-2.0
/*
 * Processes: trees that fork as fast as they can while numbers run out and come
 * again, processes that are killed while they are being registered, and signals
 * from all sides.  What is told of them is exact.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "stress.h"

enum { FORK, EXEC, KILL, EXIT, CHILD, SIGNAL, CHANGE, TRACKERR };

static const char *const operations[] = {
	"fork", "exec", "kill", "exit", "child", "signal", "change",
	"trackerr",
};

#define PID_MAX		"/proc/sys/kernel/pid_max"
#define PIDS		"700"	/* some of which the guest itself needs */

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("Bail out! %s: %m\n", path);
	close(fd);
}

/* Memory that processes share. */
static void *share(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED) {
		fail("mmap: %m");
		_exit(1);
	}
	return mem;
}

/*
 * Trees
 */

#define TREE		2000	/* processes in a tree, at most */

/* What is known of a process, or what an event says of one. */
struct fact {
	pid_t	pid;
	int	value;
};

struct facts {
	atomic_uint	n;
	struct fact	fact[TREE + 1];
};

static void note(struct facts *facts, pid_t pid, int value)
{
	unsigned int i = atomic_fetch_add(&facts->n, 1);

	if (i > TREE)
		fail("more than %d facts", TREE);
	else
		facts->fact[i] = (struct fact){ pid, value };
}

static int compare(const void *a, const void *b)
{
	const struct fact *f = a, *g = b;

	return f->pid != g->pid ? f->pid - g->pid : f->value - g->value;
}

static void check_same(const char *what, struct facts *is, struct facts *told)
{
	unsigned int i, n = atomic_load(&is->n);

	CHECK(atomic_load(&told->n) == n, "%u events about %s of %u",
	      atomic_load(&told->n), what, n);
	qsort(is->fact, n, sizeof(is->fact[0]), compare);
	qsort(told->fact, atomic_load(&told->n), sizeof(told->fact[0]), compare);
	for (i = 0; i < n && !failed(); i++)
		CHECK(!compare(&is->fact[i], &told->fact[i]),
		      "%s: of %d %#x, and it was %d %#x", what,
		      told->fact[i].pid, told->fact[i].value, is->fact[i].pid,
		      is->fact[i].value);
}

/* What a tree does, in memory that it shares; and what was told of it. */
struct tree {
	atomic_int	born;		/* begun, counted ahead */
	atomic_int	ended;		/* about to end */
	atomic_int	execs;
	atomic_int	parents;	/* that have forked */
	struct facts	children;	/* and their parents */
	struct facts	ends;		/* and their status */
};

static struct tree *tree;

static struct {
	int		kq;
	atomic_bool	trackerr;
	atomic_int	execs;
	atomic_int	forks;
	struct facts	children;
	struct facts	ends;
} told;

static void *end_by_thread(void *arg)
{
	nap(100);
	_exit((intptr_t)arg);
}

/* In one of the ways there are; what wait() will say is noted before. */
static void end_somehow(struct rng *rng)
{
	int code = below(rng, 200);
	pthread_t thread;
	char text[8];

	atomic_fetch_add(&tree->ended, 1);
	switch (below(rng, 8)) {
	case 0:
		note(&tree->ends, getpid(), SIGKILL);
		did(KILL);
		kill(getpid(), SIGKILL);
		break;
	case 1:
		note(&tree->ends, getpid(), SIGTERM);
		did(KILL);
		kill(getpid(), SIGTERM);
		break;
	case 2:
		note(&tree->ends, getpid(), code << 8);
		atomic_fetch_add(&tree->execs, 1);
		did(EXEC);
		snprintf(text, sizeof(text), "%d", code);
		execl("/proc/self/exe", "exit", text, NULL);
		break;
	case 3:
		/* The leader goes first. */
		note(&tree->ends, getpid(), code << 8);
		if (!pthread_create(&thread, NULL, end_by_thread,
				    (void *)(intptr_t)code))
			pthread_exit(NULL);
		_exit(code);
	default:
		note(&tree->ends, getpid(), code << 8);
		_exit(code);
	}
	fail("a process did not end");
	_exit(1);
}

static void grow(struct rng rng, int depth);

/* Its parent stands still and lends it its memory: it does not do much. */
static void end_borrowed(int code)
{
	atomic_fetch_add(&tree->ended, 1);
	note(&tree->ends, getpid(), code << 8);
	_exit(code);
}

/* Whether a child was made. */
static bool fork_one(struct rng *rng, int depth)
{
	struct rng child = branch(rng);
	bool borrow = one_in(rng, 4);
	pid_t pid, parent = getpid();

	if (atomic_fetch_add(&tree->born, 1) >= TREE) {
		atomic_fetch_add(&tree->born, -1);
		return false;
	}
	pid = borrow ? vfork() : fork();
	if (!pid) {
		note(&tree->children, getpid(), parent);
		if (borrow)
			end_borrowed(3);
		grow(child, depth);
	}
	if (pid < 0)
		atomic_fetch_add(&tree->born, -1);
	else
		did(FORK);
	return pid > 0;
}

static void grow(struct rng rng, int depth)
{
	unsigned int i, n = depth ? below(&rng, 5) : 0;
	bool forked = false;

	if (one_in(&rng, 2))
		signal(SIGCHLD, SIG_IGN);
	for (i = 0; i < n; i++)
		forked |= fork_one(&rng, depth - 1);
	if (forked)
		atomic_fetch_add(&tree->parents, 1);
	if (one_in(&rng, 2))
		while (waitpid(-1, NULL, 0) > 0)
			;
	end_somehow(&rng);
}

static void hear(const struct kevent *ev)
{
	CHECK(ev->filter == EVFILT_PROC, "an event of filter %d", ev->filter);
	if (ev->fflags & NOTE_TRACKERR) {
		did(TRACKERR);
		atomic_store(&told.trackerr, true);
	}
	if (ev->fflags & NOTE_CHILD) {
		did(CHILD);
		CHECK(ev->fflags == NOTE_CHILD, "NOTE_CHILD with %#x",
		      ev->fflags);
		note(&told.children, ev->ident, ev->data);
	}
	if (ev->fflags & NOTE_EXIT) {
		did(EXIT);
		CHECK((ev->flags & (EV_EOF | EV_ONESHOT)) ==
		      (EV_EOF | EV_ONESHOT), "NOTE_EXIT with flags %#x",
		      ev->flags);
		note(&told.ends, ev->ident, ev->data);
	}
	if (ev->fflags & NOTE_EXEC)
		atomic_fetch_add(&told.execs, 1);
	if (ev->fflags & NOTE_FORK)
		atomic_fetch_add(&told.forks, 1);
}

/* Everybody who was born has ended, and that was told. */
static bool tree_over(void)
{
	int born = atomic_load(&tree->born);

	if (atomic_load(&told.trackerr))
		return atomic_load(&tree->ended) == born;
	return (int)atomic_load(&told.ends.n) >= born;
}

static atomic_bool listening, tree_heard;

static void *hear_all(void *arg)
{
	static const struct timespec brief = { .tv_nsec = 2000000 };
	struct kevent ev[20];
	int i, n;

	while (!atomic_load(&listening))
		nap(500);
	while (!atomic_load(&tree_heard)) {
		n = kevent(told.kq, NULL, 0, ev, ARRAY_SIZE(ev), &brief);
		CHECK(n >= 0, "kevent: %m");
		for (i = 0; i < n; i++)
			hear(&ev[i]);
	}
	return arg;
}

static void check_tree(void)
{
	int parents = atomic_load(&tree->parents);

	check_same("children", &tree->children, &told.children);
	check_same("ends", &tree->ends, &told.ends);
	CHECK(atomic_load(&told.execs) == atomic_load(&tree->execs),
	      "%d NOTE_EXEC for %d", atomic_load(&told.execs),
	      atomic_load(&tree->execs));
	CHECK(atomic_load(&told.forks) >= parents,
	      "%d NOTE_FORK from %d processes", atomic_load(&told.forks),
	      parents);
}

/* The first of a tree waits until it is watched. */
static pid_t plant(struct rng *rng, int gate)
{
	struct rng seed = branch(rng);
	pid_t pid;
	char byte;

	until((pid = fork()) >= 0, "fork: %m");
	if (!pid) {
		if (read(gate, &byte, 1) < 0)
			_exit(1);
		grow(seed, 5);
	}
	return pid;
}

static void one_tree(struct rng *rng)
{
	bool late = one_in(rng, 3);
	pthread_t ear[2];
	unsigned int i;
	int gate[2];
	pid_t pid;

	memset(tree, 0, sizeof(*tree));
	memset(&told, 0, sizeof(told));
	atomic_store(&tree->born, 1);
	atomic_store(&tree_heard, false);
	atomic_store(&listening, false);
	told.kq = kqueue();
	CHECK(told.kq >= 0 && !pipe2(gate, O_CLOEXEC), "a queue and a pipe");
	/* While there are numbers for them. */
	for (i = 0; i < ARRAY_SIZE(ear); i++)
		ear[i] = spawn(hear_all, NULL);
	pid = plant(rng, gate[0]);
	CHECK(!kq_change(told.kq, pid, EVFILT_PROC, EV_ADD,
			 NOTE_TRACK | NOTE_EXIT | NOTE_FORK | NOTE_EXEC, 0,
			 NULL), "EV_ADD");
	CHECK(write(gate[1], "x", 1) == 1, "write: %m");
	/* Sometimes numbers are used twice before anything is taken. */
	if (late)
		until(atomic_load(&tree->ended) == atomic_load(&tree->born),
		      "a tree does not end");
	atomic_store(&listening, true);
	until(tree_over(), "lost: %u ends of %d", atomic_load(&told.ends.n),
	      atomic_load(&tree->born));
	atomic_store(&tree_heard, true);
	for (i = 0; i < ARRAY_SIZE(ear); i++)
		pthread_join(ear[i], NULL);
	if (!atomic_load(&told.trackerr) && !failed())
		check_tree();
	close(told.kq);
	close(gate[0]);
	close(gate[1]);
}

/* Orphans come to us. */
static void *reap(void *arg)
{
	for (;;)
		if (waitpid(-1, NULL, 0) < 0)
			nap(500);
	return arg;
}

static void trees(struct rng *rng, int64_t end)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	tree = share(sizeof(*tree));
	spawn(reap, NULL);
	while (now() < end && !failed())
		one_tree(rng);
}

/*
 * Ends
 */

#define BATCH	24

struct victim {
	pid_t	pid;
	int	fd;		/* a pidfd */
	int	status;
	int	told[2];	/* how often, by PROC and by PROCDESC */
};

static struct victim victim[BATCH];
static struct rng killer;

static void be_victim(struct rng rng)
{
	int code = below(&rng, 200);

	switch (below(&rng, 3)) {
	case 0:
		_exit(code);
	case 1:
		nap(below(&rng, 500));
		_exit(code);
	default:
		for (;;)
			pause();
	}
}

static void *kill_them(void *arg)
{
	unsigned int i, first = below(&killer, BATCH);

	for (i = 0; i < BATCH; i++) {
		if (one_in(&killer, 2))
			nap(below(&killer, 300));
		did(KILL);
		kill(victim[(first + i) % BATCH].pid, SIGKILL);
	}
	return arg;
}

static void watch_victim(struct rng *rng, int kq, struct victim *v)
{
	struct kevent kev[2];

	EV_SET(&kev[0], v->pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, v);
	EV_SET(&kev[1], v->fd, EVFILT_PROCDESC, EV_ADD, NOTE_EXIT, 0, v);
	CHECK(!kevent(kq, &kev[one_in(rng, 2)], 1, NULL, 0, NULL), "EV_ADD: %m");
	CHECK(!kevent(kq, kev, 2, NULL, 0, NULL), "EV_ADD: %m");
}

static void take_victims(int kq)
{
	struct kevent ev[2 * BATCH];
	struct victim *v;
	int i, n, left = 2 * BATCH;

	while (left && !failed()) {
		n = kq_wait(kq, ev, left);
		CHECK(n > 0, "lost: %d ends: %d", left, n);
		for (i = 0; i < n; i++) {
			v = ev[i].udata;
			v->told[ev[i].filter == EVFILT_PROCDESC]++;
			CHECK(ev[i].fflags == NOTE_EXIT, "fflags %#x",
			      ev[i].fflags);
			CHECK(!v->status || v->status == ev[i].data,
			      "status %#x and %#llx", v->status,
			      (long long)ev[i].data);
			v->status = ev[i].data;
			did(EXIT);
		}
		left -= n > 0 ? n : 0;
	}
	CHECK(kq_pending(kq) == 0, "more than one end");
}

static void check_victim(struct victim *v)
{
	int status;

	CHECK(v->told[0] == 1 && v->told[1] == 1,
	      "told %d times by PROC, %d by PROCDESC", v->told[0], v->told[1]);
	CHECK(waitpid(v->pid, &status, 0) == v->pid && status == v->status,
	      "status %#x of %#x", v->status, status);
	close(v->fd);
}

static void one_batch(struct rng *rng, int kq)
{
	pthread_t thread;
	int i;

	memset(victim, 0, sizeof(victim));
	for (i = 0; i < BATCH; i++) {
		victim[i].pid = fork();
		if (!victim[i].pid)
			be_victim(branch(rng));
		victim[i].fd = syscall(SYS_pidfd_open, victim[i].pid, 0);
		CHECK(victim[i].fd >= 0, "fork: %m");
		did(FORK);
		rng_next(rng);
	}
	killer = branch(rng);
	thread = spawn(kill_them, NULL);
	for (i = 0; i < BATCH && !failed(); i++)
		watch_victim(rng, kq, &victim[i]);
	take_victims(kq);
	pthread_join(thread, NULL);
	for (i = 0; i < BATCH && !failed(); i++)
		check_victim(&victim[i]);
}

static void ends(struct rng *rng, int64_t end)
{
	int kq = kqueue();

	CHECK(kq >= 0, "kqueue: %m");
	while (now() < end && !failed())
		one_batch(rng, kq);
}

/*
 * Signals
 */

#define SENDERS		3
#define TAKERS		2	/* queues where every signal is counted */

/* Ignored, blocked, handled. */
static const int sent_signals[] = { SIGUSR1, SIGUSR2, SIGURG, SIGWINCH };

#define SIGNALS		((int)ARRAY_SIZE(sent_signals))

struct signals {
	atomic_long	sent[ARRAY_SIZE(sent_signals)];
	atomic_bool	over;
};

static struct signals *signals;

static struct {
	int		kq;
	atomic_long	sum[ARRAY_SIZE(sent_signals)];
} taker[TAKERS];

static struct rng sender_rng[SENDERS];
static pid_t target;

static void handled(int sig)
{
	(void)sig;
}

/* By one of the ways to send them, to the process or to one of its threads. */
static void send_one(struct rng *rng)
{
	int i = below(rng, SIGNALS), sig = sent_signals[i];
	union sigval none = { 0 };

	did(SIGNAL);
	/* Nobody stops on the way: the sum is exact when all have ended. */
	atomic_fetch_add(&signals->sent[i], 1);
	switch (below(rng, 3)) {
	case 0:
		CHECK(!kill(target, sig), "kill: %m");
		break;
	case 1:
		CHECK(!sigqueue(target, sig, none), "sigqueue: %m");
		break;
	default:
		CHECK(!syscall(SYS_tgkill, target, target, sig), "tgkill: %m");
	}
}

static void *send_some(void *arg)
{
	struct rng *rng = arg;
	int n = 50 + below(rng, 200);

	while (n--)
		send_one(rng);
	return NULL;
}

static void *take_signals(void *arg)
{
	static const struct timespec brief = { .tv_nsec = 1000000 };
	struct kevent ev[SIGNALS];
	int i, j, n, me = (intptr_t)arg % TAKERS;

	while (!atomic_load(&signals->over)) {
		n = kevent(taker[me].kq, NULL, 0, ev, SIGNALS, &brief);
		CHECK(n >= 0 || errno == EINTR, "kevent: %m");
		for (i = 0; i < n; i++) {
			for (j = 0; sent_signals[j] != (int)ev[i].ident; j++)
				;
			atomic_fetch_add(&taker[me].sum[j], ev[i].data);
		}
	}
	return NULL;
}

/* Changes to the same knotes that lose nothing, and others that come and go. */
static void *change_signals(void *arg)
{
	static const unsigned short harmless[] = {
		EV_DISABLE, EV_ENABLE, EV_ADD, EV_ADD | EV_DISABLE,
	};
	struct rng *rng = arg;
	int i, kq = kqueue();

	while (!atomic_load(&signals->over)) {
		did(CHANGE);
		kq_change(taker[place(rng, taker)].kq, sent_signals[place(rng, sent_signals)],
			  EVFILT_SIGNAL, harmless[place(rng, harmless)], 0, 0, NULL);
		kq_change(kq, sent_signals[place(rng, sent_signals)], EVFILT_SIGNAL,
			  one_in(rng, 2) ? EV_ADD : EV_DELETE, 0, 0, NULL);
	}
	for (i = 0; i < TAKERS * SIGNALS; i++)
		kq_change(taker[i / SIGNALS].kq, sent_signals[i % SIGNALS],
			  EVFILT_SIGNAL, EV_ENABLE, 0, 0, NULL);
	close(kq);
	return NULL;
}

static bool signals_agree(void)
{
	int i, j;

	for (i = 0; i < TAKERS; i++)
		for (j = 0; j < SIGNALS; j++)
			if (atomic_load(&taker[i].sum[j]) !=
			    atomic_load(&signals->sent[j]))
				return false;
	return true;
}

static void check_signals(void)
{
	int i, j;

	for (i = 0; i < TAKERS; i++)
		for (j = 0; j < SIGNALS; j++)
			CHECK(atomic_load(&taker[i].sum[j]) ==
			      atomic_load(&signals->sent[j]),
			      "signal %d: %ld counted of %ld", sent_signals[j],
			      atomic_load(&taker[i].sum[j]),
			      atomic_load(&signals->sent[j]));
}

/* From threads and from another process at the same time. */
static void send_all(struct rng *rng)
{
	struct rng seed = branch(rng);
	pthread_t thread[SENDERS];
	pid_t pid = fork();
	int i;

	if (!pid) {
		send_some(&seed);
		_exit(0);
	}
	for (i = 0; i < SENDERS; i++)
		thread[i] = spawn(send_some, &sender_rng[i]);
	for (i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void add_signals(int kq)
{
	int i;

	CHECK(kq >= 0, "kqueue: %m");
	for (i = 0; i < SIGNALS; i++)
		CHECK(!kq_add(kq, sent_signals[i], EVFILT_SIGNAL, 0),
		      "EV_ADD of signal %d", sent_signals[i]);
}

static void one_volley(struct rng *rng)
{
	struct rng changer = branch(rng);
	pthread_t thread[2 * TAKERS], change;
	int i;

	memset(signals, 0, sizeof(*signals));
	for (i = 0; i < TAKERS; i++) {
		memset(&taker[i], 0, sizeof(taker[i]));
		taker[i].kq = kqueue();
		add_signals(taker[i].kq);
	}
	change = spawn(change_signals, &changer);
	for (i = 0; i < 2 * TAKERS; i++)
		thread[i] = spawn(take_signals, (void *)(intptr_t)i);
	send_all(rng);
	nap(below(rng, 2000));
	atomic_store(&signals->over, true);
	pthread_join(change, NULL);
	for (i = 0; i < 2 * TAKERS; i++)
		pthread_join(thread[i], NULL);
	/* What is left is pending now. */
	atomic_store(&signals->over, false);
	for (i = 0; i < TAKERS; i++)
		thread[i] = spawn(take_signals, (void *)(intptr_t)i);
	until(signals_agree(), "signals are lost");
	atomic_store(&signals->over, true);
	for (i = 0; i < TAKERS; i++) {
		pthread_join(thread[i], NULL);
		close(taker[i].kq);
	}
	check_signals();
}

static void volleys(struct rng *rng, int64_t end)
{
	struct sigaction sa = { .sa_handler = handled, .sa_flags = SA_RESTART };
	sigset_t blocked;
	int i;

	signals = share(sizeof(*signals));
	target = getpid();
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	sigaction(SIGURG, &sa, NULL);
	sigaction(SIGWINCH, &sa, NULL);
	for (i = 0; i < SENDERS; i++)
		sender_rng[i] = branch(rng);
	while (now() < end && !failed())
		one_volley(rng);
}

static const struct stress_test tests[] = {
	{ "trees of processes, tracked, while numbers run out", 12, trees },
	{ "processes that end while they are registered", 6, ends },
	{ "signals from all sides", 6, volleys },
};

int main(int argc, char **argv)
{
	char before[16] = "";
	int fd, status;

	/* What processes of a tree become. */
	if (argc == 2)
		_exit(atoi(argv[1]));
	fd = open(PID_MAX, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, before, sizeof(before) - 1) <= 0) {
		printf("Bail out! %s: %m\n", PID_MAX);
		return 1;
	}
	put(PID_MAX, PIDS);
	status = stress_main(tests, ARRAY_SIZE(tests), operations,
			     ARRAY_SIZE(operations));
	put(PID_MAX, before);
	return status;
}
