/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HTTP_H
#define HTTP_H

#include <sys/types.h>

/*
 * One client's HTTP.  Requests that arrive together wait in 'in' for their
 * turn; a response is what 'out' holds and 'body' bytes more of 'file'.
 */
struct http {
	int	head;		/* the request is for a header alone */
	int	last;		/* this response ends the connection */
	int	file;		/* -1 if none */
	off_t	body;
	size_t	in_len;
	size_t	out_pos;
	size_t	out_len;
	char	in[8192 + 1];	/* and a NUL */
	char	out[16384];
};

/*
 * Take the first request out of 'in', if all of it is there, and make the
 * response to it from the files below 'root'.  Returns whether there was one.
 */
int http_next(struct http *h, int root);

/*
 * Write to the client.  Returns 1 when the whole response is out, 0 when there
 * is no room for more, -1 when it can't be completed.
 */
int http_write(struct http *h, int fd);

void http_end(struct http *h);

#endif /* HTTP_H */
