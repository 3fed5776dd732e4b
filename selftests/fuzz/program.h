/* SPDX-License-Identifier: GPL-2.0 */
/* The fuzzer's programs, as data. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdio.h>

#include "acts.h"
#include "../random.h"

#define MAX_STEPS	80

/* One act of one thread, or of the setup. */
struct step {
	int thread;
	int act;
	long arg[3];
	struct kevent_call call;	/* of ACT_KEVENT */
};

struct program {
	int n;
	struct step step[MAX_STEPS];
};

/* A new one. */
void program_generate(struct rng *rng, struct program *p);

/* One that is like p, with a part of other perhaps. */
void program_mutate(struct rng *rng, struct program *p,
		    const struct program *other);

void program_act(const struct step *s);

/* Write it as C, which is built like the fuzzer's own files. */
void program_print(FILE *f, const struct program *p);

#endif /* PROGRAM_H */
