// SPDX-License-Identifier: GPL-2.0
/* EVFILT_FS: mounts and unmounts.  Needs root. */
#define _GNU_SOURCE
#include "kselftest_harness.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kq_test.h"

#define BOTH	(VQ_MOUNT | VQ_UNMOUNT)

#define EXPECT_NOTES(notes_) \
	KQ_EXPECT_EVENT(self->kq, 0, EVFILT_FS, EV_CLEAR, notes_, 0)

/* A mount namespace of its own, a tmpfs in it, and a queue that watches. */
FIXTURE(fs) {
	int kq;
	char dir[32];
	char a[40];
	char b[40];
};

FIXTURE_SETUP(fs)
{
	strcpy(self->dir, "/tmp/kq-fs-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ASSERT_EQ(0, mount("kq", self->dir, "tmpfs", 0, NULL));
	sprintf(self->a, "%s/a", self->dir);
	sprintf(self->b, "%s/b", self->dir);
	ASSERT_EQ(0, mkdir(self->a, 0755));
	ASSERT_EQ(0, mkdir(self->b, 0755));
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, kq_add(self->kq, 0, EVFILT_FS, 0));
}

FIXTURE_TEARDOWN(fs)
{
	close(self->kq);
	umount2(self->dir, MNT_DETACH);
	rmdir(self->dir);
}

static int mount_tmpfs(const char *where)
{
	return mount("kq", where, "tmpfs", 0, NULL);
}

/* VQ_MOUNT 0x8, VQ_UNMOUNT 0x10 */
TEST(notes_have_their_values)
{
	EXPECT_EQ(0x8, VQ_MOUNT);
	EXPECT_EQ(0x10, VQ_UNMOUNT);
}

/* reported whether asked or not, once; registering reports nothing */
TEST_F(fs, mount_and_unmount)
{
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, mount_tmpfs(self->a));
	EXPECT_NOTES(VQ_MOUNT);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, umount(self->a));
	EXPECT_NOTES(VQ_UNMOUNT);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* what was asked for makes no difference */
TEST_F(fs, asked_or_not)
{
	ASSERT_EQ(0, kq_change(self->kq, 0, EVFILT_FS, EV_ADD, VQ_UNMOUNT, 0,
			       NULL));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, mount_tmpfs(self->a));
	EXPECT_NOTES(VQ_MOUNT);
}

TEST_F(fs, several_mounts_are_one_event)
{
	ASSERT_EQ(0, mount_tmpfs(self->a));
	ASSERT_EQ(0, mount_tmpfs(self->b));
	EXPECT_NOTES(VQ_MOUNT);
	ASSERT_EQ(0, umount(self->a));
	ASSERT_EQ(0, umount(self->b));
	EXPECT_NOTES(VQ_UNMOUNT);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* both between two calls, of two mounts */
TEST_F(fs, one_goes_and_another_comes)
{
	ASSERT_EQ(0, mount_tmpfs(self->a));
	EXPECT_NOTES(VQ_MOUNT);
	ASSERT_EQ(0, mount_tmpfs(self->b));
	ASSERT_EQ(0, umount(self->a));
	EXPECT_NOTES(BOTH);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* both between two calls: what came has gone, and leaves no trace */
TEST_F(fs, it_comes_and_goes)
{
	ASSERT_EQ(0, mount_tmpfs(self->a));
	ASSERT_EQ(0, umount(self->a));
	EXPECT_NOTES(BOTH);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* both between two calls: what went has come again, with the same number */
TEST_F(fs, it_goes_and_comes)
{
	ASSERT_EQ(0, mount_tmpfs(self->a));
	EXPECT_NOTES(VQ_MOUNT);
	ASSERT_EQ(0, umount(self->a));
	ASSERT_EQ(0, mount_tmpfs(self->a));
	EXPECT_NOTES(BOTH);
	EXPECT_EQ(0, kq_pending(self->kq));
}

TEST_F(fs, bind_mount)
{
	ASSERT_EQ(0, mount(self->a, self->b, NULL, MS_BIND, NULL));
	EXPECT_NOTES(VQ_MOUNT);
	ASSERT_EQ(0, umount(self->b));
	EXPECT_NOTES(VQ_UNMOUNT);
}

/* a tree that is unmounted at once, while in use */
TEST_F(fs, detached_tree)
{
	char deep[64];
	int fd;

	ASSERT_EQ(0, mount_tmpfs(self->a));
	sprintf(deep, "%s/deep", self->a);
	ASSERT_EQ(0, mkdir(deep, 0755));
	ASSERT_EQ(0, mount_tmpfs(deep));
	EXPECT_NOTES(VQ_MOUNT);
	fd = open(deep, O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, umount2(self->a, MNT_DETACH));
	EXPECT_NOTES(VQ_UNMOUNT);
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* neither a remount nor a move mounts anything */
TEST_F(fs, remount_and_move)
{
	ASSERT_EQ(0, mount_tmpfs(self->a));
	EXPECT_NOTES(VQ_MOUNT);
	ASSERT_EQ(0, mount(NULL, self->a, NULL, MS_REMOUNT | MS_RDONLY, NULL));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, mount(NULL, self->a, NULL, MS_REMOUNT | MS_RDONLY, NULL));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, mount(self->a, self->b, NULL, MS_MOVE, NULL));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, umount(self->b));
	EXPECT_NOTES(VQ_UNMOUNT);
}

/* what was made ahead of another, and is mounted behind it */
TEST_F(fs, made_ahead_and_mounted_behind)
{
	int fd = open_tree(AT_FDCWD, self->dir, OPEN_TREE_CLONE);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mount_tmpfs(self->a));
	EXPECT_NOTES(VQ_MOUNT);
	ASSERT_EQ(0, move_mount(fd, "", AT_FDCWD, self->b,
				MOVE_MOUNT_F_EMPTY_PATH));
	ASSERT_EQ(0, close(fd));
	EXPECT_NOTES(VQ_MOUNT);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, umount(self->a));
	EXPECT_NOTES(VQ_UNMOUNT);
	ASSERT_EQ(0, mount_tmpfs(self->a));
	ASSERT_EQ(0, umount(self->b));
	EXPECT_NOTES(BOTH);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* a table of several pages */
TEST_F(fs, many_mounts)
{
	char name[64];
	int i;

	for (i = 0; i < 200; i++) {
		sprintf(name, "%s/m%d", self->dir, i);
		ASSERT_EQ(0, mkdir(name, 0755));
		ASSERT_EQ(0, mount(self->a, name, NULL, MS_BIND, NULL));
	}
	EXPECT_NOTES(VQ_MOUNT);
	sprintf(name, "%s/m%d", self->dir, 77);
	ASSERT_EQ(0, umount(name));
	EXPECT_NOTES(VQ_UNMOUNT);
	ASSERT_EQ(0, mount(self->a, name, NULL, MS_BIND, NULL));
	EXPECT_NOTES(VQ_MOUNT);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* the caller's namespace, and no other */
TEST_F(fs, another_namespace)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (unshare(CLONE_NEWNS) || mount_tmpfs(self->a) ||
		    umount(self->a))
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_EQ(0, kq_pending(self->kq));
}

static void *mount_elsewhere(void *dir)
{
	if (unshare(CLONE_NEWNS) || mount_tmpfs(dir))
		return (void *)-1L;
	return NULL;
}

/* the namespace is the calling thread's own, and that of the registration */
TEST_F(fs, namespace_of_a_thread)
{
	pthread_t thread;
	void *failed;

	ASSERT_EQ(0, pthread_create(&thread, NULL, mount_elsewhere, self->a));
	ASSERT_EQ(0, pthread_join(thread, &failed));
	ASSERT_EQ(NULL, failed);
	EXPECT_EQ(0, kq_pending(self->kq));
	/* Taken from another namespace, it tells of its own. */
	ASSERT_EQ(0, mount_tmpfs(self->a));
	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, umount(self->a));
	EXPECT_NOTES(VQ_MOUNT);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* A process of the fixture's namespace mounts on @dir.  0 when it has. */
static int mount_by_another(const char *dir)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(mount_tmpfs(dir) != 0);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

TEST_F(fs, mount_by_another_process)
{
	ASSERT_EQ(0, mount_by_another(self->a));
	EXPECT_NOTES(VQ_MOUNT);
}

/* ident ignored: (ident, filter) once a queue, each with all events */
TEST_F(fs, ident_is_ignored)
{
	struct kevent ev[4];

	ASSERT_EQ(0, kq_add(self->kq, UINTPTR_MAX, EVFILT_FS, 0));
	ASSERT_EQ(0, kq_add(self->kq, 0, EVFILT_FS, 0));
	ASSERT_EQ(0, mount_tmpfs(self->a));
	ASSERT_EQ(2, kq_wait(self->kq, ev, 4));
	EXPECT_EQ(VQ_MOUNT, ev[0].fflags);
	EXPECT_EQ(VQ_MOUNT, ev[1].fflags);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* DISABLE holds back, and ENABLE delivers what was collected */
TEST_F(fs, disabled_it_collects)
{
	ASSERT_EQ(0, kq_change(self->kq, 0, EVFILT_FS, EV_DISABLE, 0, 0, NULL));
	ASSERT_EQ(0, mount_tmpfs(self->a));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_change(self->kq, 0, EVFILT_FS, EV_ENABLE, 0, 0, NULL));
	EXPECT_NOTES(VQ_MOUNT);
}

/* EFAULT on eventlist loses nothing */
TEST_F(fs, fault_loses_nothing)
{
	struct timespec now = { 0 };

	ASSERT_EQ(0, mount_tmpfs(self->a));
	ASSERT_EQ(-1, kevent(self->kq, NULL, 0, (struct kevent *)8, 1, &now));
	ASSERT_EQ(EFAULT, errno);
	ASSERT_EQ(0, umount(self->a));
	EXPECT_NOTES(BOTH);
	EXPECT_EQ(0, kq_pending(self->kq));
}

TEST_F(fs, wakes_a_sleeping_thread)
{
	struct timespec patience = { .tv_sec = KQ_PATIENCE };
	struct kq_waiter w = { .kq = self->kq, .timeout = &patience };

	ASSERT_EQ(0, kq_waiter_start(&w));
	ASSERT_EQ(0, mount_tmpfs(self->a));
	ASSERT_EQ(1, kq_waiter_end(&w));
	EXPECT_EQ(VQ_MOUNT, w.ev[0].fflags);
}

/* pivot_root, and the old root goes: both notes, then each as ever */
TEST_F(fs, another_root)
{
	char old[48], proc[48];

	ASSERT_EQ(0, mount_tmpfs(self->a));
	sprintf(old, "%s/old", self->a);
	sprintf(proc, "%s/proc", self->a);
	ASSERT_EQ(0, mkdir(old, 0755));
	ASSERT_EQ(0, mkdir(proc, 0755));
	ASSERT_EQ(0, mount("proc", proc, "proc", 0, NULL));
	EXPECT_NOTES(VQ_MOUNT);
	ASSERT_EQ(0, syscall(SYS_pivot_root, self->a, old));
	ASSERT_EQ(0, chdir("/"));
	EXPECT_NOTES(BOTH);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, umount2("/old", MNT_DETACH));
	EXPECT_NOTES(VQ_UNMOUNT);
	ASSERT_EQ(0, mount_tmpfs("/old"));
	EXPECT_NOTES(VQ_MOUNT);
	ASSERT_EQ(0, umount("/old"));
	EXPECT_NOTES(VQ_UNMOUNT);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* ENXIO where /proc is not mounted, or is something else */
TEST_F(fs, without_proc)
{
	int kq = kqueue();

	ASSERT_EQ(0, mount_tmpfs("/proc"));
	EXPECT_EQ(-ENXIO, kq_add(kq, 0, EVFILT_FS, 0));
	ASSERT_EQ(0, mkdir("/proc/thread-self", 0755));
	close(open("/proc/thread-self/mountinfo", O_CREAT | O_RDWR, 0644));
	EXPECT_EQ(-ENXIO, kq_add(kq, 0, EVFILT_FS, 0));
	EXPECT_EQ(-ENOENT, kq_change(kq, 0, EVFILT_FS, EV_DELETE, 0, 0, NULL));
	/* What is watched already goes on. */
	EXPECT_NOTES(VQ_MOUNT);
	ASSERT_EQ(0, umount2("/proc", MNT_DETACH));
	EXPECT_NOTES(VQ_UNMOUNT);
	EXPECT_EQ(0, kq_add(kq, 0, EVFILT_FS, 0));
}

TEST_HARNESS_MAIN
