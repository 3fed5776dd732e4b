/* SPDX-License-Identifier: GPL-2.0 */
/* Random programs. */
#ifndef GENERATE_H
#define GENERATE_H

#include "call.h"
#include "../random.h"

/* Returns the number of calls, at most MAX_CALLS. */
int generate(struct rng *rng, struct call *calls);

#endif /* GENERATE_H */
