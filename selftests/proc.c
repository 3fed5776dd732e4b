// SPDX-License-Identifier: GPL-2.0
/* EVFILT_PROC. */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "kq_test.h"

#define NOBODY	65534

/* A child that does what it is told: a byte to its pipe each time. */
struct child {
	pid_t	pid;
	int	tell;
	int	hear;
};

static void child_step(struct child *c)
{
	char byte = 0;

	if (write(c->tell, &byte, 1) != 1 || read(c->hear, &byte, 1) != 1)
		abort();
}

static void child_await(int hear)
{
	char byte;

	if (read(hear, &byte, 1) != 1)
		_exit(99);
}

static void child_done(int tell)
{
	if (write(tell, "", 1) != 1)
		_exit(98);
}

static void child_start(struct child *c, void (*main)(int hear, int tell))
{
	int to[2], from[2];

	if (pipe(to) || pipe(from))
		abort();
	c->pid = fork();
	if (c->pid == 0) {
		close(to[1]);
		close(from[0]);
		main(to[0], from[1]);
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	c->tell = to[1];
	c->hear = from[0];
}

/* Let it go on to its end: it hears that nobody talks to it any more. */
static void child_release(struct child *c)
{
	close(c->tell);
	close(c->hear);
}

static void wait_for_end(int hear, int tell)
{
	char byte;

	(void)tell;
	if (read(hear, &byte, 1) == 0)
		_exit(7);
}

static int watch(int kq, pid_t pid, unsigned int notes)
{
	return kq_change(kq, pid, EVFILT_PROC, EV_ADD, notes, 0, NULL);
}

static int status_of(pid_t pid)
{
	int status = -1;

	return waitpid(pid, &status, WNOHANG) == pid ? status : -1;
}

FIXTURE(proc)
{
	int kq;
	struct child child;
	struct kevent ev;
};

FIXTURE_SETUP(proc)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(proc)
{
	close(self->kq);
}

/* EXIT: data = status as wait() gives it; EV_EOF, ONESHOT; waitpid() returns */
TEST_F(proc, exit)
{
	child_start(&self->child, wait_for_end);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
	EXPECT_EQ(0, kq_pending(self->kq));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)self->child.pid, self->ev.ident);
	EXPECT_EQ(EVFILT_PROC, self->ev.filter);
	EXPECT_EQ(EV_EOF | EV_ONESHOT | EV_CLEAR, self->ev.flags);
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(7 << 8, self->ev.data);
	EXPECT_EQ(7 << 8, status_of(self->child.pid));
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, self->child.pid, EVFILT_PROC,
				     EV_DELETE, 0, 0, NULL));
}

TEST_F(proc, killed)
{
	child_start(&self->child, wait_for_end);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
	kill(self->child.pid, SIGKILL);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(SIGKILL, self->ev.data);
	EXPECT_EQ(SIGKILL, status_of(self->child.pid));
	child_release(&self->child);
}

/* ... or has been reaped automatically: SIGCHLD ignored */
TEST_F(proc, reaped_automatically)
{
	signal(SIGCHLD, SIG_IGN);
	child_start(&self->child, wait_for_end);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(7 << 8, self->ev.data);
}

static void until_zombie(pid_t pid)
{
	siginfo_t info;

	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
}

/* A zombie: EXIT fires at once, without EXIT asked ESRCH. */
TEST_F(proc, zombie)
{
	child_start(&self->child, wait_for_end);
	child_release(&self->child);
	until_zombie(self->child.pid);
	EXPECT_EQ(-ESRCH, watch(self->kq, self->child.pid, NOTE_FORK));
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT | NOTE_FORK));
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(7 << 8, self->ev.data);
	EXPECT_EQ(7 << 8, status_of(self->child.pid));
	EXPECT_EQ(-ESRCH, watch(self->kq, self->child.pid, NOTE_EXIT));
}

/* ESRCH if none or above INT_MAX; a thread is none */
TEST_F(proc, no_such_process)
{
	static const uintptr_t none[] = { 0, INT_MAX, (uintptr_t)INT_MAX + 1,
					  UINTPTR_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(none); i++)
		EXPECT_EQ(-ESRCH, kq_change(self->kq, none[i], EVFILT_PROC,
					    EV_ADD, NOTE_EXIT, 0, NULL));
	/* kthreadd */
	EXPECT_EQ(-ESRCH, watch(self->kq, 2, NOTE_EXIT));
	EXPECT_EQ(0, watch(self->kq, getpid(), NOTE_EXIT));
	EXPECT_EQ(0, kq_pending(self->kq));
}

static void *outlive_the_leader(void *arg)
{
	int *end = arg;
	char byte;

	if (read(end[0], &byte, 1) == 1)
		child_done(end[1]);
	if (read(end[0], &byte, 1) == 0)
		_exit(9);
	return NULL;
}

static void leave_a_thread(int hear, int tell)
{
	static int end[2];
	pthread_t thread;

	end[0] = hear;
	end[1] = tell;
	pthread_create(&thread, NULL, outlive_the_leader, end);
	pthread_exit(NULL);
}

static char state_of(pid_t pid)
{
	char path[64], line[256], *p;
	FILE *f;

	sprintf(path, "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f || !fgets(line, sizeof(line), f))
		abort();
	fclose(f);
	p = strrchr(line, ')');
	return p[2];
}

/*
 * EXIT is delivered when the whole process, all threads, can be waited for: a
 * leader that has gone first is a zombie already.
 */
TEST_F(proc, leader_goes_first)
{
	int late = kqueue();

	child_start(&self->child, leave_a_thread);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
	while (state_of(self->child.pid) != 'Z')
		sched_yield();
	ASSERT_EQ(0, watch(late, self->child.pid, NOTE_EXIT));
	child_step(&self->child);
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(0, kq_pending(late));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(9 << 8, self->ev.data);
	EXPECT_EQ(9 << 8, status_of(self->child.pid));
	EXPECT_EQ(1, kq_poll(late, &self->ev, 1));
	EXPECT_EQ(9 << 8, self->ev.data);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* ... traced, too: the tracer sees a dead leader early */
TEST_F(proc, traced_leader_goes_first)
{
	int status;

	child_start(&self->child, leave_a_thread);
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, self->child.pid, NULL, NULL));
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
	while (state_of(self->child.pid) != 'Z')
		sched_yield();
	child_step(&self->child);
	EXPECT_EQ(0, kq_pending(self->kq));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(9 << 8, self->ev.data);
	EXPECT_EQ(self->child.pid, waitpid(self->child.pid, &status, 0));
	EXPECT_EQ(0, kq_pending(self->kq));
}

static void *idle(void *arg)
{
	return arg;
}

static void fork_and_clone(int hear, int tell)
{
	pthread_t thread;
	pid_t pid;

	child_await(hear);
	pthread_create(&thread, NULL, idle, NULL);
	pthread_join(thread, NULL);
	child_done(tell);

	child_await(hear);
	pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	child_done(tell);

	child_await(hear);
	pid = vfork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	child_done(tell);
	wait_for_end(hear, tell);
}

/* FORK: fork, vfork, clone of a process, never a thread; data is 0 */
TEST_F(proc, fork)
{
	int i;

	child_start(&self->child, fork_and_clone);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_FORK));
	child_step(&self->child);
	EXPECT_EQ(0, kq_pending(self->kq));
	for (i = 0; i < 2; i++) {
		child_step(&self->child);
		ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
		EXPECT_EQ((uintptr_t)self->child.pid, self->ev.ident);
		EXPECT_EQ(NOTE_FORK, self->ev.fflags);
		EXPECT_EQ(EV_CLEAR, self->ev.flags);
		EXPECT_EQ(0, self->ev.data);
	}
	child_release(&self->child);
	waitpid(self->child.pid, NULL, 0);
	/* At exit without EXIT asked the knote vanishes. */
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, self->child.pid, EVFILT_PROC,
				     EV_DELETE, 0, 0, NULL));
}

/* ... after what was pending has been delivered */
TEST_F(proc, fork_is_delivered_after_the_end)
{
	child_start(&self->child, fork_and_clone);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_FORK));
	child_step(&self->child);
	child_step(&self->child);
	child_step(&self->child);
	child_release(&self->child);
	waitpid(self->child.pid, NULL, 0);
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_FORK, self->ev.fflags);
	EXPECT_EQ(EV_EOF | EV_ONESHOT | EV_CLEAR, self->ev.flags);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* EXEC, FORK and EXIT may come together. */
TEST_F(proc, fork_and_exit_together)
{
	child_start(&self->child, fork_and_clone);
	ASSERT_EQ(0, watch(self->kq, self->child.pid,
			   NOTE_FORK | NOTE_EXEC | NOTE_EXIT));
	child_step(&self->child);
	child_step(&self->child);
	child_step(&self->child);
	child_release(&self->child);
	waitpid(self->child.pid, NULL, 0);
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_FORK | NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(7 << 8, self->ev.data);
}

static void exec_cat(int hear, int tell)
{
	child_await(hear);
	dup2(hear, 0);
	dup2(tell, 1);
	execl("/bin/cat", "cat", NULL);
}

TEST_F(proc, exec)
{
	child_start(&self->child, exec_cat);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXEC | NOTE_EXIT));
	ASSERT_EQ(1, write(self->child.tell, "", 1));
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_EXEC, self->ev.fflags);
	EXPECT_EQ(0, self->ev.data);
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(0, self->ev.data);
	waitpid(self->child.pid, NULL, 0);
}

static void *exec_from_here(void *arg)
{
	const int *end = arg;

	exec_cat(end[0], end[1]);
	return NULL;
}

static void exec_from_a_thread(int hear, int tell)
{
	static int end[2];
	pthread_t thread;

	end[0] = hear;
	end[1] = tell;
	pthread_create(&thread, NULL, exec_from_here, end);
	pthread_join(thread, NULL);
}

/* exec by a thread that is not the leader keeps the knote */
TEST_F(proc, exec_from_a_thread)
{
	child_start(&self->child, exec_from_a_thread);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXEC | NOTE_EXIT));
	ASSERT_EQ(1, write(self->child.tell, "", 1));
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_EXEC, self->ev.fflags);
	EXPECT_EQ(0, kq_pending(self->kq));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	waitpid(self->child.pid, NULL, 0);
}

/* FORCEONESHOT: what comes between the change and the event is in it */
TEST_F(proc, end_after_forceoneshot)
{
	child_start(&self->child, wait_for_end);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
	ASSERT_EQ(0, kq_change(self->kq, self->child.pid, EVFILT_PROC,
			       EV_FORCEONESHOT, NOTE_EXIT, 0, NULL));
	kill(self->child.pid, SIGKILL);
	waitpid(self->child.pid, NULL, 0);
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(EV_EOF | EV_ONESHOT | EV_CLEAR, self->ev.flags);
	EXPECT_EQ(SIGKILL, self->ev.data);
	EXPECT_EQ(0, kq_pending(self->kq));
}

static void grandchild(int hear, int tell)
{
	pid_t pid = fork();

	if (pid == 0)
		wait_for_end(hear, tell);
	if (write(tell, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
}

/* A process that is not a child, and not one's own to wait for. */
TEST_F(proc, not_a_child)
{
	pid_t pid;

	child_start(&self->child, grandchild);
	ASSERT_EQ((ssize_t)sizeof(pid),
		  read(self->child.hear, &pid, sizeof(pid)));
	waitpid(self->child.pid, NULL, 0);
	ASSERT_EQ(0, watch(self->kq, pid, NOTE_EXIT));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)pid, self->ev.ident);
	EXPECT_EQ(7 << 8, self->ev.data);
}

static void as_nobody(void)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		_exit(1);
}

static const struct child *other;

/* Another process than the parent: it exits with the status that it is told. */
static void watch_other(int hear, int tell)
{
	struct kevent ev;
	int kq;

	close(other->tell);
	close(other->hear);
	as_nobody();
	kq = kqueue();
	if (watch(kq, other->pid, NOTE_EXIT))
		_exit(90);
	child_done(tell);
	if (kq_wait(kq, &ev, 1) != 1 || ev.fflags != NOTE_EXIT)
		_exit(91);
	child_await(hear);
	_exit(ev.data >> 8);
}

/*
 * FORK, EXEC and the status in data need the same uids as the target: EACCES
 * otherwise.  EXIT is for everyone who can see the process.
 */
TEST_F(proc, another_users)
{
	struct child watcher;
	int status;
	char byte;

	child_start(&self->child, wait_for_end);
	other = &self->child;
	child_start(&watcher, watch_other);
	ASSERT_EQ(1, read(watcher.hear, &byte, 1));
	as_nobody();
	close(self->kq);
	self->kq = kqueue();
	EXPECT_EQ(-EACCES, watch(self->kq, self->child.pid, NOTE_FORK));
	EXPECT_EQ(-EACCES, watch(self->kq, self->child.pid, NOTE_EXEC));
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
	EXPECT_EQ(-EACCES, watch(self->kq, self->child.pid, NOTE_FORK));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(7 << 8, self->ev.data);
	ASSERT_EQ(1, write(watcher.tell, "", 1));
	ASSERT_EQ(watcher.pid, waitpid(watcher.pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* The same of one's own process that keeps secrets. */
TEST_F(proc, not_dumpable)
{
	as_nobody();
	child_start(&self->child, wait_for_end);	/* setresuid() cleared it */
	close(self->kq);
	self->kq = kqueue();
	EXPECT_EQ(-EACCES, watch(self->kq, self->child.pid, NOTE_FORK));
	EXPECT_EQ(0, watch(self->kq, getpid(), NOTE_FORK));
	kill(self->child.pid, SIGKILL);
	waitpid(self->child.pid, NULL, 0);
	child_release(&self->child);
}

static void leave_a_thread_undumpable(int hear, int tell)
{
	prctl(PR_SET_DUMPABLE, 0);
	leave_a_thread(hear, tell);
}

/* ... nor once its leader has left it */
TEST_F(proc, not_dumpable_without_its_leader)
{
	as_nobody();
	prctl(PR_SET_DUMPABLE, 1);
	child_start(&self->child, leave_a_thread_undumpable);
	while (state_of(self->child.pid) != 'Z')
		sched_yield();
	close(self->kq);
	self->kq = kqueue();
	EXPECT_EQ(-EACCES, watch(self->kq, self->child.pid, NOTE_FORK));
	child_release(&self->child);
	waitpid(self->child.pid, NULL, 0);
}

/* Its parent, whom wait() tells it, is told the status by us, too. */
TEST_F(proc, status_of_a_child_that_is_not_dumpable)
{
	as_nobody();
	child_start(&self->child, wait_for_end);
	close(self->kq);
	self->kq = kqueue();
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(7 << 8, self->ev.data);
}

/* Become nobody, dumpable, with a set-uid program at hand.  Returns a new queue. */
static int queue_of_nobody(void)
{
	if (system("cp /bin/cat /tmp/kq-set-uid-cat && chmod 4755 /tmp/kq-set-uid-cat"))
		return -1;
	as_nobody();
	prctl(PR_SET_DUMPABLE, 1);
	return kqueue();
}

static void exec_set_uid(int hear, int tell)
{
	child_await(hear);
	dup2(hear, 0);
	dup2(tell, 1);
	/* It goes on to its end, with status 1, when it is told no more. */
	execl("/tmp/kq-set-uid-cat", "cat", "-", "/", NULL);
	_exit(97);
}

static void fork_and_exec_set_uid(int hear, int tell)
{
	child_await(hear);
	if (fork() == 0)
		_exit(0);
	exec_set_uid(hear, tell);
}

/*
 * Checked again at the target's exec: a set-uid program is not told of, nor to others
 * than the parent how it ended.
 */
TEST_F(proc, set_uid_program)
{
	struct child watcher;
	int status;
	char byte;

	close(self->kq);
	self->kq = queue_of_nobody();
	ASSERT_LE(0, self->kq);
	child_start(&self->child, exec_set_uid);
	other = &self->child;
	child_start(&watcher, watch_other);
	ASSERT_EQ(1, read(watcher.hear, &byte, 1));
	ASSERT_EQ(0, watch(self->kq, self->child.pid,
			   NOTE_EXEC | NOTE_FORK | NOTE_EXIT));
	ASSERT_EQ(1, write(self->child.tell, "", 1));
	ASSERT_EQ(1, write(self->child.tell, "x", 1));
	child_await(self->child.hear);
	EXPECT_EQ(0, kq_pending(self->kq));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(1 << 8, self->ev.data);
	ASSERT_EQ(1, write(watcher.tell, "", 1));
	ASSERT_EQ(watcher.pid, waitpid(watcher.pid, &status, 0));
	EXPECT_EQ(0, status);
}

/*
 * Who has lost the right to more can ask once more for what was asked before, to
 * enable it, and is told of the end alone.
 */
TEST_F(proc, enabled_after_a_set_uid_program)
{
	const unsigned int notes = NOTE_FORK | NOTE_EXIT;

	close(self->kq);
	self->kq = queue_of_nobody();
	ASSERT_LE(0, self->kq);
	child_start(&self->child, fork_and_exec_set_uid);
	ASSERT_EQ(0, kq_change(self->kq, self->child.pid, EVFILT_PROC,
			       EV_ADD | EV_DISPATCH, notes, 0, NULL));
	ASSERT_EQ(1, write(self->child.tell, "", 1));
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_FORK, self->ev.fflags);
	ASSERT_EQ(1, write(self->child.tell, "", 1));
	ASSERT_EQ(1, write(self->child.tell, "x", 1));
	child_await(self->child.hear);
	EXPECT_EQ(-EACCES, kq_change(self->kq, self->child.pid, EVFILT_PROC,
				     EV_ENABLE, notes | NOTE_EXEC, 0, NULL));
	ASSERT_EQ(0, kq_change(self->kq, self->child.pid, EVFILT_PROC,
			       EV_ENABLE, notes, 0, NULL));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(1 << 8, self->ev.data);
}

static void become_root(int hear, int tell)
{
	if (kq_become(NOBODY))
		_exit(90);
	child_done(tell);
	child_await(hear);
	_exit(setresuid(0, 0, 0) ? 91 : 7);
}

/* Of who becomes another user without an exec nobody but the parent is told how it ended. */
TEST_F(proc, becomes_another_user)
{
	struct child watcher;
	int status;
	char byte;

	child_start(&self->child, become_root);
	ASSERT_EQ(1, read(self->child.hear, &byte, 1));
	other = &self->child;
	child_start(&watcher, watch_other);
	ASSERT_EQ(1, read(watcher.hear, &byte, 1));
	as_nobody();
	close(self->kq);
	self->kq = kqueue();
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
	ASSERT_EQ(1, write(self->child.tell, "", 1));
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ(7 << 8, self->ev.data);
	ASSERT_EQ(1, write(watcher.tell, "", 1));
	ASSERT_EQ(watcher.pid, waitpid(watcher.pid, &status, 0));
	EXPECT_EQ(0, status);
}

static void exec_below(int hear, int tell)
{
	if (setresuid(NOBODY, NOBODY, NOBODY) || unshare(CLONE_NEWUSER))
		_exit(90);
	child_done(tell);
	child_await(hear);
	execl("/bin/sh", "sh", "-c", "exit 7", NULL);
	_exit(91);
}

/* CAP_SYS_PTRACE is over the processes of all user namespaces below. */
TEST_F(proc, user_namespace_below)
{
	unsigned int notes = 0;
	char byte;

	child_start(&self->child, exec_below);
	ASSERT_EQ(1, read(self->child.hear, &byte, 1));
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXEC | NOTE_EXIT));
	ASSERT_EQ(1, write(self->child.tell, "", 1));
	do {
		ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
		notes |= self->ev.fflags;
	} while (!(notes & NOTE_EXIT));
	EXPECT_EQ(NOTE_EXEC | NOTE_EXIT, notes);
	EXPECT_EQ(7 << 8, self->ev.data);
}

/* ident = pid in the caller's pid namespace */
TEST_F(proc, pid_namespace)
{
	pid_t outer = getpid(), pid;
	int status;

	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	pid = fork();
	if (pid == 0) {
		int kq = kqueue();
		pid_t inner = fork();

		if (inner == 0)
			pause();
		if (getpid() != 1 || watch(kq, inner, NOTE_EXIT) ||
		    watch(kq, outer, NOTE_EXIT) != -ESRCH)
			_exit(1);
		kill(inner, SIGKILL);
		if (kq_wait(kq, &self->ev, 1) != 1 ||
		    self->ev.ident != (uintptr_t)inner)
			_exit(2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* DELETE discards; DISABLE keeps; the end of a deleted one is not told. */
TEST_F(proc, flags)
{
	child_start(&self->child, wait_for_end);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
	ASSERT_EQ(0, kq_change(self->kq, self->child.pid, EVFILT_PROC,
			       EV_DELETE, 0, 0, NULL));
	ASSERT_EQ(0, kq_change(self->kq, self->child.pid, EVFILT_PROC,
			       EV_ADD | EV_DISABLE, NOTE_EXIT, 0, self));
	child_release(&self->child);
	until_zombie(self->child.pid);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_change(self->kq, self->child.pid, EVFILT_PROC,
			       EV_ENABLE, NOTE_EXIT, 0, self));
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ((void *)self, self->ev.udata);
	EXPECT_EQ(7 << 8, self->ev.data);
	waitpid(self->child.pid, NULL, 0);
}

/* A child with that number, which waits to be killed. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};
	pid_t child = syscall(SYS_clone3, &args, sizeof(args));

	if (child == 0)
		for (;;)
			pause();
	return child;
}

/*
 * the undelivered EXIT of a dead one does not stand in the way of a new one
 * with the same pid
 */
TEST_F(proc, number_used_again)
{
	pid_t pid;

	child_start(&self->child, wait_for_end);
	pid = self->child.pid;
	ASSERT_EQ(0, kq_change(self->kq, pid, EVFILT_PROC, EV_ADD, NOTE_EXIT,
			       0, (void *)1));
	child_release(&self->child);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	ASSERT_EQ(pid, fork_as(pid));
	ASSERT_EQ(0, kq_change(self->kq, pid, EVFILT_PROC, EV_ADD, NOTE_EXIT,
			       0, (void *)2));
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ((void *)1, self->ev.udata);
	EXPECT_EQ(7 << 8, self->ev.data);
	kill(pid, SIGKILL);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ((void *)2, self->ev.udata);
	EXPECT_EQ(SIGKILL, self->ev.data);
	waitpid(pid, NULL, 0);
}

static bool has_knote(int kq)
{
	char path[64], text[1024];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", kq);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return strstr(text, "knote:");
}

static void *add_tracked(void *self)
{
	FIXTURE_DATA(proc) *proc = self;

	return (void *)(intptr_t)watch(proc->kq, proc->child.pid,
				       NOTE_EXIT | NOTE_TRACK);
}

/*
 * (ident, filter) once a queue, also while another thread is adding it: which
 * takes that thread long when the stock of knotes for children is empty, a
 * second after the last process was watched.
 */
TEST_F(proc, added_by_two_threads)
{
	pthread_t thread;
	void *result;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT,
			       0, 1500, NULL));
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	child_start(&self->child, wait_for_end);
	ASSERT_EQ(0, pthread_create(&thread, NULL, add_tracked, self));
	while (!has_knote(self->kq))
		sched_yield();
	EXPECT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
	pthread_join(thread, &result);
	EXPECT_EQ(NULL, result);
	child_release(&self->child);
	EXPECT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	waitpid(self->child.pid, NULL, 0);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* 1,000 children, each EXIT once, with its status. */
TEST_F_TIMEOUT(proc, many, 120)
{
	enum { MANY = 1000 };
	static pid_t pid[MANY];
	struct kevent ev[64];
	int i, n, total = 0, wrong = 0;

	for (i = 0; i < MANY; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(i & 0xff);
		ASSERT_EQ(0, kq_change(self->kq, pid[i], EVFILT_PROC, EV_ADD,
				       NOTE_EXIT, 0, (void *)(intptr_t)i));
	}
	while (total < MANY) {
		n = kq_wait(self->kq, ev, 64);
		ASSERT_LT(0, n);
		total += n;
		for (i = 0; i < n; i++)
			wrong += status_of(ev[i].ident) != ev[i].data ||
				 ev[i].data >> 8 !=
				 ((intptr_t)ev[i].udata & 0xff);
	}
	EXPECT_EQ(MANY, total);
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, kq_pending(self->kq));
}

static void fork_three(int hear, int tell)
{
	pid_t pid;

	child_await(hear);
	pid = fork();
	if (pid == 0)
		_exit(3);
	waitpid(pid, NULL, 0);
	if (write(tell, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	wait_for_end(hear, tell);
}

static pid_t make_it_fork(struct child *c)
{
	pid_t pid;

	if (write(c->tell, "", 1) != 1 ||
	    read(c->hear, &pid, sizeof(pid)) != sizeof(pid))
		abort();
	return pid;
}

/*
 * TRACK: one event delivers CHILD, data = the parent's pid, never together with
 * EXIT; from then on it is a knote with the parent's fflags, flags and udata.
 * CHILD comes ahead of the parent's FORK.
 */
TEST_F(proc, track)
{
	pid_t pid;

	child_start(&self->child, fork_three);
	ASSERT_EQ(0, kq_change(self->kq, self->child.pid, EVFILT_PROC, EV_ADD,
			       NOTE_TRACK | NOTE_FORK | NOTE_EXIT, 0, self));
	pid = make_it_fork(&self->child);
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)pid, self->ev.ident);
	EXPECT_EQ(NOTE_CHILD, self->ev.fflags);
	EXPECT_EQ(self->child.pid, self->ev.data);
	EXPECT_EQ(EV_CLEAR, self->ev.flags);
	EXPECT_EQ((void *)self, self->ev.udata);
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)self->child.pid, self->ev.ident);
	EXPECT_EQ(NOTE_FORK, self->ev.fflags);
	EXPECT_EQ(0, self->ev.data);
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)pid, self->ev.ident);
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(EV_EOF | EV_ONESHOT | EV_CLEAR, self->ev.flags);
	EXPECT_EQ(3 << 8, self->ev.data);
	EXPECT_EQ((void *)self, self->ev.udata);
	EXPECT_EQ(0, kq_pending(self->kq));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)self->child.pid, self->ev.ident);
	waitpid(self->child.pid, NULL, 0);
}

typedef FIXTURE_DATA(proc) proc;

/*
 * The parent's flags are the child's: they are not for CHILD, but for the first
 * event of its own.
 */
static void track_with(struct __test_metadata *_metadata, proc *self,
		       unsigned short flags)
{
	pid_t pid;

	child_start(&self->child, fork_three);
	ASSERT_EQ(0, kq_change(self->kq, self->child.pid, EVFILT_PROC,
			       EV_ADD | flags, NOTE_TRACK | NOTE_EXIT, 0, NULL));
	pid = make_it_fork(&self->child);
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)pid, self->ev.ident);
	EXPECT_EQ(NOTE_CHILD, self->ev.fflags);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)pid, self->ev.ident);
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(EV_EOF | EV_ONESHOT | EV_CLEAR | flags, self->ev.flags);
	EXPECT_EQ(3 << 8, self->ev.data);
	EXPECT_EQ(-ENOENT, kq_change(self->kq, pid, EVFILT_PROC, EV_DELETE, 0,
				     0, NULL));
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)self->child.pid, self->ev.ident);
	waitpid(self->child.pid, NULL, 0);
}

TEST_F(proc, track_with_oneshot)
{
	track_with(_metadata, self, EV_ONESHOT);
}

TEST_F(proc, track_with_dispatch)
{
	track_with(_metadata, self, EV_DISPATCH);
}

/* TRACK alone: CHILD is told, and its end, not asked for, is silent. */
TEST_F(proc, track_alone)
{
	long knotes = kq_param("knotes");
	pid_t pid;

	child_start(&self->child, fork_three);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_TRACK));
	pid = make_it_fork(&self->child);
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)pid, self->ev.ident);
	EXPECT_EQ(NOTE_CHILD, self->ev.fflags);
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, pid, EVFILT_PROC, EV_DELETE, 0,
				     0, NULL));
	EXPECT_EQ(knotes + 1, kq_param("knotes"));
	kill(self->child.pid, SIGKILL);
	waitpid(self->child.pid, NULL, 0);
	EXPECT_EQ(0, kq_pending(self->kq));
	child_release(&self->child);
}

static void fork_and_linger(int hear, int tell)
{
	pid_t pid;

	child_await(hear);
	pid = fork();
	if (pid == 0)
		wait_for_end(hear, tell);
	if (write(tell, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	pause();
}

/* Deleting the parent's knote leaves the children's. */
TEST_F(proc, track_outlives_the_parents_knote)
{
	pid_t pid;

	child_start(&self->child, fork_and_linger);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_TRACK | NOTE_EXIT));
	pid = make_it_fork(&self->child);
	ASSERT_EQ(0, kq_change(self->kq, self->child.pid, EVFILT_PROC,
			       EV_DELETE, 0, 0, NULL));
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_CHILD, self->ev.fflags);
	kill(self->child.pid, SIGKILL);
	waitpid(self->child.pid, NULL, 0);
	child_release(&self->child);
	ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)pid, self->ev.ident);
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(7 << 8, self->ev.data);
}

/* A number that is free, and not given soon to anybody who does not ask for it. */
static pid_t free_number(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid + 10000;
}

/* Takes what is pending; how often @notes were told of @pid. */
static int times_told(proc *self, pid_t pid, unsigned int notes)
{
	int n = 0;

	while (kq_poll(self->kq, &self->ev, 1) == 1)
		n += self->ev.ident == (uintptr_t)pid &&
		     self->ev.fflags & notes;
	return n;
}

static int live_as(pid_t pid)
{
	return fork_as(pid) != pid || kill(pid, SIGKILL) ||
	       waitpid(pid, NULL, 0) != pid;
}

/* Of processes that had one number, the ends of 64 are kept. */
TEST_F(proc, one_number_many_times)
{
	pid_t pid = free_number();
	int i, told;

	ASSERT_EQ(0, watch(self->kq, getpid(), NOTE_TRACK | NOTE_EXIT));
	for (i = 0; i < 70; i++)
		ASSERT_EQ(0, live_as(pid));
	ASSERT_EQ(pid, fork_as(pid));
	EXPECT_EQ(-ENOMEM, watch(self->kq, pid, NOTE_EXIT));
	told = 0;
	while (kq_poll(self->kq, &self->ev, 1) == 1) {
		if (self->ev.ident == (uintptr_t)getpid()) {
			EXPECT_EQ(NOTE_TRACKERR, self->ev.fflags);
			continue;
		}
		told += self->ev.fflags == NOTE_EXIT;
	}
	EXPECT_EQ(64, told);
	EXPECT_EQ(0, watch(self->kq, pid, NOTE_EXIT));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(1, times_told(self, pid, NOTE_EXIT));
	ASSERT_EQ(0, live_as(pid));
	EXPECT_EQ(1, times_told(self, pid, NOTE_EXIT));
}

struct adder {
	int kq;
	pid_t next;		/* 0: no more */
};

static void *add_next(void *arg)
{
	struct adder *a = arg;
	pid_t pid, done = 0;

	while ((pid = __atomic_load_n(&a->next, __ATOMIC_RELAXED)))
		if (pid != done && !watch(a->kq, pid, NOTE_EXIT))
			done = pid;
	return NULL;
}

/*
 * A child that is added while it is made is told of once; or not, when it has gone
 * before that was done: then the parent was told that it is not tracked.
 */
TEST_F_TIMEOUT(proc, added_while_it_is_made, 120)
{
	pid_t first = free_number();
	struct adder a = { .kq = self->kq, .next = first };
	pthread_t thread;
	int i, twice = 0;

	ASSERT_EQ(0, watch(self->kq, getpid(), NOTE_TRACK | NOTE_EXIT));
	ASSERT_EQ(0, pthread_create(&thread, NULL, add_next, &a));
	for (i = 0; i < 500; i++) {
		__atomic_store_n(&a.next, first + i, __ATOMIC_RELAXED);
		ASSERT_EQ(0, live_as(first + i));
		twice += times_told(self, first + i, NOTE_EXIT) > 1;
	}
	EXPECT_EQ(0, twice);
	__atomic_store_n(&a.next, 0, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

enum { TREE_DEPTH = 6, TREE_SIZE = (1 << (TREE_DEPTH + 1)) - 1 };

/* Each process makes two, and waits for them. */
static void grow(int depth)
{
	int i;

	for (i = 0; i < 2 && depth < TREE_DEPTH; i++)
		if (fork() == 0) {
			grow(depth + 1);
			_exit(depth + 1);
		}
	while (wait(NULL) > 0)
		;
}

static void be_a_tree(int hear, int tell)
{
	(void)tell;
	child_await(hear);
	grow(0);
}

/* every child, grandchildren too: a fork tree 6 deep */
TEST_F_TIMEOUT(proc, track_a_tree, 60)
{
	int i, n, children = 0, exits = 0, depth = 0;
	struct kevent ev[64];

	child_start(&self->child, be_a_tree);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_TRACK | NOTE_EXIT));
	ASSERT_EQ(1, write(self->child.tell, "", 1));
	while (exits < TREE_SIZE) {
		n = kq_wait(self->kq, ev, 64);
		ASSERT_LT(0, n);
		for (i = 0; i < n; i++) {
			children += ev[i].fflags == NOTE_CHILD;
			exits += ev[i].fflags == NOTE_EXIT;
			if (ev[i].fflags == NOTE_EXIT)
				depth += ev[i].data >> 8;
		}
	}
	EXPECT_EQ(TREE_SIZE - 1, children);
	EXPECT_EQ(TREE_SIZE, exits);
	/* 2 * 1 + 4 * 2 + 8 * 3 + 16 * 4 + 32 * 5 + 64 * 6 */
	EXPECT_EQ(642, depth);
	EXPECT_EQ(0, kq_pending(self->kq));
	waitpid(self->child.pid, NULL, 0);
	child_release(&self->child);
}

enum { PARENTS = 8, BRIEF = 1250 };

static void brief_children(int hear, int tell)
{
	int i;

	(void)tell;
	child_await(hear);
	for (i = 0; i < BRIEF; i++) {
		pid_t pid = vfork();

		if (pid == 0)
			_exit(i & 0x7f);
		waitpid(pid, NULL, 0);
	}
}

/*
 * 10,000 children that live for an instant, over eight parents at a time: each
 * CHILD and each EXIT arrives, exactly once, with the right status.
 */
TEST_F_TIMEOUT(proc, track_brief_children, 100)
{
	static struct child parent[PARENTS];
	int i, n, children = 0, exits = 0, errors = 0, other = 0;
	int64_t sum = 0, want = 0;
	struct kevent ev[64];

	for (i = 0; i < PARENTS; i++) {
		child_start(&parent[i], brief_children);
		ASSERT_EQ(0, watch(self->kq, parent[i].pid,
				   NOTE_TRACK | NOTE_EXIT));
	}
	for (i = 0; i < BRIEF; i++)
		want += PARENTS * (i & 0x7f);
	for (i = 0; i < PARENTS; i++)
		ASSERT_EQ(1, write(parent[i].tell, "", 1));
	while (exits < PARENTS * (BRIEF + 1) && !errors) {
		n = kq_wait(self->kq, ev, 64);
		ASSERT_LT(0, n);
		for (i = 0; i < n; i++) {
			sum += ev[i].fflags == NOTE_EXIT ? ev[i].data >> 8 : 0;
			if (ev[i].fflags == NOTE_CHILD)
				children++;
			else if (ev[i].fflags == NOTE_EXIT)
				exits++;
			else if (ev[i].fflags & NOTE_TRACKERR)
				errors++;
			else
				other++;
		}
	}
	EXPECT_EQ(PARENTS * BRIEF, children);
	EXPECT_EQ(PARENTS * (BRIEF + 1), exits);
	EXPECT_EQ(want, sum);
	EXPECT_EQ(0, errors);
	EXPECT_EQ(0, other);
	EXPECT_EQ(0, kq_pending(self->kq));
	for (i = 0; i < PARENTS; i++)
		waitpid(parent[i].pid, NULL, 0);
}

/* A child that has ended, and been reaped, is there until its end can be told. */
TEST_F(proc, end_asked_for_after_child)
{
	pid_t pid;

	child_start(&self->child, fork_three);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_TRACK));
	pid = make_it_fork(&self->child);
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ(NOTE_CHILD, self->ev.fflags);
	ASSERT_EQ(0, watch(self->kq, pid, NOTE_EXIT));
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)pid, self->ev.ident);
	EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
	EXPECT_EQ(EV_EOF | EV_ONESHOT | EV_CLEAR, self->ev.flags);
	EXPECT_EQ(3 << 8, self->ev.data);
	child_release(&self->child);
}

/* Who asks for the end and is not refused is told, whenever it comes. */
TEST_F(proc, end_asked_for_while_it_comes)
{
	int i;

	for (i = 0; i < 500; i++) {
		child_start(&self->child, wait_for_end);
		ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_FORK));
		child_release(&self->child);
		if (i % 2)
			sched_yield();
		ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_EXIT));
		ASSERT_EQ(1, kq_wait(self->kq, &self->ev, 1));
		EXPECT_EQ(NOTE_EXIT, self->ev.fflags);
		EXPECT_EQ(7 << 8, self->ev.data);
		waitpid(self->child.pid, NULL, 0);
	}
}

/* TRACKERR, asked or not, when a child's could not be made. */
TEST_F(proc, trackerr)
{
	long max = kq_param("max_knotes");
	pid_t pid;

	child_start(&self->child, fork_three);
	ASSERT_EQ(0, watch(self->kq, self->child.pid, NOTE_TRACK));
	ASSERT_EQ(0, kq_set_param("max_knotes", kq_param("knotes")));
	pid = make_it_fork(&self->child);
	ASSERT_EQ(0, kq_set_param("max_knotes", max));
	ASSERT_EQ(1, kq_poll(self->kq, &self->ev, 1));
	EXPECT_EQ((uintptr_t)self->child.pid, self->ev.ident);
	EXPECT_EQ(NOTE_TRACKERR, self->ev.fflags);
	EXPECT_EQ(-ENOENT, kq_change(self->kq, pid, EVFILT_PROC, EV_DELETE, 0,
				     0, NULL));
	kill(self->child.pid, SIGKILL);
	waitpid(self->child.pid, NULL, 0);
	child_release(&self->child);
}

TEST_HARNESS_MAIN
