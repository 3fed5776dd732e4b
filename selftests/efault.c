// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that isn't there.  The lists are handed to the kernel as they stand,
 * without the library: where there is nothing to read or write, only the
 * kernel may find out.
 */
#include "kselftest_harness.h"
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include "kq_test.h"

#define MSEC	INT64_C(1000000)
#define MOST	40

/* Two pages, the second of which can't be reached. */
FIXTURE(efault) {
	int kq;
	long page;
	char *mem, *edge;
};

FIXTURE_SETUP(efault)
{
	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	self->page = sysconf(_SC_PAGESIZE);
	self->mem = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->mem);
	self->edge = self->mem + self->page;
	ASSERT_EQ(0, mprotect(self->edge, self->page, PROT_NONE));
}

FIXTURE_TEARDOWN(efault)
{
	munmap(self->mem, 2 * self->page);
	close(self->kq);
}

/* kevent(), with a zero timeout; a negative errno where it failed. */
static int call(int kq, const void *changes, int nchanges, void *events,
		int nevents)
{
	static const struct { int64_t sec, nsec; } now;
	struct kq_kevent arg = {
		.changelist = (uintptr_t)changes,
		.eventlist = (uintptr_t)events,
		.timeout = (uintptr_t)&now,
		.nchanges = nchanges,
		.nevents = nevents,
	};
	int r = ioctl(kq, KQ_IOC_KEVENT, &arg);

	return r < 0 ? -errno : r;
}

static int take(int kq, void *events, int n)
{
	return call(kq, NULL, 0, events, n);
}

/* Knotes 0 to n - 1, ready in this order, each with things of its own. */
static int make_ready(int kq, int n, unsigned short flags)
{
	int i;

	for (i = 0; i < n; i++)
		if (kq_change(kq, i, EVFILT_USER, EV_ADD | flags,
			      NOTE_FFCOPY | NOTE_TRIGGER | (i + 1), 1000 + i,
			      (void *)(uintptr_t)(i + 7)))
			return -1;
	return 0;
}

/* How many of n events are not, whole and in order, those from first on. */
static int wrong(const struct kq_event *ev, int n, int first,
		 unsigned short flags)
{
	int i, bad = 0;

	for (i = 0; i < n; i++) {
		int id = first + i;

		bad += ev[i].ident != (__u64)id || ev[i].data != 1000 + id ||
		       ev[i].filter != EVFILT_USER || ev[i].flags != flags ||
		       ev[i].fflags != (__u32)id + 1 ||
		       ev[i].udata != (__u64)id + 7;
	}
	return bad;
}

/* The kinds of knotes; what a failed delivery does to each differs. */
static const unsigned short kinds[] = {
	EV_ONESHOT, EV_CLEAR, EV_DISPATCH, EV_DISPATCH | EV_CLEAR, 0,
};

/*
 * Let 'room' bytes of eventlist be there, for n events: as many come as fit,
 * or EFAULT; then the others, in order, with all that they had.
 */
static int fault_at(char *edge, int n, int room, unsigned short flags)
{
	struct kq_event *first = calloc(n, sizeof(*first));
	struct kq_event *rest = calloc(n + 1, sizeof(*rest));
	int kq = kqueue(), fit = room / sizeof(*first);
	int bad;

	bad = make_ready(kq, n, flags);
	if (take(kq, edge - room, n) != (fit ? fit : -EFAULT))
		bad++;
	memcpy(first, edge - room, fit * sizeof(*first));
	bad += wrong(first, fit, 0, flags);

	/* Level-triggered ones that were returned are behind the others. */
	if (take(kq, rest, n + 1) != (flags ? n - fit : n))
		bad++;
	bad += wrong(rest, n - fit, fit, flags);
	if (!flags)
		bad += wrong(rest + n - fit, fit, 0, flags);
	if (flags && take(kq, rest, n) != 0)
		bad++;
	close(kq);
	free(first);
	free(rest);
	return bad;
}

/*
 * Step 9.  EFAULT on eventlist loses nothing, one-shots included: the number
 * stored is returned if any, else EFAULT, and the rest comes with the next
 * call.  Here at every byte of a list of three.
 */
TEST_F(efault, eventlist_ends_at_every_byte)
{
	unsigned int kind;
	int room;

	for (kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		for (room = 0; room < 3 * (int)sizeof(struct kq_event); room++)
			EXPECT_EQ(0, fault_at(self->edge, 3, room,
					      kinds[kind]));
}

/* The same at every event of a list that is copied in several parts. */
TEST_F(efault, eventlist_ends_at_every_event)
{
	unsigned int kind;
	int n;

	for (kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		for (n = 0; n < MOST; n++)
			EXPECT_EQ(0, fault_at(self->edge, MOST, n *
					      (int)sizeof(struct kq_event),
					      kinds[kind]));
}

/* The same in memory that can only be read. */
TEST_F(efault, eventlist_is_read_only)
{
	struct kq_event ev[4];

	ASSERT_EQ(0, mprotect(self->edge, self->page, PROT_READ));
	ASSERT_EQ(0, make_ready(self->kq, 3, EV_ONESHOT));
	EXPECT_EQ(-EFAULT, take(self->kq, self->edge, 3));
	EXPECT_EQ(-EFAULT, take(self->kq, self->edge - 8, 1));
	EXPECT_EQ(1, take(self->kq, self->edge - sizeof(ev[0]), 3));
	EXPECT_EQ(0, wrong((void *)(self->edge - sizeof(ev[0])), 1, 0,
			   EV_ONESHOT));
	ASSERT_EQ(2, take(self->kq, ev, 4));
	EXPECT_EQ(0, wrong(ev, 2, 1, EV_ONESHOT));
	EXPECT_EQ(0, take(self->kq, ev, 4));
}

/* The same where no program has memory. */
TEST_F(efault, eventlist_is_nowhere)
{
	static const uintptr_t nowhere[] = {
		0, 8, UINTPTR_MAX, UINTPTR_MAX - 4095, UINTPTR_MAX / 2,
		UINTPTR_MAX / 2 + 1,
	};
	struct kq_event ev[4];
	unsigned int i;

	ASSERT_EQ(0, make_ready(self->kq, 3, EV_ONESHOT));
	for (i = 0; i < ARRAY_SIZE(nowhere); i++)
		EXPECT_EQ(-EFAULT, take(self->kq, (void *)nowhere[i], 3));
	ASSERT_EQ(3, take(self->kq, ev, 4));
	EXPECT_EQ(0, wrong(ev, 3, 0, EV_ONESHOT));
}

/* A thread that can't be handed an event doesn't keep it from the others. */
TEST_F(efault, another_call_gets_it)
{
	struct kq_waiter w = { .kq = self->kq };

	ASSERT_EQ(0, kq_waiter_start(&w));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_ONESHOT));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	take(self->kq, self->edge, 1);
	EXPECT_EQ(1, kq_waiter_end(&w));
	EXPECT_EQ(1U, w.ev[0].ident);
}

/* Each EFAULT leaves the queue readable. */
TEST_F(efault, still_readable)
{
	int outer = kqueue();

	ASSERT_EQ(0, kq_add(outer, self->kq, EVFILT_READ, 0));
	ASSERT_EQ(0, make_ready(self->kq, 2, EV_CLEAR));
	EXPECT_EQ(-EFAULT, take(self->kq, self->edge, 2));
	EXPECT_EQ(1, kq_readable(self->kq));
	KQ_EXPECT_EVENT(outer, self->kq, EVFILT_READ, 0, 0, 2);
}

/* What a timer had counted is added back. */
TEST_F(efault, timer_keeps_its_count)
{
	int64_t before, after;
	struct kevent ev;

	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ADD, 0, 1, NULL));
	before = kq_now(CLOCK_MONOTONIC);
	ASSERT_EQ(1, kq_readable(self->kq));
	do {
		EXPECT_EQ(-EFAULT, take(self->kq, self->edge, 1));
		after = kq_now(CLOCK_MONOTONIC);
	} while (after - before < 30 * MSEC);
	ASSERT_EQ(1, kq_wait(self->kq, &ev, 1));
	EXPECT_LE((after - before) / MSEC - 1, ev.data);
}

/* A knote's EOF is kept, and what is left in the pipe. */
TEST_F(efault, pipe_keeps_data_and_eof)
{
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, kq_add(self->kq, p[0], EVFILT_READ,
			    EV_ONESHOT | EV_CLEAR));
	ASSERT_EQ(3, write(p[1], "abc", 3));
	close(p[1]);
	EXPECT_EQ(-EFAULT, take(self->kq, self->edge, 1));
	EXPECT_EQ(-EFAULT, take(self->kq, self->edge - 31, 1));
	KQ_EXPECT_EVENT(self->kq, p[0], EVFILT_READ,
			EV_ONESHOT | EV_CLEAR | EV_EOF, 0, 3);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* An object that must be asked for its bytes, into a page never touched. */
TEST_F(efault, unix_socket_into_an_untouched_page)
{
	struct kq_event *ev;
	int s[2], i;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	ASSERT_EQ(0, kq_add(self->kq, s[0], EVFILT_READ, EV_CLEAR));
	ASSERT_EQ(5, write(s[1], "hello", 5));
	EXPECT_EQ(-EFAULT, take(self->kq, self->edge, 1));
	for (i = 0; i < 2; i++) {
		ev = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, (void *)ev);
		ASSERT_EQ(1, take(self->kq, ev, 4));
		EXPECT_EQ(5, ev[0].data);
		EXPECT_EQ((__u64)s[0], ev[0].ident);
		ASSERT_EQ(0, kq_change(self->kq, s[0], EVFILT_READ, EV_ENABLE,
				       0, 0, NULL));
	}
}

/* Events over many pages that have never been touched. */
TEST_F(efault, many_untouched_pages)
{
	enum { N = 3000 };
	struct kq_event *ev = mmap(NULL, N * sizeof(*ev),
				   PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)ev);
	ASSERT_EQ(0, make_ready(self->kq, N, EV_ONESHOT));
	ASSERT_EQ(N, take(self->kq, ev, N));
	EXPECT_EQ(0, wrong(ev, N, 0, EV_ONESHOT));
}

/*
 * What is delivered and fires again, while a page is missing for the next, is
 * another call's.
 */
TEST_F(efault, none_comes_twice_in_one_call)
{
	struct kq_event *ev = (void *)(self->edge - sizeof(*ev));
	struct pollfd p = { .fd = self->kq, .events = POLLIN };

	ASSERT_EQ(0, mprotect(self->edge, self->page, PROT_READ | PROT_WRITE));
	memset(self->mem, 0, self->page);
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_TIMER, EV_ADD,
			       NOTE_NSECONDS, 1, NULL));
	ASSERT_EQ(1, poll(&p, 1, -1));
	ASSERT_EQ(0, kq_change(self->kq, 2, EVFILT_USER, EV_ADD | EV_ONESHOT,
			       NOTE_TRIGGER, 0, NULL));
	ASSERT_EQ(2, take(self->kq, ev, 8));
	EXPECT_EQ(EVFILT_TIMER, ev[0].filter);
	EXPECT_EQ(EVFILT_USER, ev[1].filter);
}

/* How many of the first n knotes are there; -1 where they are no prefix. */
static int prefix(int kq, int n)
{
	int i, k = 0;

	for (i = 0; i < n; i++) {
		if (kq_change(kq, i, EVFILT_USER, EV_DELETE, 0, 0, NULL))
			continue;
		if (i != k)
			return -1;
		k++;
	}
	return k;
}

/*
 * Bad pointer: EFAULT; changes ahead of a fault in changelist may have been
 * applied.  At every byte of a list of three and every change of a long one;
 * whatever was pending stays.
 */
TEST_F(efault, changelist_ends_anywhere)
{
	struct kq_event kev[MOST] = { 0 }, ev[4];
	int i, room, done, step = 1;

	ASSERT_EQ(0, kq_add(self->kq, 99, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, kq_trigger(self->kq, 99));
	for (i = 0; i < MOST; i++)
		kev[i] = (struct kq_event){
			.ident = i, .filter = EVFILT_USER, .flags = EV_ADD,
		};
	for (room = 0; room < (int)sizeof(kev); room += step) {
		if (room == 3 * sizeof(kev[0]))
			step = sizeof(kev[0]);
		memcpy(self->edge - room, kev, room);
		EXPECT_EQ(-EFAULT, call(self->kq, self->edge - room, MOST, ev,
					room & 1 ? 4 : 0));
		done = prefix(self->kq, MOST);
		EXPECT_LE(0, done);
		EXPECT_GE(room / (int)sizeof(kev[0]), done);
	}
	ASSERT_EQ(1, take(self->kq, ev, 4));
	EXPECT_EQ(99U, ev[0].ident);
}

/* Receipts that can't be written count, and stop no change. */
TEST_F(efault, receipts_anywhere)
{
	struct kq_event kev[MOST] = { 0 }, first;
	int i, room;

	for (i = 0; i < MOST; i++)
		kev[i] = (struct kq_event){
			.ident = i, .filter = EVFILT_USER,
			.flags = EV_ADD | EV_RECEIPT,
		};
	for (room = 0; room <= MOST; room++) {
		char *list = self->edge - room * sizeof(kev[0]);

		memset(list, 0, self->edge - list);
		EXPECT_EQ(MOST, call(self->kq, kev, MOST, list, MOST));
		EXPECT_EQ(MOST, prefix(self->kq, MOST));
		for (i = 0; i < room; i++) {
			memcpy(&first, list + i * sizeof(first), sizeof(first));
			EXPECT_EQ((__u64)i, first.ident);
			EXPECT_EQ(EV_ERROR, first.flags);
			EXPECT_EQ(0, first.data);
		}
	}
}

/* A page that userfaultfd holds back until it is filled. */
FIXTURE(missing) {
	int kq, uffd;
	long page;
	char *mem;
	struct kq_waiter w;
};

FIXTURE_SETUP(missing)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	self->kq = kqueue();
	ASSERT_LE(0, self->kq);
	self->page = sysconf(_SC_PAGESIZE);
	self->mem = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->mem);
	self->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, self->uffd);
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_API, &api));
	range.range.start = (uintptr_t)self->mem;
	range.range.len = self->page;
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_REGISTER, &range));
}

FIXTURE_TEARDOWN(missing)
{
	close(self->uffd);
	close(self->kq);
}

typedef FIXTURE_DATA(missing) missing;

/* Wait until somebody has run into the page, and waits for it. */
static int until_fault(const missing *m)
{
	struct uffd_msg msg;

	if (kq_readable(m->uffd) != 1 ||
	    read(m->uffd, &msg, sizeof(msg)) != sizeof(msg))
		return -1;
	return msg.event == UFFD_EVENT_PAGEFAULT ? 0 : -1;
}

/* Fill the page, from a buffer if there is one. */
static int fill(const missing *m, void *from)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)m->mem, .len = m->page },
	};
	struct uffdio_copy copy = {
		.dst = (uintptr_t)m->mem, .src = (uintptr_t)from,
		.len = m->page,
	};

	return from ? ioctl(m->uffd, UFFDIO_COPY, &copy) :
		      ioctl(m->uffd, UFFDIO_ZEROPAGE, &zero);
}

/* A thread that takes one event into the page, and waits for it for ever. */
static void *take_into_page(void *arg)
{
	missing *m = arg;
	struct kq_kevent call = {
		.eventlist = (uintptr_t)m->mem, .nevents = 1,
	};

	__atomic_store_n(&m->w.tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	m->w.ret = ioctl(m->kq, KQ_IOC_KEVENT, &call);
	if (m->w.ret < 0)
		m->w.ret = -errno;
	return NULL;
}

static int stall(missing *m)
{
	if (kq_add(m->kq, 1, EVFILT_USER, EV_ONESHOT) ||
	    kq_trigger(m->kq, 1) ||
	    pthread_create(&m->w.thread, NULL, take_into_page, m))
		return -1;
	return until_fault(m);
}

/* The event arrives when the page does. */
TEST_F(missing, event_arrives_with_the_page)
{
	struct kq_event *ev = (struct kq_event *)self->mem;

	ASSERT_EQ(0, stall(self));
	ASSERT_EQ(0, fill(self, NULL));
	ASSERT_EQ(1, kq_waiter_end(&self->w));
	EXPECT_EQ(1U, ev->ident);
	EXPECT_EQ(EV_ONESHOT, ev->flags);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/*
 * No claim waits meanwhile: another thread's DELETE returns, and then the
 * event is delivered to nobody.
 */
TEST_F(missing, delete_returns_meanwhile)
{
	struct kq_event *ev = (struct kq_event *)self->mem;

	ASSERT_EQ(0, stall(self));
	EXPECT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DELETE, 0, 0,
			       NULL));
	EXPECT_EQ(0, kq_pending(self->kq));
	ASSERT_EQ(0, kq_add(self->kq, 2, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, fill(self, NULL));
	ASSERT_EQ(0, kq_trigger(self->kq, 2));
	ASSERT_EQ(1, kq_waiter_end(&self->w));
	EXPECT_EQ(2U, ev->ident);
}

/* Another thread takes the event meanwhile; it is delivered once. */
TEST_F(missing, another_thread_takes_it)
{
	struct kq_event *ev = (struct kq_event *)self->mem;

	ASSERT_EQ(0, stall(self));
	KQ_EXPECT_EVENT(self->kq, 1, EVFILT_USER, EV_ONESHOT, 0, 0);
	ASSERT_EQ(0, fill(self, NULL));
	ASSERT_EQ(0, kq_add(self->kq, 2, EVFILT_USER, EV_CLEAR));
	ASSERT_EQ(0, kq_trigger(self->kq, 2));
	ASSERT_EQ(1, kq_waiter_end(&self->w));
	EXPECT_EQ(2U, ev->ident);
	EXPECT_EQ(0, kq_pending(self->kq));
}

/* A sleeper is not left asleep: the event that can't be stored is handed on. */
TEST_F(missing, a_sleeper_gets_it)
{
	struct kq_waiter w = { .kq = self->kq };
	struct kq_event *ev = (struct kq_event *)self->mem;

	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_ONESHOT));
	ASSERT_EQ(0, pthread_create(&self->w.thread, NULL, take_into_page,
				    self));
	ASSERT_EQ(0, kq_waiter_start(&w));
	ASSERT_EQ(0, kq_add(self->kq, 2, EVFILT_USER, EV_ONESHOT));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	ASSERT_EQ(1, kq_waiter_end(&w));
	EXPECT_EQ(1U, w.ev[0].ident);
	ASSERT_EQ(0, kq_trigger(self->kq, 2));
	ASSERT_EQ(0, until_fault(self));
	ASSERT_EQ(0, fill(self, NULL));
	ASSERT_EQ(1, kq_waiter_end(&self->w));
	EXPECT_EQ(2U, ev->ident);
}

/* What nobody gets is not written, where its page was asked for, either. */
TEST_F(missing, what_is_gone_is_not_written)
{
	unsigned char *was = malloc(self->page);

	memset(was, 0xa5, self->page);
	ASSERT_EQ(0, stall(self));
	ASSERT_EQ(0, kq_change(self->kq, 1, EVFILT_USER, EV_DELETE, 0, 0,
			       NULL));
	ASSERT_EQ(0, fill(self, was));
	ASSERT_EQ(0, kq_until_in_kevent(self->w.tid));
	EXPECT_EQ(0, memcmp(self->mem, was, self->page));
	ASSERT_EQ(0, kq_add(self->kq, 2, EVFILT_USER, EV_ONESHOT));
	ASSERT_EQ(0, kq_trigger(self->kq, 2));
	ASSERT_EQ(1, kq_waiter_end(&self->w));
	EXPECT_EQ(0, memcmp(self->mem + sizeof(struct kq_event),
			    was + sizeof(struct kq_event),
			    self->page - sizeof(struct kq_event)));
	free(was);
}

#define CALLS	50
#define READY	3

struct caller {
	pthread_t thread;
	int kq, ret;
	void *page;
};

static void *look(void *arg)
{
	struct caller *c = arg;

	c->ret = take(c->kq, c->page, READY);
	return NULL;
}

/*
 * Calls that wait for their pages, one after the other, more than a scan passes
 * by at once, are in nobody's way: others take what is there, and what has come
 * since is none of theirs.
 */
static int many_wait(missing *m, unsigned short flags, int wanted)
{
	struct uffdio_register range = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
		.range.len = CALLS * m->page,
	};
	struct caller calls[CALLS];
	struct kq_event ev[READY + 1];
	int i, bad = 0;
	char *mem;

	mem = mmap(NULL, CALLS * m->page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)mem;
	if (mem == MAP_FAILED || ioctl(m->uffd, UFFDIO_REGISTER, &range) ||
	    make_ready(m->kq, READY, flags))
		return -1;
	for (i = 0; i < CALLS; i++) {
		calls[i].kq = m->kq;
		calls[i].page = mem + i * m->page;
		if (pthread_create(&calls[i].thread, NULL, look, &calls[i]) ||
		    until_fault(m))
			return -1;
	}
	bad += take(m->kq, ev, READY + 1) != READY || wrong(ev, READY, 0, flags);
	bad += take(m->kq, ev, READY + 1) != wanted;
	for (i = 0; i < CALLS; i++) {
		m->mem = calls[i].page;
		if (fill(m, NULL))
			return -1;
		pthread_join(calls[i].thread, NULL);
		bad += calls[i].ret != wanted;
	}
	return bad;
}

TEST_F(missing, many_wait_for_what_is_ready)
{
	EXPECT_EQ(0, many_wait(self, 0, READY));
}

TEST_F(missing, many_wait_for_what_is_taken)
{
	EXPECT_EQ(0, many_wait(self, EV_CLEAR, 0));
}

static void *change_from_page(void *arg)
{
	missing *m = arg;
	struct kq_kevent call = {
		.changelist = (uintptr_t)m->mem, .nchanges = 1,
	};

	m->w.ret = ioctl(m->kq, KQ_IOC_KEVENT, &call);
	if (m->w.ret < 0)
		m->w.ret = -errno;
	return NULL;
}

/* A changelist that is waited for holds nobody up either. */
TEST_F(missing, changelist_waits_alone)
{
	struct kq_event kev = {
		.ident = 5, .filter = EVFILT_USER, .flags = EV_ADD,
		.fflags = NOTE_TRIGGER,
	};
	char *from = calloc(1, self->page);

	ASSERT_EQ(0, pthread_create(&self->w.thread, NULL, change_from_page,
				    self));
	ASSERT_EQ(0, until_fault(self));
	ASSERT_EQ(0, kq_add(self->kq, 1, EVFILT_USER, EV_ONESHOT));
	ASSERT_EQ(0, kq_trigger(self->kq, 1));
	EXPECT_EQ(1, kq_pending(self->kq));
	memcpy(from, &kev, sizeof(kev));
	ASSERT_EQ(0, fill(self, from));
	EXPECT_EQ(0, kq_waiter_end(&self->w));
	KQ_EXPECT_EVENT(self->kq, 5, EVFILT_USER, 0, 0, 0);
}

TEST_HARNESS_MAIN
