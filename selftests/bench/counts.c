// SPDX-License-Identifier: GPL-2.0
/*
 * counts - a QEMU plugin: how often each instruction of the guest runs between
 * two marks
 *
 * A mark is an instruction that does nothing (see mark.h) and says the number of
 * the operation, and whether it begins or ends.  Of all the times that an
 * operation runs the one of fewest instructions is kept: no interrupt is in it.
 * When the guest ends a line is written for each instruction that ran then: the
 * operation, the address, how often.
 *
 *	-plugin counts.so,out=FILE
 *
 * For one processor.
 */
#include <search.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "plugin.h"

#define OPERATIONS	64

int qemu_plugin_version = 1;

/* An instruction, by where it is; translated again, it goes on counting. */
struct place {
	struct place *next;
	uint64_t address;
	uint64_t count;
	uint64_t kept[OPERATIONS];
};

static struct place *places;
static void *by_address;
static uint64_t least[OPERATIONS];
static const char *out;

static int compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static struct place *place_of(uint64_t address)
{
	struct place key = { .address = address }, *place, **found;

	found = tsearch(&key, &by_address, compare);
	if (*found != &key)
		return *found;
	place = calloc(1, sizeof(*place));
	place->address = address;
	place->next = places;
	places = place;
	*found = place;
	return place;
}

static void at_mark(unsigned int cpu, void *data)
{
	unsigned int op = (uintptr_t)data >> 1;
	bool end = (uintptr_t)data & 1;
	struct place *p;
	uint64_t sum = 0;

	(void)cpu;
	for (p = places; p; p = p->next) {
		sum += p->count;
		if (!end)
			p->count = 0;
	}
	if (!end || sum >= least[op])
		return;
	least[op] = sum;
	for (p = places; p; p = p->next)
		p->kept[op] = p->count;
}

static bool is_mark(struct qemu_plugin_insn *insn, uint32_t *what)
{
	const uint8_t *code = qemu_plugin_insn_data(insn);

	if (qemu_plugin_insn_size(insn) != 7 || memcmp(code, "\x0f\x1f\x80", 3))
		return false;
	memcpy(what, code + 3, sizeof(*what));
	if ((*what & 0xffff0000) != MARK_MAGIC)
		return false;
	*what &= 0xffff;
	return *what < 2 * OPERATIONS;
}

static void count(struct qemu_plugin_insn *insn)
{
	struct place *place = place_of(qemu_plugin_insn_vaddr(insn));

	qemu_plugin_register_vcpu_insn_exec_inline(insn,
						   QEMU_PLUGIN_INLINE_ADD_U64,
						   &place->count, 1);
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	struct qemu_plugin_insn *insn;
	uint32_t what;
	size_t i;

	(void)id;
	for (i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		if (is_mark(insn, &what))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark,
							       QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)what);
		else
			count(insn);
	}
}

static void report(uint64_t id, void *data)
{
	FILE *f = fopen(out, "w");
	struct place *p;
	int op;

	(void)id;
	(void)data;
	if (!f) {
		perror(out);
		return;
	}
	for (p = places; p; p = p->next)
		for (op = 0; op < OPERATIONS; op++)
			if (p->kept[op])
				fprintf(f, "%d %016lx %lu\n", op, p->address,
					p->kept[op]);
	fclose(f);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	out = strdup(argv[0] + 4);
	memset(least, 0xff, sizeof(least));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, report, NULL);
	return 0;
}
