// SPDX-License-Identifier: BSD-2-Clause
/* The HTTP of httpd: requests out of a buffer, responses into one. */
#include <sys/types.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "http.h"

static const char page[] =
	"<!doctype html><title>kqueue</title><p>Served by kqueue.\n";

/* The value of a header field, or "".  The request is NUL-terminated. */
static const char *field(const char *request, const char *name)
{
	const char *line = request;
	size_t len = strlen(name);

	while ((line = strstr(line, "\r\n")) != NULL) {
		line += 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " \t");
	}
	return "";
}

static void put_header(struct http *h, const char *status, off_t length)
{
	h->out_len = (size_t)snprintf(h->out, sizeof(h->out),
		"HTTP/1.1 %s\r\nContent-Length: %jd\r\n%s\r\n", status,
		(intmax_t)length, h->last ? "Connection: close\r\n" : "");
}

static void put_text(struct http *h, const char *status, const char *text)
{
	size_t len = strlen(text);

	put_header(h, status, (off_t)len);
	if (!h->head) {
		memcpy(h->out + h->out_len, text, len);
		h->out_len += len;
	}
}

/* A request whose end we can't tell, or won't read. */
static void refuse(struct http *h, const char *status)
{
	h->last = 1;
	h->in_len = 0;
	put_text(h, status, "Refused\n");
}

static void put_file(struct http *h, int root, const char *path)
{
	struct stat st;
	int fd = -1;

	if (!strstr(path, ".."))
		fd = openat(root, *path ? path : "index.html",
			    O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		put_header(h, "200 OK", st.st_size);
		if (!h->head && st.st_size > 0) {
			h->file = fd;
			h->body = st.st_size;
			return;
		}
	} else if (fd < 0 && *path == '\0') {
		put_text(h, "200 OK", page);
	} else {
		put_text(h, "404 Not Found", "Not found\n");
	}
	if (fd >= 0)
		close(fd);
}

/* A whole request, NUL-terminated. */
static void serve(struct http *h, int root, const char *request)
{
	char method[8], path[1024];
	int minor;

	if (sscanf(request, "%7s %1023s HTTP/1.%d\r", method, path,
		   &minor) != 3 ||
	    strtol(field(request, "Content-Length"), NULL, 10) != 0 ||
	    *field(request, "Transfer-Encoding")) {
		refuse(h, "400 Bad Request");
		return;
	}
	h->head = strcmp(method, "HEAD") == 0;
	if (!h->head && strcmp(method, "GET") != 0) {
		refuse(h, "501 Not Implemented");
		return;
	}
	h->last = minor == 0 ||
		  strncasecmp(field(request, "Connection"), "close", 5) == 0;
	path[strcspn(path, "?#")] = '\0';
	put_file(h, root, path + strspn(path, "/"));
}

int http_next(struct http *h, int root)
{
	char *end;
	size_t len;

	h->in[h->in_len] = '\0';
	end = strstr(h->in, "\r\n\r\n");
	if (!end) {
		if (h->in_len == sizeof(h->in) - 1)
			refuse(h, "431 Request Header Fields Too Large");
		return h->last;
	}
	end[2] = '\0';
	len = (size_t)(end + 4 - h->in);
	serve(h, root, h->in);
	if (h->in_len > 0) {
		h->in_len -= len;
		memmove(h->in, end + 4, h->in_len);
	}
	return 1;
}

/* Put the next part of the body behind what 'out' holds.  -1: it shrank. */
static int refill(struct http *h)
{
	size_t room = sizeof(h->out) - h->out_len;
	ssize_t n;

	if ((off_t)room > h->body)
		room = (size_t)h->body;
	n = read(h->file, h->out + h->out_len, room);
	if (n <= 0)
		return -1;
	h->out_len += (size_t)n;
	h->body -= n;
	if (h->body == 0) {
		close(h->file);
		h->file = -1;
	}
	return 0;
}

int http_write(struct http *h, int fd)
{
	ssize_t n;

	while (h->out_pos < h->out_len || h->body > 0) {
		if (h->body > 0 && h->out_len < sizeof(h->out) && refill(h) < 0)
			return -1;
		n = write(fd, h->out + h->out_pos, h->out_len - h->out_pos);
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		h->out_pos += (size_t)n;
		if (h->out_pos == h->out_len) {
			h->out_pos = 0;
			h->out_len = 0;
		}
	}
	return 1;
}

void http_end(struct http *h)
{
	if (h->file >= 0)
		close(h->file);
}
