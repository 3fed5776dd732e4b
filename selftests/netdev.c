// SPDX-License-Identifier: GPL-2.0
/* EVFILT_NETDEV: links of the caller's network namespace.  Needs root and ip. */
#define _GNU_SOURCE
#include "kselftest_harness.h"

#include <limits.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "kq_test.h"

#define NOTE_ALL	(NOTE_LINKUP | NOTE_LINKDOWN | NOTE_LINKINV)

/* A namespace of its own with a dummy interface kq0, down, and a queue. */
FIXTURE(netdev) {
	int kq;
	unsigned int d;
};

FIXTURE_SETUP(netdev)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, system("ip link add kq0 type dummy"));
	self->d = if_nametoindex("kq0");
	ASSERT_NE(0, self->d);
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(netdev)
{
	close(self->kq);
}

/* Set an interface up or down.  0 when it is done. */
static int set_up(const char *name, bool up)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;
	struct ifreq req = { 0 };

	strcpy(req.ifr_name, name);
	error = ioctl(s, SIOCGIFFLAGS, &req);
	req.ifr_flags = up ? req.ifr_flags | IFF_UP : req.ifr_flags & ~IFF_UP;
	if (!error)
		error = ioctl(s, SIOCSIFFLAGS, &req);
	close(s);
	return error;
}

static int set_mtu(const char *name, int mtu)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;
	struct ifreq req = { .ifr_mtu = mtu };

	strcpy(req.ifr_name, name);
	error = ioctl(s, SIOCSIFMTU, &req);
	close(s);
	return error;
}

static int add(int kq, unsigned int index, unsigned int notes)
{
	return kq_change(kq, index, EVFILT_NETDEV, EV_ADD, notes, 0, NULL);
}

/* LINKUP 1, LINKDOWN 2, LINKINV 4 */
TEST(notes_have_their_values)
{
	EXPECT_EQ(1, NOTE_LINKUP);
	EXPECT_EQ(2, NOTE_LINKDOWN);
	EXPECT_EQ(4, NOTE_LINKINV);
}

/* up, down: each told as it happens; data = the state as it stands; CLEAR set */
TEST_F(netdev, up_and_down)
{
	ASSERT_EQ(0, add(self->kq, self->d, NOTE_ALL));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, set_up("kq0", true));
	KQ_EXPECT_EVENT(self->kq, self->d, EVFILT_NETDEV, EV_CLEAR,
			NOTE_LINKUP, NOTE_LINKUP);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, set_up("kq0", false));
	KQ_EXPECT_EVENT(self->kq, self->d, EVFILT_NETDEV, EV_CLEAR,
			NOTE_LINKDOWN, NOTE_LINKDOWN);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* notes add up until they are taken; data is what stands then */
TEST_F(netdev, notes_add_up)
{
	ASSERT_EQ(0, add(self->kq, self->d, NOTE_ALL));
	ASSERT_EQ(0, set_up("kq0", true));
	ASSERT_EQ(0, set_up("kq0", false));
	KQ_EXPECT_EVENT(self->kq, self->d, EVFILT_NETDEV, EV_CLEAR,
			NOTE_LINKUP | NOTE_LINKDOWN, NOTE_LINKDOWN);
}

/* registering tells nothing, nor does a change to the knote */
TEST_F(netdev, only_changes_are_told)
{
	ASSERT_EQ(0, set_up("kq0", true));
	ASSERT_EQ(0, add(self->kq, self->d, NOTE_ALL));
	ASSERT_EQ(0, add(self->kq, self->d, NOTE_ALL));
	EXPECT_EQ(0, kq_pending(self->kq));
	/* No change of the link: up again, another size. */
	ASSERT_EQ(0, set_up("kq0", true));
	ASSERT_EQ(0, set_mtu("kq0", 1400));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* what was not asked for is not told; data knows it all the same */
TEST_F(netdev, only_what_was_asked_is_told)
{
	ASSERT_EQ(0, add(self->kq, self->d, NOTE_LINKDOWN));
	ASSERT_EQ(0, set_up("kq0", true));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, set_up("kq0", false));
	ASSERT_EQ(0, set_up("kq0", true));
	KQ_EXPECT_EVENT(self->kq, self->d, EVFILT_NETDEV, EV_CLEAR,
			NOTE_LINKDOWN, NOTE_LINKUP);
}

/* a carrier that goes or comes while the interface is up is a link that does */
TEST_F(netdev, carrier_of_a_peer)
{
	unsigned int a;

	ASSERT_EQ(0, system("ip link add kqa type veth peer name kqb"));
	ASSERT_EQ(0, set_up("kqa", true));
	a = if_nametoindex("kqa");
	ASSERT_EQ(0, add(self->kq, a, NOTE_ALL));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, set_up("kqb", true));
	KQ_EXPECT_EVENT(self->kq, a, EVFILT_NETDEV, EV_CLEAR, NOTE_LINKUP,
			NOTE_LINKUP);
	ASSERT_EQ(0, set_up("kqb", false));
	KQ_EXPECT_EVENT(self->kq, a, EVFILT_NETDEV, EV_CLEAR, NOTE_LINKDOWN,
			NOTE_LINKDOWN);
}

/* an interface that is up without a carrier is no link */
TEST_F(netdev, up_without_carrier_is_down)
{
	unsigned int a;

	ASSERT_EQ(0, system("ip link add kqa type veth peer name kqb"));
	a = if_nametoindex("kqa");
	ASSERT_EQ(0, add(self->kq, a, NOTE_ALL));
	ASSERT_EQ(0, set_up("kqa", true));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, set_up("kqa", false));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* LINKINV (gone: EOF|ONESHOT), asked or not; the knote is gone then */
TEST_F(netdev, removed)
{
	int other = kqueue();

	ASSERT_EQ(0, add(self->kq, self->d, NOTE_LINKINV));
	ASSERT_EQ(0, add(other, self->d, 0));
	ASSERT_EQ(0, system("ip link del kq0"));
	KQ_EXPECT_EVENT(self->kq, self->d, EVFILT_NETDEV,
			EV_CLEAR | EV_ONESHOT | EV_EOF, NOTE_LINKINV,
			NOTE_LINKINV);
	KQ_EXPECT_EVENT(other, self->d, EVFILT_NETDEV,
			EV_CLEAR | EV_ONESHOT | EV_EOF, NOTE_LINKINV,
			NOTE_LINKINV);
	EXPECT_EQ(0, kq_pending(self->kq));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, self->d, EVFILT_NETDEV,
				     EV_DELETE, 0, 0, NULL));
	EXPECT_EQ(-ENXIO, add(self->kq, self->d, NOTE_ALL));
	close(other);
}

/* down and gone come together */
TEST_F(netdev, removed_while_up)
{
	ASSERT_EQ(0, set_up("kq0", true));
	ASSERT_EQ(0, add(self->kq, self->d, NOTE_ALL));
	ASSERT_EQ(0, system("ip link del kq0"));
	KQ_EXPECT_EVENT(self->kq, self->d, EVFILT_NETDEV,
			EV_CLEAR | EV_ONESHOT | EV_EOF,
			NOTE_LINKDOWN | NOTE_LINKINV, NOTE_LINKINV);
}

/* A process with a network namespace of its own. */
static pid_t child_elsewhere(void)
{
	char byte;
	pid_t pid;
	int p[2];

	if (pipe(p))
		return -1;
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWNET) || write(p[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(p[1]);
	if (read(p[0], &byte, 1) != 1)
		return -1;
	close(p[0]);
	return pid;
}

/* to this namespace, an interface that moves to another is gone */
TEST_F(netdev, moved_away)
{
	pid_t pid = child_elsewhere();
	char command[64];

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, add(self->kq, self->d, NOTE_LINKINV));
	snprintf(command, sizeof(command), "ip link set kq0 netns %d", pid);
	EXPECT_EQ(0, system(command));
	KQ_EXPECT_EVENT(self->kq, self->d, EVFILT_NETDEV,
			EV_CLEAR | EV_ONESHOT | EV_EOF, NOTE_LINKINV,
			NOTE_LINKINV);
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
}

/* ENXIO if there is no such interface, in the caller's namespace */
TEST_F(netdev, no_such_interface)
{
	static const uintptr_t none[] = {
		0, 1000000, INT_MAX, (uintptr_t)INT_MAX + 1, UINTPTR_MAX,
	};
	unsigned int i, index;

	for (i = 0; i < ARRAY_SIZE(none); i++)
		EXPECT_EQ(-ENXIO, kq_add(self->kq, none[i], EVFILT_NETDEV, 0));
	ASSERT_EQ(0, system("ip link add kq1 index 77 type dummy"));
	index = if_nametoindex("kq1");
	ASSERT_EQ(77, index);
	EXPECT_EQ(0, kq_add(self->kq, index, EVFILT_NETDEV, 0));
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	EXPECT_EQ(-ENXIO, add(kqueue(), index, NOTE_ALL));
}

/* the namespace is that of the registration, and goes with its interfaces */
TEST_F(netdev, namespace_ends)
{
	ASSERT_EQ(0, add(self->kq, self->d, NOTE_LINKINV));
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	KQ_EXPECT_EVENT(self->kq, self->d, EVFILT_NETDEV,
			EV_CLEAR | EV_ONESHOT | EV_EOF, NOTE_LINKINV,
			NOTE_LINKINV);
}

/* in another namespace the same number is another interface, or none */
TEST_F(netdev, another_namespace)
{
	/* Which lives on. */
	int before = open("/proc/self/ns/net", O_RDONLY);

	ASSERT_LE(0, before);
	ASSERT_EQ(0, system("ip link add kq1 index 77 type dummy"));
	ASSERT_EQ(0, add(self->kq, 1, NOTE_LINKUP));
	ASSERT_EQ(0, add(self->kq, 77, NOTE_LINKUP));
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	EXPECT_EQ(-ENXIO, add(self->kq, 77, NOTE_LINKUP));
	ASSERT_EQ(0, add(self->kq, 1, NOTE_LINKUP));
	ASSERT_EQ(0, set_up("lo", true));
	KQ_EXPECT_EVENT(self->kq, 1, EVFILT_NETDEV, EV_CLEAR, NOTE_LINKUP,
			NOTE_LINKUP);
	close(before);
}

/* one that comes back is another, when it is added again */
TEST_F(netdev, comes_back)
{
	ASSERT_EQ(0, system("ip link add kq1 index 77 type dummy"));
	ASSERT_EQ(0, add(self->kq, 77, NOTE_ALL));
	ASSERT_EQ(0, kq_change(self->kq, 77, EVFILT_NETDEV, EV_DISABLE,
			       NOTE_ALL, 0, NULL));
	ASSERT_EQ(0, system("ip link del kq1"));
	ASSERT_EQ(0, system("ip link add kq1 index 77 type dummy"));
	ASSERT_EQ(0, add(self->kq, 77, NOTE_ALL));
	ASSERT_EQ(0, set_up("kq1", true));
	KQ_EXPECT_EVENT(self->kq, 77, EVFILT_NETDEV, EV_CLEAR, NOTE_LINKUP,
			NOTE_LINKUP);
}

/* DISABLE holds back, and ENABLE delivers what was collected */
TEST_F(netdev, disabled_it_collects)
{
	ASSERT_EQ(0, add(self->kq, self->d, NOTE_ALL));
	ASSERT_EQ(0, kq_change(self->kq, self->d, EVFILT_NETDEV, EV_DISABLE,
			       NOTE_ALL, 0, NULL));
	ASSERT_EQ(0, set_up("kq0", true));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_change(self->kq, self->d, EVFILT_NETDEV, EV_ENABLE,
			       NOTE_ALL, 0, NULL));
	KQ_EXPECT_EVENT(self->kq, self->d, EVFILT_NETDEV, EV_CLEAR,
			NOTE_LINKUP, NOTE_LINKUP);
}

/* it wakes a thread that sleeps in kevent() */
TEST_F(netdev, wakes_a_sleeping_thread)
{
	struct timespec patience = { .tv_sec = KQ_PATIENCE };
	struct kq_waiter w = { .kq = self->kq, .timeout = &patience };

	ASSERT_EQ(0, add(self->kq, self->d, NOTE_ALL));
	ASSERT_EQ(0, kq_waiter_start(&w));
	ASSERT_EQ(0, set_up("kq0", true));
	ASSERT_EQ(1, kq_waiter_end(&w));
	EXPECT_EQ(self->d, w.ev[0].ident);
	EXPECT_EQ(NOTE_LINKUP, w.ev[0].fflags);
}

/* EV_DELETE and the end of a queue leave nothing behind */
TEST_F(netdev, deleted_it_is_silent)
{
	int other = kqueue();

	ASSERT_EQ(0, add(self->kq, self->d, NOTE_ALL));
	ASSERT_EQ(0, add(other, self->d, NOTE_ALL));
	ASSERT_EQ(0, kq_change(self->kq, self->d, EVFILT_NETDEV, EV_DELETE, 0,
			       0, NULL));
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(0, set_up("kq0", true));
	ASSERT_EQ(0, system("ip link del kq0"));
	EXPECT_EQ(0, kq_pending(self->kq));
}

TEST_HARNESS_MAIN
