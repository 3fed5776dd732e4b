// SPDX-License-Identifier: BSD-2-Clause
/*
 * httpd - a small HTTP/1.1 server on kqueue
 *
 *	httpd [-v] [-p port] [-t seconds] [directory]
 *
 * Serves the files of a directory, with a page of its own where there is no
 * index.html.  Four filters do all the work:
 *
 *	EVFILT_READ	connections to accept, requests to read
 *	EVFILT_WRITE	room for more of a response
 *	EVFILT_TIMER	connections that idle too long; a line of statistics
 *	EVFILT_USER	the signal thread says that it is time to stop
 *
 * -v shows every event as it comes.
 */
#include <sys/types.h>
#include <sys/event.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"

#define NEVENTS		64	/* taken at a time */
#define TICK		0	/* ident of the EVFILT_TIMER knote */
#define STOP		0	/* ident of the EVFILT_USER knote */

/*
 * A connection reads a request, then writes its response, then reads again:
 * one of its two knotes is enabled at any time.
 */
struct conn {
	struct conn	*next_dead;
	int		fd;		/* -1 once hung up */
	int		writing;	/* which knote is enabled */
	int		draining;	/* nothing to do but wait for EOF */
	struct http	http;
};

static int kq, root = -1, verbose, idle_seconds = 30, listener_full;
static unsigned long requests, connections, open_conns;
static struct conn *dead;	/* freed when no event can name them any more */

static void change(uintptr_t ident, short filter, unsigned short flags,
		   int64_t data, void *udata)
{
	struct kevent kev;

	EV_SET(&kev, ident, filter, flags, 0, data, udata);
	if (kevent(kq, &kev, 1, NULL, 0, NULL) < 0)
		err(1, "kevent");
}

static void show(const struct kevent *kev)
{
	static const char *const names[] = {
		[-EVFILT_READ] = "READ", [-EVFILT_WRITE] = "WRITE",
		[-EVFILT_TIMER] = "TIMER", [-EVFILT_USER] = "USER",
	};

	printf("%-5s ", names[-kev->filter]);
	if (kev->filter == EVFILT_READ || kev->filter == EVFILT_WRITE)
		printf("fd %ju ", (uintmax_t)kev->ident);
	printf("data %jd%s\n", (intmax_t)kev->data,
	       kev->flags & EV_EOF ? " EOF" : "");
}

/* The timer is named by the connection's address: no two can be alike. */
static void restart_idle_timer(struct conn *c)
{
	change((uintptr_t)c, EVFILT_TIMER, EV_ADD | EV_ONESHOT,
	       idle_seconds * INT64_C(1000), c);
}

/*
 * close() removes the READ and WRITE knotes; the timer is no descriptor's.
 * Events of this connection may still stand in the list that is being worked
 * on, so its memory stays until that is done.
 */
static void hang_up(struct conn *c)
{
	struct kevent kev;

	EV_SET(&kev, (uintptr_t)c, EVFILT_TIMER, EV_DELETE, 0, 0, NULL);
	kevent(kq, &kev, 1, NULL, 0, NULL);	/* ENOENT if it has fired */
	http_end(&c->http);
	close(c->fd);
	c->fd = -1;
	c->next_dead = dead;
	dead = c;
	open_conns--;
}

static void bury_dead(void)
{
	struct conn *c;

	while ((c = dead) != NULL) {
		dead = c->next_dead;
		free(c);
	}
}

/* data is the number of connections that wait. */
static void accept_conns(int listener, int64_t n)
{
	struct kevent kev[2];
	struct conn *c;
	int fd;

	while (n-- > 0) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
			/* Until the next tick; those who wait can wait. */
			change(listener, EVFILT_READ, EV_DISABLE, 0, NULL);
			listener_full = 1;
		}
		if (fd < 0)
			return;
		c = calloc(1, sizeof(*c));
		if (!c)
			err(1, NULL);
		c->fd = fd;
		c->http.file = -1;
		fcntl(fd, F_SETFL, O_NONBLOCK);
		EV_SET(&kev[0], fd, EVFILT_READ, EV_ADD, 0, 0, c);
		EV_SET(&kev[1], fd, EVFILT_WRITE, EV_ADD | EV_DISABLE, 0, 0, c);
		if (kevent(kq, kev, 2, NULL, 0, NULL) < 0)
			err(1, "kevent");
		restart_idle_timer(c);
		connections++;
		open_conns++;
	}
}

static void set_writing(struct conn *c, int writing)
{
	if (c->writing == writing)
		return;
	c->writing = writing;
	change(c->fd, EVFILT_READ, writing ? EV_DISABLE : EV_ENABLE, 0, c);
	change(c->fd, EVFILT_WRITE, writing ? EV_ENABLE : EV_DISABLE, 0, c);
}

/*
 * Go on as far as it goes: responses in the order of their requests.  After the
 * last the client hears that we are done, and we wait for it to close, so that
 * nothing of the response is lost.
 */
static void advance(struct conn *c)
{
	int done;

	for (;;) {
		done = http_write(&c->http, c->fd);
		if (done < 0) {
			hang_up(c);
			return;
		}
		set_writing(c, !done);
		if (!done)
			return;
		if (c->http.last) {
			c->draining = 1;
			shutdown(c->fd, SHUT_WR);
			return;
		}
		if (!http_next(&c->http, root))
			return;
		requests++;
	}
}

/* data bytes have come; with EV_EOF there will be no more than those. */
static void readable(struct conn *c, const struct kevent *kev)
{
	struct http *h = &c->http;
	size_t room;
	ssize_t n;

	if (c->draining)
		h->in_len = 0;
	room = sizeof(h->in) - 1 - h->in_len;
	if (kev->data < (int64_t)room)
		room = (size_t)kev->data;
	n = read(c->fd, h->in + h->in_len, room);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		hang_up(c);
		return;
	}
	h->in_len += (size_t)n;
	if (!c->draining) {
		restart_idle_timer(c);
		advance(c);
	}
}

static void conn_event(struct conn *c, const struct kevent *kev)
{
	if (c->fd < 0)
		return;		/* hung up by an event ahead of this one */
	if (kev->filter == EVFILT_READ) {
		readable(c, kev);
	} else if (kev->filter == EVFILT_WRITE && !(kev->flags & EV_EOF)) {
		restart_idle_timer(c);
		advance(c);
	} else {
		hang_up(c);	/* the client is gone, or idle */
	}
}

static void tick(int listener)
{
	static unsigned long shown;

	if (requests != shown)
		printf("%lu requests, %lu connections, %lu open\n", requests,
		       connections, open_conns);
	shown = requests;
	if (listener_full)
		change(listener, EVFILT_READ, EV_ENABLE, 0, NULL);
	listener_full = 0;
}

/* Another thread: a signal becomes an event. */
static void *wait_for_signal(void *set)
{
	struct kevent kev;
	int sig;

	sigwait(set, &sig);
	EV_SET(&kev, STOP, EVFILT_USER, 0, NOTE_TRIGGER, sig, NULL);
	kevent(kq, &kev, 1, NULL, 0, NULL);
	return NULL;
}

static int listen_on(int port)
{
	struct sockaddr_in sin;
	int one = 1, s;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((in_port_t)port);
	s = socket(AF_INET, SOCK_STREAM, 0);
	if (s < 0)
		err(1, "socket");
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    fcntl(s, F_SETFL, O_NONBLOCK) < 0 || listen(s, 128) < 0)
		err(1, "port %d", port);
	return s;
}

/* Until someone says stop. */
static void loop(int listener)
{
	struct kevent evs[NEVENTS], *kev;
	int i, n;

	for (;;) {
		n = kevent(kq, NULL, 0, evs, NEVENTS, NULL);
		if (n < 0 && errno != EINTR)
			err(1, "kevent");
		for (i = 0; i < n; i++) {
			kev = &evs[i];
			if (verbose)
				show(kev);
			if (kev->udata)
				conn_event(kev->udata, kev);
			else if (kev->filter == EVFILT_READ)
				accept_conns(listener, kev->data);
			else if (kev->filter == EVFILT_TIMER)
				tick(listener);
			else
				return;
		}
		bury_dead();
	}
}

int main(int argc, char **argv)
{
	int c, listener, port = 8080;
	pthread_t thread;
	sigset_t stop;

	while ((c = getopt(argc, argv, "p:t:v")) != -1) {
		if (c == 'p')
			port = atoi(optarg);
		else if (c == 't')
			idle_seconds = atoi(optarg);
		else if (c == 'v')
			verbose = 1;
		else
			errx(2, "usage: httpd [-v] [-p port] [-t seconds] [dir]");
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	root = open(argc > optind ? argv[optind] : ".", O_RDONLY | O_DIRECTORY);
	if (root < 0)
		err(1, "%s", argc > optind ? argv[optind] : ".");
	kq = kqueue();
	if (kq < 0)
		err(1, "kqueue");
	listener = listen_on(port);
	change(listener, EVFILT_READ, EV_ADD, 0, NULL);
	change(TICK, EVFILT_TIMER, EV_ADD, 1000, NULL);
	change(STOP, EVFILT_USER, EV_ADD, 0, NULL);

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	if (pthread_create(&thread, NULL, wait_for_signal, &stop) != 0)
		errx(1, "pthread_create");
	printf("http://127.0.0.1:%d/\n", port);
	loop(listener);
	pthread_join(thread, NULL);
	printf("%lu requests, %lu connections\n", requests, connections);
	return 0;
}
