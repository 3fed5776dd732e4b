// SPDX-License-Identifier: GPL-2.0
/*
 * Another program can hold an object's lock for as long as it likes: by
 * writing from, or reading to, a page that userfaultfd keeps back.  kevent()
 * on either end of that object still returns at once.  When it does not, the
 * test's own time limit ends it.
 */
#include "kselftest_harness.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "kq_objects.h"

FIXTURE(stall) {
	int kq;
	int fd[2];
	int uffd;
	void *page;
	long size;
	pthread_t thread;
};

FIXTURE_VARIANT(stall) {
	int (*open)(int fd[2]);
	bool receive;	/* reading is what stalls, else writing */
};

static int open_file(int fd[2])
{
	fd[0] = memfd_create("kq", MFD_CLOEXEC);
	fd[1] = dup(fd[0]);
	return fd[0] < 0 || fd[1] < 0 ? -1 : 0;
}

FIXTURE_VARIANT_ADD(stall, pipe_write) {
	.open = kq_pipe,
};

FIXTURE_VARIANT_ADD(stall, pipe_read) {
	.open = kq_pipe, .receive = true,
};

FIXTURE_VARIANT_ADD(stall, tcp_send) {
	.open = kq_tcp_pair,
};

FIXTURE_VARIANT_ADD(stall, tcp_receive) {
	.open = kq_tcp_pair, .receive = true,
};

FIXTURE_VARIANT_ADD(stall, udp_send) {
	.open = kq_udp_pair,
};

FIXTURE_VARIANT_ADD(stall, udp_receive) {
	.open = kq_udp_pair, .receive = true,
};

FIXTURE_VARIANT_ADD(stall, unix_stream_send) {
	.open = kq_unix_stream,
};

FIXTURE_VARIANT_ADD(stall, unix_stream_receive) {
	.open = kq_unix_stream, .receive = true,
};

FIXTURE_VARIANT_ADD(stall, unix_dgram_send) {
	.open = kq_unix_dgram,
};

FIXTURE_VARIANT_ADD(stall, unix_dgram_receive) {
	.open = kq_unix_dgram, .receive = true,
};

FIXTURE_VARIANT_ADD(stall, pty_write) {
	.open = kq_pty_master,
};

FIXTURE_VARIANT_ADD(stall, pty_read) {
	.open = kq_pty_master, .receive = true,
};

FIXTURE_VARIANT_ADD(stall, file_write) {
	.open = open_file,
};

/* A terminal hands over 64 at a time, and keeps its lock over the rest. */
static const char text[100];

struct transfer {
	int fd;
	void *page;
	bool receive;
};

static struct transfer transfer;

static void *do_transfer(void *arg)
{
	struct transfer *t = arg;

	return (void *)(t->receive ? read(t->fd, t->page, sizeof(text)) :
				     write(t->fd, t->page, sizeof(text)));
}

/* A page that is there only once release() has been called. */
static int withhold(void **page, long size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		return -1;
	*page = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (uintptr_t)*page;
	reg.range.len = size;
	return ioctl(uffd, UFFDIO_REGISTER, &reg) ? -1 : uffd;
}

static int release(int uffd, void *page, long size)
{
	struct uffdio_zeropage zero = {
		.range.start = (uintptr_t)page, .range.len = size,
	};

	return ioctl(uffd, UFFDIO_ZEROPAGE, &zero);
}

/* Start the transfer, and wait until it is stuck. */
FIXTURE_SETUP(stall)
{
	struct uffd_msg msg;

	self->size = sysconf(_SC_PAGESIZE);
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	ASSERT_EQ(0, variant->open(self->fd));
	self->uffd = withhold(&self->page, self->size);
	ASSERT_LE(0, self->uffd);
	if (variant->receive)
		ASSERT_EQ((int)sizeof(text),
			  write(self->fd[1], text, sizeof(text)));
	transfer.fd = self->fd[!variant->receive];
	transfer.page = self->page;
	transfer.receive = variant->receive;
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, do_transfer,
				    &transfer));
	ASSERT_EQ((int)sizeof(msg), read(self->uffd, &msg, sizeof(msg)));
	ASSERT_EQ(UFFD_EVENT_PAGEFAULT, msg.event);
}

FIXTURE_TEARDOWN(stall)
{
	close(self->kq);
}

static const short filters[] = { EVFILT_READ, EVFILT_WRITE };

/* kevent() still returns at once: to add, evaluate, change, delete */
TEST_F_TIMEOUT(stall, kevent_returns, 10)
{
	struct kevent ev[4];
	int end, i, copy;

	for (end = 0; end < 2; end++) {
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(0, kq_add(self->kq, self->fd[end],
					    filters[i], 0));
			ASSERT_LE(0, kq_poll(self->kq, ev, 4));
			ASSERT_EQ(0, kq_add(self->kq, self->fd[end],
					    filters[i], 0));
			ASSERT_LE(0, kq_poll(self->kq, ev, 4));
			ASSERT_EQ(0, kq_change(self->kq, self->fd[end],
					       filters[i], EV_DELETE, 0, 0,
					       NULL));
		}
		copy = dup(self->fd[end]);
		ASSERT_EQ(0, kq_add(self->kq, copy, EVFILT_READ, 0));
		ASSERT_EQ(0, close(copy));
	}
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, release(self->uffd, self->page, self->size));
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
}

/* a knote that was added meanwhile is told when it goes on */
TEST_F_TIMEOUT(stall, knotes_made_meanwhile_work, 30)
{
	struct kevent ev;
	void *n;

	ASSERT_EQ(0, kq_add(self->kq, self->fd[0], EVFILT_READ, 0));
	ASSERT_LE(0, kq_pending(self->kq));
	ASSERT_EQ(0, release(self->uffd, self->page, self->size));
	ASSERT_EQ(0, pthread_join(self->thread, &n));
	ASSERT_EQ((int)sizeof(text), (intptr_t)n);
	/* A file is behind what was written to it; nothing else can seek. */
	lseek(self->fd[0], 0, SEEK_SET);
	if (variant->receive) {
		EXPECT_EQ(0, kq_pending(self->kq));
		ASSERT_EQ((int)sizeof(text),
			  write(self->fd[1], text, sizeof(text)));
	}
	ASSERT_EQ(1, kq_wait_data(self->kq, sizeof(text), &ev));
	EXPECT_EQ((int)sizeof(text), ev.data);
}

TEST_HARNESS_MAIN
