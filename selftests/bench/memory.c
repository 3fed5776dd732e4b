// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel memory: bytes a registration, over all slab caches.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "bench.h"

#define REGISTERED	10000

/* Objects in use, counted with their caches' padding. */
static int64_t slab_bytes(void)
{
	FILE *slabinfo = fopen("/proc/slabinfo", "r");
	int64_t active, size, bytes = 0;
	char line[256];

	if (!slabinfo)
		err(1, "slabinfo");
	while (fgets(line, sizeof(line), slabinfo))
		if (sscanf(line, "%*s %" SCNd64 " %*d %" SCNd64, &active,
			   &size) == 2)
			bytes += active * size;
	fclose(slabinfo);
	return bytes;
}

static void memory_of(int kind)
{
	int64_t bytes[SIDES];
	struct objects o;
	char name[64];
	int side, q;

	objects_open(&o, kind, REGISTERED);
	for (side = 0; side < SIDES; side++) {
		q = queue_new(side);
		bytes[side] = slab_bytes();
		queue_add_all(side, q, o.rd, o.n, LEVEL);
		bytes[side] = slab_bytes() - bytes[side];
		close(q);
		usleep(200000);
	}
	objects_close(&o);
	snprintf(name, sizeof(name), "memory, bytes each: %s", kinds[kind]);
	result(name, REGISTERED, bytes, REGISTERED);
}

void bench_memory(void)
{
	memory_of(EVENTFD);
	memory_of(TCP);
}
