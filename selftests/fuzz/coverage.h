/* SPDX-License-Identifier: GPL-2.0 */
/* Where the module's code has been, if the kernel has KCOV. */
#ifndef COVERAGE_H
#define COVERAGE_H

#include <stdbool.h>

/* False: it has not.  Every thread that is traced needs a number of its own. */
bool coverage_begin(int threads);

/* From here on what the calling thread does is thread i's. */
void coverage_trace(int i);

/* How many places were reached since the last time that never were before. */
int coverage_new(void);

/* How many there have been. */
int coverage_all(void);

#endif /* COVERAGE_H */
