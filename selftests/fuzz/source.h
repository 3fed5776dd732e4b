/* SPDX-License-Identifier: GPL-2.0 */
/* A program as C. */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdio.h>

#include "call.h"

/*
 * Write a program that makes the calls and stops at the first that does not do
 * what expected says.
 */
void source_print(FILE *f, const struct call *calls,
		  const struct result *expected, int n);

/* One result, for people. */
void source_result(FILE *f, const struct call *c, const struct result *r);

#endif /* SOURCE_H */
