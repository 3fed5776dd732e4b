// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/time_types.h>
#include <linux/userfaultfd.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "acts.h"

#define ROOM		64		/* entries in any memory */
#define POISON		0xa5
#define KERNEL_ADDRESS	0xffff888000000000UL
#define TIME_LIMIT	200		/* ms */

#define EV_PROPERTIES	(EV_ONESHOT | EV_CLEAR | EV_RECEIPT | EV_DISPATCH)

static char folder[32] = "/tmp/kq-fuzz-XXXXXX";
static char bytes[65536];
static long page;
static atomic_int last_child;
static atomic_bool wrong;

static bool is_fd(long fd)
{
	return fd >= FIRST_FD && fd < FIRST_FD + NR_FDS;
}

/* Give a descriptor one of the program's numbers. */
static void number(int fd, long to)
{
	if (fd < 0 || is_fd(fd))
		return;
	if (is_fd(to))
		dup3(fd, to, O_CLOEXEC);
	close(fd);
}

static void numbers(int ret, const int fd[2], long to)
{
	if (ret)
		return;
	number(fd[0], to);
	number(fd[1], to + 1);
}

static void nonblock(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int listener(struct sockaddr_in *sin, int protocol)
{
	socklen_t len = sizeof(*sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			protocol);

	*sin = (struct sockaddr_in){ .sin_family = AF_INET };
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)sin, len) || listen(fd, 8) ||
	    getsockname(fd, (struct sockaddr *)sin, &len)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int connector(const struct sockaddr *sa, socklen_t len, int protocol)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC |
			SOCK_NONBLOCK, protocol);

	connect(fd, sa, len);
	return fd;
}

static void open_tcp(long fd, int protocol)
{
	struct sockaddr_in sin;
	int pair[2], l = listener(&sin, protocol);

	if (l < 0)
		return;
	pair[0] = connector((struct sockaddr *)&sin, sizeof(sin), protocol);
	pair[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	close(l);
	numbers(0, pair, fd);
}

/* A listener, and somebody who has called. */
static void open_listener(long fd)
{
	struct sockaddr_in sin;
	int pair[2] = { listener(&sin, 0) };

	if (pair[0] < 0)
		return;
	pair[1] = connector((struct sockaddr *)&sin, sizeof(sin), 0);
	numbers(0, pair, fd);
}

static void open_refused(long fd)
{
	struct sockaddr_in sin;
	int l = listener(&sin, 0);

	close(l);
	number(connector((struct sockaddr *)&sin, sizeof(sin), 0), fd);
}

static void open_unix_listener(long fd)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sun);
	int pair[2];

	pair[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(pair[0], (struct sockaddr *)&sun, sizeof(sun.sun_family)) ||
	    getsockname(pair[0], (struct sockaddr *)&sun, &len) ||
	    listen(pair[0], 8)) {
		close(pair[0]);
		return;
	}
	pair[1] = connector((struct sockaddr *)&sun, len, 0);
	numbers(0, pair, fd);
}

/* Two that talk to each other. */
static void open_udp(long fd, int family)
{
	struct sockaddr_storage sa[2];
	socklen_t len;
	int pair[2], i;

	for (i = 0; i < 2; i++) {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&sa[i];
		struct sockaddr_in *sin = (struct sockaddr_in *)&sa[i];

		memset(&sa[i], 0, sizeof(sa[i]));
		sa[i].ss_family = family;
		if (family == AF_INET6)
			sin6->sin6_addr = in6addr_loopback;
		else
			sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		pair[i] = socket(family, SOCK_DGRAM | SOCK_CLOEXEC |
				 SOCK_NONBLOCK, 0);
		len = sizeof(sa[i]);
		bind(pair[i], (struct sockaddr *)&sa[i], len);
		getsockname(pair[i], (struct sockaddr *)&sa[i], &len);
	}
	for (i = 0; i < 2; i++)
		connect(pair[i], (struct sockaddr *)&sa[!i], sizeof(sa[i]));
	numbers(0, pair, fd);
}

static void open_unix(long fd, int type)
{
	int pair[2];

	numbers(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			   pair), pair, fd);
}

static void open_pipe(long fd)
{
	int pair[2];

	numbers(pipe2(pair, O_NONBLOCK | O_CLOEXEC), pair, fd);
}

static void open_fifo(long fd)
{
	int pair[2];

	mkfifo("fifo", 0600);
	pair[0] = open("fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	pair[1] = open("fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	numbers(0, pair, fd);
}

static void open_pty(long fd)
{
	int pair[2];

	pair[0] = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (pair[0] < 0)
		return;
	unlockpt(pair[0]);
	pair[1] = ioctl(pair[0], TIOCGPTPEER,
			O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	numbers(0, pair, fd);
}

static int pidfd_open_(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

static void open_pidfd_of_child(long fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		usleep(2000);
		_exit(3);
	}
	if (pid < 0)
		return;
	last_child = pid;
	number(pidfd_open_(pid), fd);
}

static int open_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int open_inotify(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	inotify_add_watch(fd, ".", IN_ALL_EVENTS);
	return fd;
}

static int open_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		      NETLINK_ROUTE);
}

void open_object(long object, long fd)
{
	switch (object) {
	case QUEUE:
		number(open("/dev/kqueue", O_RDWR | O_CLOEXEC), fd);
		break;
	case PIPE:
		open_pipe(fd);
		break;
	case FIFO:
		open_fifo(fd);
		break;
	case TCP:
		open_tcp(fd, 0);
		break;
	case TCP_LISTENER:
		open_listener(fd);
		break;
	case TCP_REFUSED:
		open_refused(fd);
		break;
	case UDP:
		open_udp(fd, AF_INET);
		break;
	case UDP6:
		open_udp(fd, AF_INET6);
		break;
	case UNIX_STREAM:
		open_unix(fd, SOCK_STREAM);
		break;
	case UNIX_DGRAM:
		open_unix(fd, SOCK_DGRAM);
		break;
	case UNIX_SEQPACKET:
		open_unix(fd, SOCK_SEQPACKET);
		break;
	case UNIX_LISTENER:
		open_unix_listener(fd);
		break;
	case NETLINK:
		number(open_netlink(), fd);
		break;
	case PACKET:
		number(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			      htons(ETH_P_ALL)), fd);
		break;
	case MPTCP:
		open_tcp(fd, IPPROTO_MPTCP);
		break;
	case EVENTFD:
		number(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), fd);
		break;
	case TIMERFD:
		number(timerfd_create(CLOCK_MONOTONIC,
				      TFD_NONBLOCK | TFD_CLOEXEC), fd);
		break;
	case SIGNALFD:
		number(open_signalfd(), fd);
		break;
	case EPOLL:
		number(epoll_create1(EPOLL_CLOEXEC), fd);
		break;
	case PIDFD_OF_CHILD:
		open_pidfd_of_child(fd);
		break;
	case PIDFD_OF_SELF:
		number(pidfd_open_(getpid()), fd);
		break;
	case INOTIFY:
		number(open_inotify(), fd);
		break;
	case MEMFD:
		number(memfd_create("kq", MFD_CLOEXEC), fd);
		break;
	case PTY:
		open_pty(fd);
		break;
	case DIRECTORY:
		number(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd);
		break;
	case PATH:
		number(open("f", O_PATH | O_CLOEXEC), fd);
		break;
	case REGULAR_FILE:
		number(open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0600), fd);
		break;
	case PROC_FILE:
		number(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), fd);
		break;
	case DEV_NULL:
		number(open("/dev/null", O_RDWR | O_CLOEXEC), fd);
		break;
	case DEV_ZERO:
		number(open("/dev/zero", O_RDWR | O_CLOEXEC), fd);
		break;
	}
}

void close_fd(long fd)
{
	if (is_fd(fd))
		close(fd);
}

void dup_fd(long fd, long to)
{
	if (is_fd(to))
		dup3(fd, to, O_CLOEXEC);
}

void close_fds(long from, long to)
{
	if (is_fd(from) && is_fd(to) && from <= to)
		close_range(from, to, 0);
}

void write_bytes(long fd, long n)
{
	nonblock(fd);
	if (is_fd(fd))
		write(fd, bytes, n < 0 || n > (long)sizeof(bytes) ?
		      (long)sizeof(bytes) : n);
}

void read_bytes(long fd, long n)
{
	char buf[4096];

	nonblock(fd);
	if (is_fd(fd))
		read(fd, buf, n < 0 || n > (long)sizeof(buf) ?
		     (long)sizeof(buf) : n);
}

void send_urgent(long fd)
{
	send(fd, "!", 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
}

void shut_down(long fd, long how)
{
	shutdown(fd, how);
}

void accept_one(long fd, long to)
{
	nonblock(fd);
	number(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), to);
}

void set_option(long fd, long option, long value)
{
	struct linger linger = { .l_onoff = 1 };
	int n = value;

	if (option == SO_LINGER)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	else
		setsockopt(fd, SOL_SOCKET, option, &n, sizeof(n));
}

void seek_to(long fd, long offset)
{
	if (is_fd(fd))
		lseek(fd, offset, SEEK_SET);
}

void set_timer(long fd, long ns)
{
	struct itimerspec its = { .it_value = { .tv_nsec = ns } };

	timerfd_settime(fd, 0, &its, NULL);
}

void set_status(long fd, long flags)
{
	if (is_fd(fd))
		fcntl(fd, F_SETFL, flags);
}

/* Who gets SIGIO, and which signal that is. */
void set_owner(long fd, long sig)
{
	if (is_fd(fd)) {
		fcntl(fd, F_SETOWN, getpid());
		fcntl(fd, F_SETSIG, sig);
	}
}

void poll_fd(long fd, long events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	poll(&pfd, 1, 0);
}

void watch_with_epoll(long ep, long fd, long op)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT };

	epoll_ctl(ep, op, fd, &ev);
	epoll_wait(ep, &ev, 1, 0);
}

/* To oneself, over a socket. */
void pass_fd(long fd, long to)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { bytes, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2], n = fd;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &n, sizeof(n));
	if (sendmsg(pair[0], &msg, MSG_DONTWAIT) == 1 &&
	    recvmsg(pair[1], &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) == 1 &&
	    CMSG_FIRSTHDR(&msg)) {
		memcpy(&n, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(n));
		number(n, to);
	}
	close(pair[0]);
	close(pair[1]);
}

void send_signal(long sig)
{
	if (sig == SIGUSR1 || sig == SIGUSR2 || sig == SIGCHLD ||
	    sig == SIGWINCH || sig == SIGIO || sig == SIGRTMIN)
		kill(getpid(), sig);
}

void reap_children(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

void wait_a_bit(long us)
{
	usleep(us < 0 || us > 10000 ? 10000 : us);
}

/* A process may have this much to do with queues that are not its own. */
static void use_queues(void)
{
	struct kq_event ev = { .ident = 1, .filter = EVFILT_USER,
			       .flags = EV_ADD, .fflags = NOTE_TRIGGER };
	struct __kernel_timespec now = { 0 };
	struct kq_kevent arg = {
		.changelist = (uintptr_t)&ev, .nchanges = 1,
		.eventlist = (uintptr_t)&ev, .nevents = 1,
		.timeout = (uintptr_t)&now,
	};
	int fd;

	for (fd = FIRST_FD; fd < FIRST_FD + NR_FDS; fd++) {
		ioctl(fd, KQ_IOC_KEVENT, &arg);
		ioctl(fd, KQ_IOC_OWNED);
		if (fd % 3 == 0)
			close(fd);
	}
}

static int shares_files(void *arg)
{
	(void)arg;
	use_queues();
	_exit(0);
}

static void *short_thread(void *arg)
{
	(void)arg;
	return NULL;
}

static void in_child(long how)
{
	pthread_t thread;
	int i;

	switch (how) {
	case CHILD_EXECS:
		execl("/bin/true", "true", NULL);
		break;
	case CHILD_FORKS:
		for (i = 0; i < 3; i++)
			if (fork() == 0)
				_exit(i);
		while (wait(NULL) > 0)
			;
		break;
	case CHILD_IS_KILLED:
		raise(SIGKILL);
		break;
	case CHILD_USES_QUEUES:
		use_queues();
		break;
	case CHILD_SLEEPS:
		usleep(20000);
		break;
	case CHILD_HAS_THREADS:
		if (!pthread_create(&thread, NULL, short_thread, NULL))
			pthread_exit(NULL);
		break;
	}
	_exit(how);
}

void fork_child(long how)
{
	static _Thread_local long stack[2048];
	pid_t pid;

	switch (how) {
	case CHILD_SHARES_FILES:
		pid = clone(shares_files, stack + 2048,
			    CLONE_FILES | SIGCHLD, NULL);
		break;
	case CHILD_IS_VFORKED:
		pid = vfork();
		if (pid == 0)
			_exit(7);
		break;
	default:
		pid = fork();
		if (pid == 0)
			in_child(how);
		break;
	}
	if (pid > 0)
		last_child = pid;
}

static void read_folder(void)
{
	DIR *d = opendir(".");

	while (d && readdir(d))
		;
	if (d)
		closedir(d);
}

void change_files(long how)
{
	int fd;

	switch (how) {
	case FILE_WRITTEN:
	case FILE_READ:
		fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (how == FILE_READ)
			pread(fd, &(char){ 0 }, 1, 0);
		else
			write(fd, bytes, 10);
		close(fd);
		break;
	case FILE_RENAMED:
		if (rename("f", "g"))
			rename("g", "f");
		break;
	case FILE_UNLINKED:
		unlink("f");
		break;
	case FILE_LINKED:
		if (link("f", "h"))
			unlink("h");
		break;
	case FILE_TRUNCATED:
		truncate("f", 3);
		break;
	case FILE_CHMOD:
		chmod("f", 0600);
		break;
	case FOLDER_MADE:
		mkdir("d", 0700);
		break;
	case FOLDER_REMOVED:
		rmdir("d");
		break;
	case FOLDER_READ:
		read_folder();
		break;
	}
}

static void set_parameter(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/module/kqueue/parameters/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	write(fd, value, strlen(value));
	close(fd);
}

static void set_link(bool up)
{
	struct ifreq ifr = { .ifr_name = "lo",
			     .ifr_flags = up ? IFF_UP : 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ioctl(s, SIOCSIFFLAGS, &ifr);
	close(s);
}

void change_system(long how)
{
	static _Thread_local bool own_network;

	switch (how) {
	case MOUNTED:
		if (!unshare(CLONE_NEWNS))
			mount("kq", folder, "tmpfs", 0, "size=64k");
		break;
	case UNMOUNTED:
		umount2(folder, MNT_DETACH);
		break;
	case NEW_NETWORK:
		if (!unshare(CLONE_NEWNET))
			own_network = true;
		break;
	case LINK_UP:
	case LINK_DOWN:
		/* Others' sockets need theirs. */
		if (own_network)
			set_link(how == LINK_UP);
		break;
	case UNSHARED_FILES:
		unshare(CLONE_FILES);
		break;
	case NOBODY:
		/* This thread alone. */
		syscall(SYS_setresuid, 65534, 65534, 65534);
		break;
	case FEW_KNOTES:
		set_parameter("max_knotes", "2");
		break;
	case MANY_KNOTES:
		set_parameter("max_knotes", "100000");
		break;
	case FEW_TIMERS:
		set_parameter("calloutmax", "1");
		break;
	case MANY_TIMERS:
		set_parameter("calloutmax", "100000");
		break;
	}
}

/*
 * What kevent() is given.
 */

/* Pages that come when somebody else lets them: half a millisecond later. */
static int uffd = -1;

static void *serve_faults(void *arg)
{
	struct uffdio_zeropage zero = { .range.len = page };
	struct uffd_msg msg;

	while (read(uffd, &msg, sizeof(msg)) == sizeof(msg)) {
		if (msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		usleep(500);
		zero.range.start = msg.arg.pagefault.address & -page;
		ioctl(uffd, UFFDIO_ZEROPAGE, &zero);
	}
	return arg;
}

static void begin_faults(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	pthread_t thread;

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
	    pthread_create(&thread, NULL, serve_faults, NULL))
		uffd = -1;
}

static pthread_once_t faults_once = PTHREAD_ONCE_INIT;

/* What one call uses, each of its own; entries at the end of a page. */
struct area {
	char *base;
	struct kq_event *ev;
};

/* A page and nothing behind it; ev has n entries before its end. */
static int area_begin(struct area *a, enum memory what, int n)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	a->base = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a->base == MAP_FAILED)
		return -1;
	mprotect(a->base + page, page, PROT_NONE);
	a->ev = (struct kq_event *)(a->base + page) - n;
	if (what == FAULTING) {
		pthread_once(&faults_once, begin_faults);
		reg.range.start = (uintptr_t)a->base;
		reg.range.len = page;
		if (uffd >= 0)
			ioctl(uffd, UFFDIO_REGISTER, &reg);
	} else {
		memset(a->base, POISON, page);
	}
	return 0;
}

/* The address that the kernel is given. */
static uint64_t address(const struct area *a, enum memory what)
{
	switch (what) {
	case NO_MEMORY:
		return 0;
	case KERNEL_MEMORY:
		return KERNEL_ADDRESS;
	case ODD_ADDRESS:
		return (uintptr_t)a->ev - 1;
	case READ_ONLY:
		mprotect(a->base, page, PROT_READ);
		return (uintptr_t)a->ev;
	default:
		return (uintptr_t)a->ev;
	}
}

static void area_end(struct area *a)
{
	munmap(a->base, 2 * page);
}

/*
 * What is returned.
 */

static void complain(const char *what, const struct kq_event *ev)
{
	printf("# %s: ident %#llx filter %d flags %#x fflags %#x data %#llx udata %#llx\n",
	       what, ev->ident, ev->filter, ev->flags, ev->fflags, ev->data,
	       ev->udata);
	fflush(stdout);
	wrong = true;
}

/*
 * A kernel address looks like no ident, count or udata of the programs, save
 * those that a change has put there itself.
 */
static bool is_kernel_address(uint64_t n)
{
	return n >= 0xffff800000000000 && n < 0xffffffffffff0000;
}

static struct counts own_counts;
struct counts *counts = &own_counts;

static void count(unsigned long *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

static void check_event(const struct kq_event *ev)
{
	if (ev->flags == EV_ERROR)
		count(&counts->reports);
	else if (ev->filter < 0 && ev->filter >= -EVFILT_SYSCOUNT)
		count(&counts->events[~ev->filter]);

	if (ev->filter >= 0 || ev->filter < -EVFILT_SYSCOUNT) {
		if (ev->flags != EV_ERROR)
			complain("unknown filter", ev);
	} else if (ev->flags == EV_ERROR) {
		if (ev->data < 0 || ev->data > 4095)
			complain("no errno", ev);
	} else if (ev->flags & ~(EV_PROPERTIES | EV_EOF)) {
		complain("flags", ev);
	}
	if (ev->udata > MAX_UDATA)
		complain("udata", ev);
	if (is_kernel_address(ev->ident) || is_kernel_address(ev->data))
		complain("address", ev);
}

/* An administrator sees no kernel address either. */
void read_fdinfo(long fd)
{
	const struct kq_event none = { 0 };
	char path[64], buf[4096], *p;
	ssize_t n;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%ld", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	while ((n = read(info, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = '\0';
		for (p = buf; (p = strstr(p, "0xffff")); p++)
			if (is_kernel_address(strtoull(p, NULL, 16)))
				complain("address in fdinfo", &none);
	}
	close(info);
}

static bool is_poison(const void *p, size_t n)
{
	const unsigned char *c = p;

	while (n-- > 0)
		if (*c++ != POISON)
			return false;
	return true;
}

static void check_return(const struct kevent_call *c, const struct area *a,
			 int ret)
{
	const struct kq_event none = { 0 };
	int i;

	if (c->argument != GOOD)
		return;
	if (ret > 0 && ret > c->nevents) {
		complain("too many", &none);
		return;
	}
	if (c->events != GOOD)
		return;
	for (i = 0; i < ret && i < ROOM; i++)
		check_event(&a->ev[i]);
	if (!is_poison(a->base, (char *)a->ev - a->base))
		complain("written ahead of eventlist", &none);
	if (c->nevents >= 0 && c->nevents < ROOM &&
	    !is_poison(&a->ev[c->nevents],
		       (char *)(a->base + page) - (char *)&a->ev[c->nevents]))
		complain("written behind eventlist", &none);
}

/* The changes, with the processes that they mean, and then nothing. */
static void fill_changes(struct area *a, const struct kevent_call *c)
{
	struct kq_event ev[ROOM] = { 0 };
	char *to = (char *)a->ev - (c->changes == ODD_ADDRESS);
	int i;

	memcpy(ev, c->change, sizeof(c->change));
	for (i = 0; i < MAX_CHANGES; i++) {
		if (ev[i].filter != EVFILT_PROC)
			continue;
		if (ev[i].ident == SELF)
			ev[i].ident = getpid();
		else if (ev[i].ident == LAST_CHILD)
			ev[i].ident = last_child;
	}
	if (c->changes != FAULTING)
		memcpy(to, ev, a->base + page - (char *)a->ev);
}

void call_kevent(const struct kevent_call *c)
{
	static const struct __kernel_timespec times[] = {
		[A_NANOSECOND] = { 0, 1 }, [A_MILLISECOND] = { 0, 1000000 },
		[TEN_MILLISECONDS] = { 0, 10000000 }, [NEGATIVE] = { -1, 0 },
		[TOO_MANY_NS] = { 0, 1000000000 },
		[HUGE_TIME] = { INT64_MAX, 999999999 },
	};
	struct area changes, events;
	struct kq_kevent arg = {
		.nchanges = c->nchanges, .nevents = c->nevents,
		.flags = c->flags, .reserved = c->reserved,
	};
	int ret;

	if (area_begin(&changes, c->changes, c->changes == SHORT ? 1 : ROOM) ||
	    area_begin(&events, c->events, c->events == SHORT ? 1 : ROOM))
		return;
	fill_changes(&changes, c);
	arg.changelist = address(&changes, c->changes);
	arg.eventlist = c->events == SAME ? arg.changelist :
			address(&events, c->events);
	if (c->timeout == BAD_TIMEOUT)
		arg.timeout = 8;
	else if (c->timeout != FOR_EVER)
		arg.timeout = (uintptr_t)&times[c->timeout];
	ret = ioctl(c->kq, KQ_IOC_KEVENT, c->argument == GOOD ? &arg :
		    (void *)address(&events, c->argument));
	count(&counts->calls);
	check_return(c, &events, ret);
	area_end(&changes);
	area_end(&events);
}

void control(long fd, long request, long memory)
{
	struct area a;

	if (!is_fd(fd) || request == (long)TIOCSTI ||
	    area_begin(&a, memory, 1))
		return;
	if (memory == GOOD)
		memset(a.ev, 0, sizeof(*a.ev));
	ioctl(fd, request, address(&a, memory));
	area_end(&a);
}

/*
 * Programs.
 */

static atomic_int running;
static void (*run)(int);

static void *run_thread(void *arg)
{
	run((int)(intptr_t)arg);
	running--;
	return NULL;
}

static void on_signal(int sig)
{
	(void)sig;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	static const int signals[] = { SIGUSR1, SIGUSR2, SIGWINCH, SIGIO };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	sigaction(SIGRTMIN, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static void clean_up(void)
{
	static const char *const files[] = { "f", "g", "h", "fifo" };
	size_t i;

	umount2(folder, MNT_DETACH);
	if (chdir(folder))
		return;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	rmdir("d");
	rmdir(folder);
}

static void begin(void)
{
	page = sysconf(_SC_PAGESIZE);
	catch_signals();
	change_system(MANY_KNOTES);
	change_system(MANY_TIMERS);
	if (!mkdtemp(folder) || chdir(folder))
		_exit(2);
	change_files(FILE_WRITTEN);
}

/* Children that are left end with us: nobody is there to reap them. */
static void end_children(void)
{
	int i;

	for (i = 0; i < 100; i++) {
		if (waitpid(-1, NULL, WNOHANG) < 0)
			return;
		usleep(1000);
	}
}

_Noreturn void run_program(void (*thread)(int), int n)
{
	pthread_t id;
	int i;

	begin();
	thread(SETUP);
	run = thread;
	running = n;
	for (i = 0; i < n; i++)
		if (pthread_create(&id, NULL, run_thread, (void *)(intptr_t)i))
			running--;
	for (i = 0; running && i < TIME_LIMIT * 2; i++)
		usleep(500);
	end_children();
	clean_up();
	_exit(wrong);
}
