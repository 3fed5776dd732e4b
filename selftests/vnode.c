// SPDX-License-Identifier: GPL-2.0
/* EVFILT_VNODE on tmpfs, ext4 and overlayfs. */
#include "kselftest_harness.h"

#include <dirent.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "kq_objects.h"

#define ALL_NOTES	0x7ff
/* More than there are tests and operations of a file system. */
#define SCENES		"0 99"

static const char text[64];

/*
 * A file system of each kind, made once and gone with the program's mount
 * namespace.  In it are scenes, each the working directory of a test or of an
 * operation, that hold
 *
 *	dir/file  dir/other  dir/sub/  dir/empty/  elsewhere/
 *
 * each open: what the tests watch.
 */
enum watched { DIR_, FILE_, OTHER, SUB, EMPTY, ELSEWHERE, WATCHED };

static const char *const names[WATCHED] = {
	[DIR_] = "dir", [FILE_] = "dir/file", [OTHER] = "dir/other",
	[SUB] = "dir/sub", [EMPTY] = "dir/empty", [ELSEWHERE] = "elsewhere",
};

FIXTURE(place) {
	int kq;
	int fd[WATCHED];
	int rw;
	int root;
};

FIXTURE_VARIANT(place) {
	const char *mount;
	bool counts_links;	/* of a directory, one for each in it */
};

FIXTURE_VARIANT_ADD(place, tmpfs) {
	.mount = "tmpfs",
	.counts_links = true,
};

FIXTURE_VARIANT_ADD(place, ext4) {
	.mount = "ext4",
	.counts_links = true,
};

FIXTURE_VARIANT_ADD(place, overlayfs) {
	.mount = "overlayfs",
};

/* Its upper layer has no extended attributes. */
FIXTURE_VARIANT_ADD(place, overlayfs_plain) {
	.mount = "plain",
};

static const char *base;

/* The scene that is next; the tests are processes of their own. */
static int *next_scene;

static void __attribute__((constructor)) make_file_systems(void)
{
	static const char *const commands[] = {
		"mkdir tmpfs ext4 overlayfs plain t r",
		"mount -t tmpfs kq tmpfs",
		"mount -t tmpfs kq t",
		"truncate -s 32M t/image",
		"mke2fs -q -t ext4 -N 12000 t/image",
		"modprobe loop",
		"mount -o loop t/image ext4",
		"mkdir -p t/lower t/upper t/work $(seq -f t/lower/%g/dir " SCENES ")",
		"for d in t/lower/*/dir; do printf 0123456789 >$d/file; done",
		"mount -t overlay -o lowerdir=t/lower,upperdir=t/upper,workdir=t/work kq overlayfs",
		"mount -t ramfs kq r",
		"mkdir r/upper r/work",
		"mount -t overlay -o lowerdir=t/lower,upperdir=r/upper,workdir=r/work kq plain",
	};
	unsigned int i;

	base = mkdtemp(strdup("/tmp/kq-vnode-XXXXXX"));
	next_scene = mmap(NULL, sizeof(*next_scene), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (next_scene == MAP_FAILED || !base || chdir(base) ||
	    unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		perror("Bail out! no file systems");
		exit(1);
	}
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (system(commands[i])) {
			printf("Bail out! %s\n", commands[i]);
			exit(1);
		}
	}
}

/* Some of it may be there, in a lower layer. */
static int populate(void)
{
	int i, fd;

	for (i = 0; i < WATCHED; i++) {
		if (i == FILE_ || i == OTHER) {
			fd = open(names[i], O_CREAT | O_RDONLY, 0644);
			if (fd < 0 || close(fd) || truncate(names[i], 10))
				return -1;
		} else if (mkdir(names[i], 0755) && errno != EEXIST) {
			return -1;
		}
	}
	return 0;
}

/* Go to the next scene and open what is there. */
static int scene(int root, int fd[WATCHED], int *rw)
{
	char name[16];
	int i;

	snprintf(name, sizeof(name), "%d", (*next_scene)++);
	if (fchdir(root) || (mkdir(name, 0755) && errno != EEXIST) ||
	    chdir(name))
		return -1;
	/* What is in the lower layer is open when it is copied up. */
	fd[FILE_] = open(names[FILE_], O_RDONLY);
	if (populate())
		return -1;
	for (i = 0; i < WATCHED; i++) {
		if (i != FILE_ || fd[i] < 0)
			fd[i] = open(names[i], O_RDONLY);
		if (fd[i] < 0)
			return -1;
	}
	*rw = open(names[FILE_], O_RDWR);
	return *rw;
}

FIXTURE_SETUP(place)
{
	ASSERT_EQ(0, chdir(base));
	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	self->root = open(variant->mount, O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, self->root);
	ASSERT_LE(0, scene(self->root, self->fd, &self->rw));
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
}

FIXTURE_TEARDOWN(place)
{
}

static int watch(int kq, int fd, unsigned short flags, unsigned int notes)
{
	return kq_change(kq, fd, EVFILT_VNODE, EV_ADD | flags, notes, 0, NULL);
}

/* What is pending of one descriptor, 0 if nothing; taken. */
static int taken(int kq)
{
	struct kevent ev;
	int n = kq_poll(kq, &ev, 1);

	return n == 1 ? (int)ev.fflags : n;
}

/*
 * What the removal of another name of a file tells.  For overlayfs without
 * extended attributes above it is the name of another file.
 */
static int other_name_notes(int fd, const char *name)
{
	struct stat file, other;

	if (fstat(fd, &file) || stat(name, &other))
		return -errno;
	return file.st_ino == other.st_ino ? NOTE_DELETE : 0;
}

/*
 * Operations
 */

static int result(bool failed)
{
	return failed ? -errno : 0;
}

static int op_append(int rw)
{
	return result(pwrite(rw, text, 4, 10) != 4);
}

static int op_overwrite(int rw)
{
	return result(pwrite(rw, text, 10, 0) != 10);
}

static int op_writev(int rw)
{
	struct iovec iov = { .iov_base = (void *)text, .iov_len = 20 };

	return result(pwritev(rw, &iov, 1, 0) != 20);
}

static int op_shrink(int rw)
{
	return result(ftruncate(rw, 3));
}

static int op_stretch(int rw)
{
	return result(ftruncate(rw, 30));
}

static int op_same_size(int rw)
{
	return result(ftruncate(rw, 10));
}

static int op_truncate_path(int rw)
{
	(void)rw;
	return result(truncate("dir/file", 5));
}

static int op_fallocate(int rw)
{
	return result(fallocate(rw, 0, 0, 8192));
}

static int op_fallocate_keep(int rw)
{
	return result(fallocate(rw, FALLOC_FL_KEEP_SIZE, 0, 8192));
}

static int op_chmod(int rw)
{
	return result(fchmod(rw, 0600));
}

static int op_chown(int rw)
{
	(void)rw;
	return result(chown("dir/file", 1, 1));
}

static int op_utimes(int rw)
{
	return result(futimens(rw, NULL));
}

static int op_atime(int rw)
{
	struct timespec ts[2] = { { 5, 5 }, { 0, UTIME_OMIT } };

	return result(futimens(rw, ts));
}

static int op_mtime(int rw)
{
	struct timespec ts[2] = { { 0, UTIME_OMIT }, { 5, 5 } };

	return result(futimens(rw, ts));
}

static int op_mtime_now(int rw)
{
	struct timespec ts[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };

	return result(futimens(rw, ts));
}

static int op_xattr(int rw)
{
	return result(fsetxattr(rw, "trusted.kq", "x", 1, 0));
}

static int op_read(int rw)
{
	char buf[4];

	return result(pread(rw, buf, 4, 0) != 4);
}

static int op_open_read(int rw)
{
	int fd = open("dir/file", O_RDONLY);

	(void)rw;
	return result(fd < 0 || close(fd));
}

static int op_open_write(int rw)
{
	int fd = open("dir/file", O_WRONLY);

	(void)rw;
	return result(fd < 0 || close(fd));
}

static int op_open_truncate(int rw)
{
	int fd = open("dir/file", O_WRONLY | O_TRUNC);

	(void)rw;
	return result(fd < 0 || close(fd));
}

static int op_open_path(int rw)
{
	int fd = open("dir/file", O_PATH);

	(void)rw;
	return result(fd < 0 || close(fd));
}

static int op_stat(int rw)
{
	struct stat st;

	return result(fstat(rw, &st) || stat("dir/file", &st) || stat("dir", &st));
}

static int op_link(int rw)
{
	(void)rw;
	return result(link("dir/file", "elsewhere/link"));
}

static int op_unlink(int rw)
{
	(void)rw;
	return result(unlink("dir/file"));
}

static int op_rename(int rw)
{
	(void)rw;
	return result(rename("dir/file", "dir/renamed"));
}

static int op_rename_away(int rw)
{
	(void)rw;
	return result(rename("dir/file", "elsewhere/file"));
}

static int op_rename_over(int rw)
{
	(void)rw;
	return result(rename("dir/other", "dir/file"));
}

static int op_exchange(int rw)
{
	(void)rw;
	return result(renameat2(AT_FDCWD, "dir/file", AT_FDCWD, "dir/other",
				RENAME_EXCHANGE));
}

static int op_exchange_away(int rw)
{
	(void)rw;
	return result(renameat2(AT_FDCWD, "dir/file", AT_FDCWD, "elsewhere",
				RENAME_EXCHANGE));
}

static int op_create(int rw)
{
	int fd = open("dir/new", O_CREAT | O_EXCL | O_WRONLY, 0600);

	(void)rw;
	return result(fd < 0 || close(fd));
}

static int op_symlink(int rw)
{
	(void)rw;
	return result(symlink("file", "dir/symlink"));
}

static int op_mknod(int rw)
{
	(void)rw;
	return result(mkfifo("dir/fifo", 0600));
}

static int op_mkdir(int rw)
{
	(void)rw;
	return result(mkdir("dir/made", 0700));
}

static int op_rmdir(int rw)
{
	(void)rw;
	return result(rmdir("dir/sub"));
}

static int op_rename_dir(int rw)
{
	(void)rw;
	return result(rename("dir/sub", "dir/renamed"));
}

static int op_rename_dir_away(int rw)
{
	(void)rw;
	return result(rename("dir/sub", "elsewhere/sub"));
}

static int op_rename_dir_over(int rw)
{
	(void)rw;
	return result(rename("dir/sub", "dir/empty"));
}

static int op_readdir(int rw)
{
	DIR *d = opendir("dir");

	(void)rw;
	return result(!d || !readdir(d) || closedir(d));
}

static int op_chmod_dir(int rw)
{
	(void)rw;
	return result(chmod("dir", 0700));
}

static int op_utimes_dir(int rw)
{
	(void)rw;
	return result(utimensat(AT_FDCWD, "dir", NULL, 0));
}

static int op_mtime_dir(int rw)
{
	struct timespec ts[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };

	(void)rw;
	return result(utimensat(AT_FDCWD, "dir", ts, 0));
}

#define GROW	(NOTE_WRITE | NOTE_EXTEND)
#define ENTRY	(NOTE_WRITE | NOTE_LINK)
#define ACROSS	(NOTE_WRITE | NOTE_EXTEND)

static const struct operation {
	const char *name;
	int (*run)(int rw);
	unsigned int notes[WATCHED];
} operations[] = {
	{ "write that grows it", op_append, { [FILE_] = GROW } },
	{ "write in it", op_overwrite, { [FILE_] = NOTE_WRITE } },
	{ "writev", op_writev, { [FILE_] = GROW } },
	{ "ftruncate, smaller", op_shrink, { [FILE_] = NOTE_WRITE } },
	{ "ftruncate, larger", op_stretch, { [FILE_] = GROW } },
	{ "ftruncate, the same", op_same_size,
	  { [FILE_] = NOTE_WRITE | NOTE_ATTRIB } },
	{ "truncate", op_truncate_path, { [FILE_] = NOTE_WRITE } },
	{ "fallocate", op_fallocate, { [FILE_] = GROW } },
	{ "fallocate, size kept", op_fallocate_keep, { [FILE_] = NOTE_WRITE } },
	{ "chmod", op_chmod, { [FILE_] = NOTE_ATTRIB } },
	{ "chown", op_chown, { [FILE_] = NOTE_ATTRIB } },
	{ "utimes", op_utimes, { [FILE_] = NOTE_ATTRIB } },
	{ "atime alone", op_atime, { [FILE_] = NOTE_ATTRIB } },
	{ "mtime alone", op_mtime, { [FILE_] = NOTE_ATTRIB } },
	/* As a truncation to the same size, for who looks from here. */
	{ "mtime alone, now", op_mtime_now,
	  { [FILE_] = NOTE_WRITE | NOTE_ATTRIB } },
	{ "setxattr", op_xattr, { [FILE_] = NOTE_ATTRIB } },
	{ "read", op_read, { [FILE_] = NOTE_READ } },
	{ "open, close", op_open_read,
	  { [FILE_] = NOTE_OPEN | NOTE_CLOSE } },
	{ "open to write, close", op_open_write,
	  { [FILE_] = NOTE_OPEN | NOTE_CLOSE_WRITE } },
	{ "open O_TRUNC, close", op_open_truncate,
	  { [FILE_] = NOTE_OPEN | NOTE_WRITE | NOTE_CLOSE_WRITE } },
	{ "open O_PATH", op_open_path, { 0 } },
	{ "stat", op_stat, { 0 } },
	{ "link", op_link,
	  { [FILE_] = NOTE_LINK, [ELSEWHERE] = NOTE_WRITE } },
	{ "unlink", op_unlink, { [FILE_] = NOTE_DELETE, [DIR_] = NOTE_WRITE } },
	{ "rename within", op_rename,
	  { [FILE_] = NOTE_RENAME, [DIR_] = NOTE_WRITE } },
	{ "rename between two", op_rename_away,
	  { [FILE_] = NOTE_RENAME, [DIR_] = ACROSS, [ELSEWHERE] = ACROSS } },
	{ "rename over", op_rename_over,
	  { [FILE_] = NOTE_DELETE, [OTHER] = NOTE_RENAME,
	    [DIR_] = NOTE_WRITE } },
	{ "exchange", op_exchange,
	  { [FILE_] = NOTE_RENAME, [OTHER] = NOTE_RENAME,
	    [DIR_] = NOTE_WRITE } },
	{ "exchange of file and directory", op_exchange_away,
	  { [FILE_] = NOTE_RENAME, [ELSEWHERE] = NOTE_RENAME,
	    [DIR_] = ACROSS | NOTE_LINK } },
	{ "create", op_create, { [DIR_] = NOTE_WRITE } },
	{ "symlink", op_symlink, { [DIR_] = NOTE_WRITE } },
	{ "mknod", op_mknod, { [DIR_] = NOTE_WRITE } },
	{ "mkdir", op_mkdir, { [DIR_] = ENTRY } },
	{ "rmdir", op_rmdir, { [DIR_] = ENTRY, [SUB] = NOTE_DELETE } },
	{ "rename a directory within", op_rename_dir,
	  { [DIR_] = NOTE_WRITE, [SUB] = NOTE_RENAME } },
	{ "rename a directory between two", op_rename_dir_away,
	  { [DIR_] = ACROSS | NOTE_LINK, [ELSEWHERE] = ACROSS | NOTE_LINK,
	    [SUB] = NOTE_RENAME } },
	{ "rename a directory over one", op_rename_dir_over,
	  { [DIR_] = ENTRY, [SUB] = NOTE_RENAME, [EMPTY] = NOTE_DELETE } },
	{ "open, readdir, close", op_readdir,
	  { [DIR_] = NOTE_OPEN | NOTE_READ | NOTE_CLOSE } },
	{ "chmod of a directory", op_chmod_dir, { [DIR_] = NOTE_ATTRIB } },
	{ "utimes of a directory", op_utimes_dir, { [DIR_] = NOTE_ATTRIB } },
	{ "mtime of a directory", op_mtime_dir, { [DIR_] = NOTE_ATTRIB } },
};

#define OPERATIONS	(sizeof(operations) / sizeof(operations[0]))

/* Who asked for what, and what was to come: all of it or nothing. */
static void judge(struct __test_metadata *_metadata, int kq, unsigned int asked,
		  const struct operation *op, const int *fd, unsigned int drop)
{
	struct kevent ev[WATCHED + 1];
	unsigned int want, got;
	int i, j, n = kq_poll(kq, ev, WATCHED + 1);

	ASSERT_LE(0, n);
	for (i = 0; i < WATCHED; i++) {
		got = 0;
		for (j = 0; j < n; j++)
			if (ev[j].ident == (uintptr_t)fd[i])
				got |= ev[j].fflags;
		want = op->notes[i] & ~drop;
		/* Those that open it are several operations, a note each. */
		if (want & NOTE_OPEN)
			want &= asked;
		if (!(want & asked))
			want = 0;
		EXPECT_EQ(want, got)
		{
			TH_LOG("%s: %s, asked for %#x", op->name, names[i],
			       asked);
		}
	}
}

/*
 * An operation reports all its notes if any of them was asked, and no other;
 * without a note that was asked it reports nothing.  That a rename within a
 * directory covers another is a LINK where directories count links.
 */
TEST_F_TIMEOUT(place, each_operation_has_exactly_its_notes, 120)
{
	unsigned int op, i, j, asked, drop;
	int kq[12], fd[WATCHED], rw, done;

	for (op = 0; op < OPERATIONS; op++) {
		drop = operations[op].run == op_rename_dir_over &&
		       !variant->counts_links ? NOTE_LINK : 0;
		ASSERT_LE(0, scene(self->root, fd, &rw));
		for (i = 0; i < 12; i++) {
			kq[i] = kqueue();
			asked = i < 11 ? 1 << i : ALL_NOTES;
			for (j = 0; j < WATCHED; j++)
				ASSERT_EQ(0, watch(kq[i], fd[j], EV_CLEAR,
						   asked));
		}
		done = operations[op].run(rw);
		/* Some file systems cannot exchange two files. */
		ASSERT_TRUE(!done || done == -EOPNOTSUPP || done == -EINVAL)
		{
			TH_LOG("%s: %d", operations[op].name, done);
		}
		for (i = 0; i < 12; i++) {
			if (!done)
				judge(_metadata, kq[i],
				      i < 11 ? 1 << i : ALL_NOTES,
				      &operations[op], fd, drop);
			close(kq[i]);
		}
		for (j = 0; j < WATCHED; j++)
			close(fd[j]);
		close(rw);
	}
}

/* Registering never reports what happened before. */
TEST_F(place, nothing_from_before)
{
	ASSERT_EQ(0, op_append(self->rw));
	ASSERT_EQ(0, op_link(self->rw));
	ASSERT_EQ(0, op_rmdir(self->rw));
	ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], 0, ALL_NOTES));
	ASSERT_EQ(0, watch(self->kq, self->fd[DIR_], 0, ALL_NOTES));
	ASSERT_EQ(0, watch(self->kq, self->fd[SUB], 0, ALL_NOTES));
	EXPECT_EQ(0, kq_pending(self->kq));
	/* nor do they count from then on */
	ASSERT_EQ(0, op_unlink(self->rw));
	KQ_EXPECT_EVENT(self->kq, self->fd[FILE_], EVFILT_VNODE, 0,
			NOTE_DELETE, 0);
}

/* They add up; with CLEAR they start again. */
TEST_F(place, notes_add_up)
{
	ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], EV_CLEAR, ALL_NOTES));
	ASSERT_EQ(0, op_append(self->rw));
	ASSERT_EQ(0, op_chmod(self->rw));
	ASSERT_EQ(0, op_link(self->rw));
	ASSERT_EQ(0, op_unlink(self->rw));
	KQ_EXPECT_EVENT(self->kq, self->fd[FILE_], EVFILT_VNODE, EV_CLEAR,
			GROW | NOTE_ATTRIB | NOTE_LINK | NOTE_DELETE, 0);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, op_overwrite(self->rw));
	KQ_EXPECT_EVENT(self->kq, self->fd[FILE_], EVFILT_VNODE, EV_CLEAR,
			NOTE_WRITE, 0);
}

/* Without CLEAR they are never reset, and every call returns the event. */
TEST_F(place, without_clear_they_stay)
{
	ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], 0, NOTE_WRITE));
	ASSERT_EQ(0, op_overwrite(self->rw));
	KQ_EXPECT_EVENT(self->kq, self->fd[FILE_], EVFILT_VNODE, 0,
			NOTE_WRITE, 0);
	KQ_EXPECT_EVENT(self->kq, self->fd[FILE_], EVFILT_VNODE, 0,
			NOTE_WRITE, 0);
	ASSERT_EQ(0, op_append(self->rw));
	KQ_EXPECT_EVENT(self->kq, self->fd[FILE_], EVFILT_VNODE, 0, GROW, 0);
	ASSERT_EQ(0, op_chmod(self->rw));
	KQ_EXPECT_EVENT(self->kq, self->fd[FILE_], EVFILT_VNODE, 0, GROW, 0);
}

/* A change replaces what is asked, and what it adds is seen from then on. */
TEST_F(place, a_change_replaces_the_notes)
{
	unsigned int note;
	int notes;

	ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], EV_CLEAR, 0));
	for (note = 1; note < ALL_NOTES; note <<= 1) {
		ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], 0, note));
		EXPECT_EQ(0, kq_pending(self->kq));
		ASSERT_EQ(0, op_overwrite(self->rw));
		EXPECT_EQ(note == NOTE_WRITE ? NOTE_WRITE : 0,
			  taken(self->kq));
		ASSERT_EQ(0, op_chmod(self->rw));
		EXPECT_EQ(note == NOTE_ATTRIB ? NOTE_ATTRIB : 0,
			  taken(self->kq));
		ASSERT_EQ(0, op_link(self->rw));
		EXPECT_EQ(note == NOTE_LINK ? NOTE_LINK : 0, taken(self->kq));
		notes = other_name_notes(self->rw, "elsewhere/link");
		ASSERT_LE(0, notes);
		ASSERT_EQ(0, unlink("elsewhere/link"));
		EXPECT_EQ(note == NOTE_DELETE ? notes : 0, taken(self->kq));
		ASSERT_EQ(0, op_read(self->rw));
		EXPECT_EQ(note == NOTE_READ ? NOTE_READ : 0, taken(self->kq));
	}
}

/* Two descriptors, two queues: each has its own. */
TEST_F(place, descriptors_and_queues_are_separate)
{
	int other = kqueue(), fd = open("dir/file", O_RDONLY), copy = dup(fd);
	struct kevent ev[4];

	ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], EV_CLEAR, NOTE_WRITE));
	ASSERT_EQ(0, watch(self->kq, fd, EV_CLEAR, NOTE_EXTEND));
	ASSERT_EQ(0, watch(self->kq, copy, EV_CLEAR, NOTE_ATTRIB));
	ASSERT_EQ(0, watch(other, fd, EV_CLEAR, NOTE_WRITE | NOTE_ATTRIB));
	ASSERT_EQ(0, op_overwrite(self->rw));
	KQ_EXPECT_EVENT(self->kq, self->fd[FILE_], EVFILT_VNODE, EV_CLEAR,
			NOTE_WRITE, 0);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, op_append(self->rw));
	EXPECT_EQ(2, kq_poll(self->kq, ev, 4));
	ASSERT_EQ(0, op_chmod(self->rw));
	KQ_EXPECT_EVENT(self->kq, copy, EVFILT_VNODE, EV_CLEAR, NOTE_ATTRIB, 0);
	KQ_EXPECT_EVENT(other, fd, EVFILT_VNODE, EV_CLEAR, GROW | NOTE_ATTRIB,
			0);
	ASSERT_EQ(0, close(copy));
	ASSERT_EQ(0, op_chmod(self->rw));
	EXPECT_EQ(0, kq_pending(self->kq));
	KQ_EXPECT_EVENT(other, fd, EVFILT_VNODE, EV_CLEAR, NOTE_ATTRIB, 0);
}

/* VNODE and READ on one descriptor. */
TEST_F(place, with_read_on_one_descriptor)
{
	int fd = self->fd[FILE_];
	struct kevent ev[4];

	ASSERT_EQ(10, lseek(fd, 10, SEEK_SET));
	ASSERT_EQ(0, watch(self->kq, fd, EV_CLEAR, ALL_NOTES));
	ASSERT_EQ(0, kq_add(self->kq, fd, EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(0, op_append(self->rw));
	EXPECT_EQ(2, kq_poll(self->kq, ev, 4));
	ASSERT_EQ(0, kq_change(self->kq, fd, EVFILT_VNODE, EV_DELETE, 0, 0,
			       NULL));
	ASSERT_EQ(0, op_stretch(self->rw));
	KQ_EXPECT_EVENT(self->kq, fd, EVFILT_READ, EV_CLEAR, 0, 20);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* A disabled one collects; a deleted one is gone. */
TEST_F(place, disabled_it_collects)
{
	int fd = self->fd[FILE_];

	ASSERT_EQ(0, watch(self->kq, fd, EV_CLEAR | EV_DISABLE, ALL_NOTES));
	ASSERT_EQ(0, op_overwrite(self->rw));
	ASSERT_EQ(0, op_chmod(self->rw));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_change(self->kq, fd, EVFILT_VNODE, EV_ENABLE,
			       ALL_NOTES, 0, NULL));
	KQ_EXPECT_EVENT(self->kq, fd, EVFILT_VNODE, EV_CLEAR,
			NOTE_WRITE | NOTE_ATTRIB, 0);
	ASSERT_EQ(0, op_overwrite(self->rw));
	ASSERT_EQ(0, kq_change(self->kq, fd, EVFILT_VNODE, EV_DELETE, 0, 0,
			       NULL));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* A thread that sleeps in kevent() is woken. */
TEST_F(place, it_wakes_a_sleeping_thread)
{
	struct kq_waiter w = { .kq = self->kq };

	ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], EV_CLEAR, NOTE_DELETE));
	ASSERT_EQ(0, kq_waiter_start(&w));
	ASSERT_EQ(0, op_unlink(self->rw));
	EXPECT_EQ(1, kq_waiter_end(&w));
	EXPECT_EQ(NOTE_DELETE, w.ev[0].fflags);
}

/* Made again under its name it is another file. */
TEST_F(place, deleted_and_made_again)
{
	int i, fd, old = self->fd[FILE_];

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, watch(self->kq, old, EV_CLEAR, NOTE_DELETE));
		ASSERT_EQ(0, op_unlink(-1));
		KQ_EXPECT_EVENT(self->kq, old, EVFILT_VNODE, EV_CLEAR,
				NOTE_DELETE, 0);
		fd = open("dir/file", O_CREAT | O_EXCL | O_RDWR, 0600);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, watch(self->kq, fd, EV_CLEAR, ALL_NOTES));
		ASSERT_EQ(0, op_append(fd));
		KQ_EXPECT_EVENT(self->kq, fd, EVFILT_VNODE, EV_CLEAR, GROW, 0);
		EXPECT_EQ(0, kq_pending(self->kq));
		old = fd;
	}
	/* the deleted one lives on */
	ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], 0, ALL_NOTES));
	ASSERT_EQ(0, op_append(self->rw));
	KQ_EXPECT_EVENT(self->kq, self->fd[FILE_], EVFILT_VNODE, EV_CLEAR, GROW,
			0);
}

/* Any unlink, a name left or not: DELETE. */
TEST_F(place, every_unlink_is_a_delete)
{
	int notes;

	ASSERT_EQ(0, op_link(self->rw));
	ASSERT_EQ(0, link("dir/file", "elsewhere/second"));
	notes = other_name_notes(self->rw, "elsewhere/link");
	ASSERT_LE(0, notes);
	ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], EV_CLEAR, ALL_NOTES));
	ASSERT_EQ(0, unlink("elsewhere/second"));
	EXPECT_EQ(notes, taken(self->kq));
	ASSERT_EQ(0, unlink("elsewhere/link"));
	EXPECT_EQ(notes, taken(self->kq));
	ASSERT_EQ(0, unlink("dir/file"));
	EXPECT_EQ(NOTE_DELETE, taken(self->kq));
	ASSERT_EQ(0, op_append(self->rw));
	EXPECT_EQ(GROW, taken(self->kq));
}

/*
 * How the last name of a file goes whose own is gone: its descriptor has the
 * name that it was opened by, and of no other does it know.
 */
static int last_is_unlinked(void)
{
	return unlink("elsewhere/new");
}

static int last_is_covered(void)
{
	return rename("dir/other", "elsewhere/new");
}

/* Somebody who has it open by that name closes it. */
static int last_is_closed(void)
{
	int other = open("elsewhere/new", O_RDONLY);

	return other < 0 || unlink("elsewhere/new") ? -1 : close(other);
}

/* A file of two names, open by the first, which is gone. */
static int two_names(void)
{
	int fd = open("dir/new", O_CREAT | O_EXCL | O_RDWR, 0600);

	return fd < 0 || link("dir/new", "elsewhere/new") ? -1 : fd;
}

/* What becomes of a file without a name is told: to VNODE, and to READ. */
static void goes_on(struct __test_metadata *_metadata, int kq, int read_kq,
		    int fd)
{
	struct kevent ev;
	char path[32];

	/* a worker brings it back to hearing, and then tells of this */
	ASSERT_EQ(10, pwrite(fd, text, 10, 0));
	KQ_EXPECT_EVENT(kq, fd, EVFILT_VNODE, EV_CLEAR, GROW, 0);
	EXPECT_EQ(1, kq_wait_data(read_kq, 10, &ev));
	EXPECT_EQ(10, ev.data);
	ASSERT_EQ(10, pwrite(fd, text, 10, 10));
	EXPECT_EQ(GROW, taken(kq));
	EXPECT_EQ(1, kq_wait_data(read_kq, 20, &ev));
	EXPECT_EQ(20, ev.data);
	ASSERT_EQ(0, fchmod(fd, 0644));
	EXPECT_EQ(NOTE_ATTRIB, taken(kq));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ASSERT_EQ(0, close(open(path, O_RDONLY)));
	EXPECT_EQ(NOTE_OPEN | NOTE_CLOSE, taken(kq));
	ASSERT_EQ(0, watch(kq, fd, 0, NOTE_WRITE));
	ASSERT_EQ(10, pwrite(fd, text, 10, 0));
	EXPECT_EQ(NOTE_WRITE, taken(kq));
}

/* Its own name goes, then the last, of which its descriptor knows nothing. */
TEST_F(place, its_last_name_is_another)
{
	static int (*const ways[])(void) = {
		last_is_unlinked, last_is_closed, last_is_covered,
	};
	int read_kq = kqueue(), fd;
	unsigned int i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		fd = two_names();
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, watch(self->kq, fd, EV_CLEAR, ALL_NOTES));
		ASSERT_EQ(0, kq_add(read_kq, fd, EVFILT_READ, EV_CLEAR));
		ASSERT_EQ(0, unlink("dir/new"));
		EXPECT_EQ(NOTE_DELETE, taken(self->kq));
		ASSERT_EQ(0, ways[i]());
		EXPECT_EQ(NOTE_DELETE, taken(self->kq) &
			  ~(NOTE_OPEN | NOTE_CLOSE));
		goes_on(_metadata, self->kq, read_kq, fd);
		ASSERT_EQ(0, close(fd));
	}
}

/* Its only name is one that it was given later. */
TEST_F(place, its_only_name_came_later)
{
	int read_kq = kqueue(), fd = open("dir", O_TMPFILE | O_RDWR, 0600);
	char path[32];

	if (fd < 0 && errno == EOPNOTSUPP)
		SKIP(return, "no file without a name here");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, watch(self->kq, fd, EV_CLEAR, ALL_NOTES));
	ASSERT_EQ(0, kq_add(read_kq, fd, EVFILT_READ, EV_CLEAR));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ASSERT_EQ(0, linkat(AT_FDCWD, path, AT_FDCWD, "dir/new",
			    AT_SYMLINK_FOLLOW));
	EXPECT_EQ(NOTE_LINK, taken(self->kq));
	ASSERT_EQ(0, unlink("dir/new"));
	EXPECT_EQ(NOTE_DELETE, taken(self->kq));
	goes_on(_metadata, self->kq, read_kq, fd);
}

/* What is asked for as it goes is told, too. */
TEST_F(place, changed_as_its_last_name_goes)
{
	int i, fd;

	for (i = 0; i < 20; i++) {
		fd = two_names();
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, watch(self->kq, fd, EV_CLEAR, NOTE_DELETE));
		ASSERT_EQ(0, unlink("dir/new"));
		ASSERT_EQ(0, unlink("elsewhere/new"));
		EXPECT_EQ(NOTE_DELETE, taken(self->kq));
		ASSERT_EQ(0, watch(self->kq, fd, 0, NOTE_ATTRIB | NOTE_EXTEND));
		ASSERT_EQ(10, pwrite(fd, text, 10, 0));
		KQ_EXPECT_EVENT(self->kq, fd, EVFILT_VNODE, EV_CLEAR, GROW, 0);
		ASSERT_EQ(0, fchmod(fd, 0644));
		EXPECT_EQ(NOTE_ATTRIB, taken(self->kq));
		ASSERT_EQ(0, close(fd));
	}
}

static void *add_to_all(void *arg)
{
	int kq = kqueue(), i, n;
	const int *fd = arg;

	for (n = 0; n < 3; n++)
		for (i = 0; i < 64; i++)
			if (watch(kq, fd[i], EV_CLEAR, 1 << n))
				return arg;
	close(kq);
	return NULL;
}

/* Many watch it: all of them hear again, and who comes meanwhile may. */
TEST_F(place, many_watch_as_its_last_name_goes)
{
	int i, n, fd[64], heard;
	struct kevent ev[64];
	pthread_t thread;
	void *failed;

	for (n = 0; n < 5; n++) {
		fd[0] = two_names();
		ASSERT_LE(0, fd[0]);
		for (i = 1; i < 64; i++)
			fd[i] = dup(fd[0]);
		for (i = 0; i < 64; i++)
			ASSERT_EQ(0, watch(self->kq, fd[i], EV_CLEAR,
					   NOTE_EXTEND));
		ASSERT_EQ(0, unlink("dir/new"));
		ASSERT_EQ(0, pthread_create(&thread, NULL, add_to_all, fd));
		ASSERT_EQ(0, unlink("elsewhere/new"));
		ASSERT_EQ(10, pwrite(fd[0], text, 10, 0));
		for (heard = 0; heard < 64; heard += i) {
			i = kq_wait(self->kq, ev, 64);
			ASSERT_LT(0, i);
		}
		EXPECT_EQ(64, heard);
		ASSERT_EQ(0, pthread_join(thread, &failed));
		EXPECT_EQ(NULL, failed);
		for (i = 0; i < 64; i++)
			close(fd[i]);
	}
}

/* In one of five ways a watch ends, or not at all, as the last name goes. */
static void *last_names_go(void *arg)
{
	int kq = kqueue(), other, fd, i;
	char first[32], last[32];
	struct kevent ev;

	snprintf(first, sizeof(first), "dir/%d", (int)(long)arg);
	snprintf(last, sizeof(last), "elsewhere/%d", (int)(long)arg);
	for (i = 0; i < 300; i++) {
		fd = open(first, O_CREAT | O_EXCL | O_RDWR, 0600);
		if (fd < 0 || link(first, last))
			return arg;
		other = open(last, O_RDWR);
		if (other < 0 || watch(kq, fd, EV_CLEAR, NOTE_EXTEND) ||
		    kq_add(kq, fd, EVFILT_READ, EV_CLEAR) ||
		    watch(kq, other, EV_CLEAR, NOTE_WRITE) || unlink(first))
			return arg;
		if (i % 2)
			close(other);
		if (unlink(last))
			return arg;
		if (!(i % 2))
			close(other);
		switch (i % 5) {
		case 0:
			if (kq_change(kq, fd, EVFILT_VNODE, EV_DELETE, 0, 0,
				      NULL))
				return arg;
			break;
		case 1:
			close(kq);
			kq = kqueue();
			break;
		case 2:
			if (watch(kq, fd, 0, ALL_NOTES))
				return arg;
			break;
		case 3:
			if (pwrite(fd, text, 10, 0) != 10)
				return arg;
			do {
				if (kq_wait(kq, &ev, 1) != 1)
					return arg;
			} while (ev.filter != EVFILT_VNODE);
			break;
		}
		close(fd);
	}
	close(kq);
	return NULL;
}

/* It ends while it is being brought back: nothing is left, nobody is deaf. */
TEST_F_TIMEOUT(place, closed_as_its_last_name_goes, 120)
{
	pthread_t thread[4];
	void *failed;
	long i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, last_names_go,
					    (void *)(i + 1)));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], &failed));
		EXPECT_EQ(NULL, failed);
	}
}

/* rmdir: DELETE, wherever the directory was moved before. */
TEST_F(place, rmdir_of_a_moved_directory)
{
	ASSERT_EQ(0, watch(self->kq, self->fd[SUB], EV_CLEAR, NOTE_DELETE));
	ASSERT_EQ(0, rename("dir/sub", "dir/again"));
	ASSERT_EQ(0, rename("dir/again", "elsewhere/sub"));
	ASSERT_EQ(0, mkdir("third", 0700));
	ASSERT_EQ(0, rename("elsewhere/sub", "third/sub"));
	/* the directory above it moves */
	ASSERT_EQ(0, rename("third", "elsewhere/third"));
	/* others are removed from there, one under its first name */
	ASSERT_EQ(0, mkdir("dir/sub", 0700));
	ASSERT_EQ(0, rmdir("dir/sub"));
	ASSERT_EQ(0, mkdir("elsewhere/third/other", 0700));
	ASSERT_EQ(0, rmdir("elsewhere/third/other"));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, rmdir("elsewhere/third/sub"));
	EXPECT_EQ(NOTE_DELETE, taken(self->kq));
	/* dead it can still be changed */
	ASSERT_EQ(0, watch(self->kq, self->fd[SUB], 0, ALL_NOTES));
	ASSERT_EQ(0, fchmod(self->fd[SUB], 0500));
	EXPECT_EQ(NOTE_ATTRIB, taken(self->kq));
}

/* DELETE can be asked for later, and when it is where it was moved to. */
TEST_F(place, rmdir_asked_for_later)
{
	ASSERT_EQ(0, watch(self->kq, self->fd[SUB], EV_CLEAR, NOTE_WRITE));
	ASSERT_EQ(0, rename("dir/sub", "elsewhere/sub"));
	ASSERT_EQ(0, watch(self->kq, self->fd[SUB], 0, NOTE_DELETE));
	ASSERT_EQ(0, rename("elsewhere/sub", "sub"));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, rmdir("sub"));
	EXPECT_EQ(NOTE_DELETE, taken(self->kq));
}

/* A move tells the directory that it leaves, the one that it comes to, itself. */
TEST_F(place, order_of_a_move)
{
	static const char *const moved[] = { "dir/sub", "elsewhere/sub" };
	static const int added[][3] = { { 0, 1, 2 }, { 2, 1, 0 } };
	struct kevent ev;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(added); i++) {
		int fd[] = {
			open("dir", O_RDONLY), open("elsewhere", O_RDONLY),
			open("dir/sub", O_RDONLY),
		};

		for (j = 0; j < 3; j++)
			ASSERT_EQ(0, watch(self->kq, fd[added[i][j]], EV_CLEAR,
					   NOTE_WRITE | NOTE_RENAME |
					   NOTE_DELETE));
		ASSERT_EQ(0, rename(moved[0], moved[1]));
		for (j = 0; j < 3; j++) {
			ASSERT_EQ(1, kq_poll(self->kq, &ev, 1));
			EXPECT_EQ((uintptr_t)fd[j], ev.ident);
		}
		EXPECT_EQ(0, kq_pending(self->kq));
		ASSERT_EQ(0, rename(moved[1], moved[0]));
		for (j = 0; j < 3; j++)
			close(fd[j]);
	}
}

/* Within a directory once, and one from elsewhere after that */
TEST_F(place, a_move_within_and_one_to_it)
{
	int i;

	ASSERT_EQ(0, watch(self->kq, self->fd[DIR_], EV_CLEAR,
			   NOTE_WRITE | NOTE_EXTEND | NOTE_LINK));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, rename("dir/sub", "dir/second"));
		EXPECT_EQ(NOTE_WRITE, taken(self->kq));
		ASSERT_EQ(0, rename("dir/second", "elsewhere/sub"));
		EXPECT_EQ(NOTE_WRITE | NOTE_EXTEND | NOTE_LINK,
			  taken(self->kq));
		ASSERT_EQ(0, rename("elsewhere/sub", "dir/sub"));
		EXPECT_EQ(NOTE_WRITE | NOTE_EXTEND | NOTE_LINK,
			  taken(self->kq));
	}
}

/* A rename over a directory: DELETE, and never again. */
TEST_F(place, a_covered_directory)
{
	ASSERT_EQ(0, watch(self->kq, self->fd[EMPTY], EV_CLEAR, ALL_NOTES));
	ASSERT_EQ(0, rename("elsewhere", "dir/empty"));
	EXPECT_EQ(NOTE_DELETE, taken(self->kq));
	ASSERT_EQ(0, rmdir("dir/empty"));
	EXPECT_EQ(0, taken(self->kq));
}

/* A directory with 10,000 entries, changing. */
TEST_F_TIMEOUT(place, a_large_directory, 120)
{
	char name[64], to[64];
	struct kevent ev[2];
	int i, fd;

	ASSERT_EQ(0, watch(self->kq, self->fd[DIR_], EV_CLEAR, ALL_NOTES));
	ASSERT_EQ(0, watch(self->kq, self->fd[SUB], EV_CLEAR, ALL_NOTES));
	for (i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "dir/%d", i);
		fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
		ASSERT_LE(0, fd);
		close(fd);
		if (i % 100)
			continue;
		ASSERT_EQ(NOTE_WRITE, taken(self->kq));
		ASSERT_EQ(0, mkdir("dir/made", 0700));
		ASSERT_EQ(ENTRY, taken(self->kq));
		ASSERT_EQ(0, rmdir("dir/made"));
		ASSERT_EQ(ENTRY, taken(self->kq));
		snprintf(to, sizeof(to), "dir/%d-renamed", i);
		ASSERT_EQ(0, rename(name, to));
		ASSERT_EQ(NOTE_WRITE, taken(self->kq));
		ASSERT_EQ(0, rename(to, name));
		ASSERT_EQ(NOTE_WRITE, taken(self->kq));
	}
	for (i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "dir/%d", i);
		ASSERT_EQ(0, unlink(name));
		if (i % 100 == 0)
			ASSERT_EQ(NOTE_WRITE, taken(self->kq));
	}
	ASSERT_EQ(NOTE_WRITE, taken(self->kq));
	ASSERT_EQ(0, rmdir("dir/sub"));
	ASSERT_EQ(2, kq_poll(self->kq, ev, 2));
	i = ev[1].ident == (uintptr_t)self->fd[DIR_];
	EXPECT_EQ(ENTRY, ev[i].fflags);
	EXPECT_EQ(NOTE_DELETE, ev[!i].fflags);
	EXPECT_EQ((uintptr_t)self->fd[SUB], ev[!i].ident);
}

/*
 * In a directory of its own: within one, link() and unlink() wait for each
 * other until all has been told.
 */
struct linker {
	int first;
	int links;
	bool unlink;
};

static void *make_links(void *arg)
{
	struct linker *l = arg;
	char dir[16], name[32];
	int i;

	snprintf(dir, sizeof(dir), "links-%d", l->first);
	if (mkdir(dir, 0700))
		return l;
	for (i = l->first; i < l->first + l->links; i++) {
		snprintf(name, sizeof(name), "%s/%d", dir, i);
		if (link("dir/file", name) || (l->unlink && unlink(name)))
			return l;
	}
	return NULL;
}

static void link_from_threads(struct __test_metadata *_metadata, bool unlink)
{
	struct linker linker[4];
	pthread_t thread[4];
	void *failed;
	int i;

	for (i = 0; i < 4; i++) {
		linker[i] = (struct linker) {
			.first = 1000 * i, .links = 300, .unlink = unlink,
		};
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, make_links,
					    &linker[i]));
	}
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], &failed));
		EXPECT_EQ(NULL, failed);
	}
}

/* Links made at the same time: none is taken for removed. */
TEST_F(place, links_made_at_the_same_time)
{
	ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], 0, ALL_NOTES));
	link_from_threads(_metadata, false);
	KQ_EXPECT_EVENT(self->kq, self->fd[FILE_], EVFILT_VNODE, 0,
			NOTE_LINK, 0);
}

/* Links made and removed at the same time: neither goes unseen. */
TEST_F(place, links_at_the_same_time)
{
	int notes;

	ASSERT_EQ(0, op_link(self->rw));
	notes = other_name_notes(self->rw, "elsewhere/link");
	ASSERT_LE(0, notes);
	ASSERT_EQ(0, unlink("elsewhere/link"));
	ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], 0, ALL_NOTES));
	link_from_threads(_metadata, true);
	KQ_EXPECT_EVENT(self->kq, self->fd[FILE_], EVFILT_VNODE, 0,
			NOTE_LINK | notes, 0);
	/* and the count is right afterwards */
	ASSERT_EQ(0, kq_change(self->kq, self->fd[FILE_], EVFILT_VNODE,
			       EV_DELETE, 0, 0, NULL));
	ASSERT_EQ(0, watch(self->kq, self->fd[FILE_], EV_CLEAR, ALL_NOTES));
	ASSERT_EQ(0, op_link(self->rw));
	EXPECT_EQ(NOTE_LINK, taken(self->kq));
	ASSERT_EQ(0, op_unlink(self->rw));
	EXPECT_EQ(NOTE_DELETE, taken(self->kq));
}

/* A directory is made, watched, moved and removed, again and again. */
static void *come_and_go(void *arg)
{
	char here[32], there[32];
	struct kevent ev;
	int kq = kqueue(), fd, i;

	snprintf(here, sizeof(here), "dir/%d", (int)(long)arg);
	snprintf(there, sizeof(there), "elsewhere/%d", (int)(long)arg);
	for (i = 0; i < 200; i++) {
		if (mkdir(here, 0700))
			return arg;
		fd = open(here, O_RDONLY);
		if (watch(kq, fd, 0, NOTE_DELETE) ||
		    (i % 3 && rename(here, there)) || kq_poll(kq, &ev, 1) ||
		    rmdir(i % 3 ? there : here) || kq_poll(kq, &ev, 1) != 1 ||
		    ev.fflags != NOTE_DELETE || close(fd))
			return arg;
	}
	close(kq);
	return NULL;
}

/* Each is told of its own removal, whoever watches others in the same place. */
TEST_F(place, directories_at_the_same_time)
{
	pthread_t thread[4];
	void *failed;
	long i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, come_and_go,
					    (void *)(i + 1)));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], &failed));
		EXPECT_EQ(NULL, failed);
	}
}

static void *add_and_delete(void *arg)
{
	int kq = kqueue(), fd = dup((long)arg), i;

	for (i = 0; i < 300; i++)
		if (watch(kq, fd, 0, NOTE_DELETE) ||
		    watch(kq, fd, 0, ALL_NOTES) ||
		    kq_change(kq, fd, EVFILT_VNODE, EV_DELETE, 0, 0, NULL))
			return (void *)1;
	close(kq);
	close(fd);
	return NULL;
}

/* Registered while it moves to and fro, its removal is still seen. */
TEST_F(place, registered_while_it_moves)
{
	pthread_t thread;
	void *failed;
	int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, add_and_delete,
				    (void *)(long)self->fd[SUB]));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, watch(self->kq, self->fd[SUB], EV_CLEAR,
				   NOTE_DELETE));
		ASSERT_EQ(0, rename("dir/sub", "elsewhere/sub"));
		ASSERT_EQ(0, rename("elsewhere/sub", "dir/sub"));
	}
	ASSERT_EQ(0, pthread_join(thread, &failed));
	EXPECT_EQ(NULL, failed);
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, op_rmdir(-1));
	EXPECT_EQ(NOTE_DELETE, taken(self->kq));
}

/* Closed, it lets the file system go: at once, or when a worker has run. */
TEST_F(place, it_does_not_hold_the_file_system)
{
	int fd = open("dir/file", O_RDONLY);

	ASSERT_EQ(0, watch(self->kq, fd, 0, ALL_NOTES));
	ASSERT_EQ(0, watch(self->kq, self->fd[SUB], 0, ALL_NOTES));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, close(self->fd[SUB]));
	ASSERT_EQ(0, close(self->rw));
	for (fd = 0; fd < WATCHED; fd++)
		close(self->fd[fd]);
	ASSERT_EQ(0, fchdir(self->root));
	ASSERT_EQ(0, close(self->root));
	ASSERT_EQ(0, chdir(base));
	EXPECT_EQ(0, umount(variant->mount));
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* A named fifo is a file like others. */
TEST_F(place, a_named_fifo)
{
	char c;
	int fd;

	ASSERT_EQ(0, op_mknod(-1));
	fd = open("dir/fifo", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, watch(self->kq, fd, EV_CLEAR, ALL_NOTES));
	ASSERT_EQ(1, write(fd, "x", 1));
	EXPECT_EQ(NOTE_WRITE, taken(self->kq));
	ASSERT_EQ(1, read(fd, &c, 1));
	EXPECT_EQ(NOTE_READ, taken(self->kq));
	ASSERT_EQ(0, unlink("dir/fifo"));
	EXPECT_EQ(NOTE_DELETE, taken(self->kq));
}

/*
 * OPEN, CLOSE and READ need a readable descriptor or read permission: EACCES,
 * in the change that asks for them, whichever it is.
 */
TEST_F(place, what_others_do_needs_permission)
{
	static const unsigned int refused[] = {
		NOTE_OPEN, NOTE_CLOSE, NOTE_READ, ALL_NOTES,
	};
	unsigned int i;
	int w, r;

	ASSERT_EQ(0, chmod("dir/file", 0622));
	ASSERT_EQ(0, setegid(65534));
	ASSERT_EQ(0, seteuid(65534));
	EXPECT_EQ(-1, open("dir/file", O_RDONLY));
	w = open("dir/file", O_WRONLY);
	ASSERT_LE(0, w);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(-EACCES, watch(self->kq, w, 0, refused[i]));
	EXPECT_EQ(-ENOENT, kq_change(self->kq, w, EVFILT_VNODE, EV_DELETE, 0, 0,
				     NULL));
	ASSERT_EQ(0, watch(self->kq, w, EV_CLEAR, NOTE_WRITE | NOTE_DELETE));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(-EACCES, watch(self->kq, w, 0, refused[i]));
		EXPECT_EQ(-EACCES, kq_change(self->kq, w, EVFILT_VNODE,
					     EV_ENABLE, refused[i], 0, NULL));
	}
	/* and has changed nothing */
	ASSERT_EQ(4, write(w, text, 4));
	EXPECT_EQ(NOTE_WRITE, taken(self->kq));
	ASSERT_EQ(0, op_read(self->rw));
	EXPECT_EQ(0, taken(self->kq));
	/* a readable descriptor is enough */
	r = self->fd[FILE_];
	EXPECT_EQ(0, watch(self->kq, r, EV_CLEAR, ALL_NOTES));
	ASSERT_EQ(0, op_read(self->rw));
	EXPECT_EQ(NOTE_READ, taken(self->kq));
	/* permission is, too */
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(0, chmod("dir/file", 0666));
	ASSERT_EQ(0, seteuid(65534));
	EXPECT_EQ(0, watch(self->kq, w, 0, ALL_NOTES));
}

/* Sockets, unnamed pipes, queues and what else has no name: EINVAL. */
TEST(not_a_vnode)
{
	int kq = kqueue(), other = kqueue(), fd[2], i, bad[6], n = 0;

	ASSERT_EQ(0, kq_pipe(fd));
	bad[n++] = fd[0];
	bad[n++] = fd[1];
	ASSERT_EQ(0, kq_unix_stream(fd));
	bad[n++] = fd[0];
	bad[n++] = other;
	bad[n++] = syscall(SYS_eventfd2, 0, 0);
	bad[n++] = syscall(SYS_epoll_create1, 0);
	for (i = 0; i < n; i++) {
		ASSERT_LE(0, bad[i]);
		EXPECT_EQ(-EINVAL, watch(kq, bad[i], 0, NOTE_WRITE));
		EXPECT_EQ(-ENOENT, kq_change(kq, bad[i], EVFILT_VNODE,
					     EV_DELETE, 0, 0, NULL));
	}
	EXPECT_EQ(-EBADF, watch(kq, 999, 0, NOTE_WRITE));
}

/* A file in memory alone has events as any other: on a dup, and opened anew. */
TEST(a_memfd)
{
	int kq = kqueue(), fd = memfd_create("kq", MFD_CLOEXEC), copy, again;
	char path[64];

	ASSERT_LE(0, fd);
	copy = dup(fd);
	ASSERT_LE(0, copy);
	sprintf(path, "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	ASSERT_LE(0, again);
	ASSERT_EQ(0, watch(kq, copy, EV_CLEAR, NOTE_WRITE));
	ASSERT_EQ(4, write(fd, text, 4));
	EXPECT_EQ(NOTE_WRITE | NOTE_EXTEND, taken(kq));
	ASSERT_EQ(4, write(again, text, 4));
	EXPECT_EQ(NOTE_WRITE, taken(kq));
	ASSERT_EQ(0, close(copy));
	/* what was told on one is told to who opened it anew */
	ASSERT_EQ(0, watch(kq, again, EV_CLEAR, NOTE_WRITE));
	ASSERT_EQ(4, write(fd, text, 4));
	EXPECT_EQ(NOTE_WRITE | NOTE_EXTEND, taken(kq));
	EXPECT_EQ(0, taken(kq));
}

/* O_PATH: EBADF; /proc/self/fd/N opens it. */
TEST(a_path_is_no_descriptor)
{
	int kq = kqueue(), fd = open("/tmp", O_PATH);
	char path[64];

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, watch(kq, fd, 0, NOTE_WRITE));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, watch(kq, fd, 0, NOTE_WRITE));
}

/* The root of a file system has no parent to look at. */
TEST(a_root)
{
	int kq = kqueue(), fd = open("/", O_RDONLY);

	ASSERT_EQ(0, watch(kq, fd, EV_CLEAR, NOTE_DELETE | NOTE_WRITE));
	ASSERT_EQ(0, mkdir("/kq-vnode-root", 0700));
	EXPECT_EQ(ENTRY, taken(kq));
	ASSERT_EQ(0, rmdir("/kq-vnode-root"));
	EXPECT_EQ(ENTRY, taken(kq));
}

TEST_HARNESS_MAIN
