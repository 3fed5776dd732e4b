// SPDX-License-Identifier: GPL-2.0
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/random.h>

#include "table.h"

/**
 * table_init - set a table up
 * @table: the table
 *
 * A bucket for each 64 KB of memory: 8 bytes, 1/8192 of it, at most 2 MB.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int table_init(struct table *table)
{
	unsigned long buckets = totalram_pages() >> (16 - PAGE_SHIFT);
	unsigned int i;

	buckets = roundup_pow_of_two(clamp(buckets, 1024UL, 1UL << 18));
	table->heads = kvcalloc(buckets, sizeof(*table->heads), GFP_KERNEL);
	if (!table->heads)
		return -ENOMEM;
	table->mask = buckets - 1;
	get_random_bytes(&table->key, sizeof(table->key));
	table->factor = get_random_u64() | 1;
	for (i = 0; i < TABLE_LOCKS; i++)
		raw_spin_lock_init(&table->locks[i]);
	return 0;
}

/**
 * table_destroy - what table_init() set up, empty by now
 * @table: the table
 *
 * Context: process, may sleep.
 */
void table_destroy(struct table *table)
{
	kvfree(table->heads);
}
