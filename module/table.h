/* SPDX-License-Identifier: GPL-2.0 */
/* Hash tables that are walked where nothing may sleep. */
#ifndef _KQUEUE_TABLE_H
#define _KQUEUE_TABLE_H

#include <linux/rculist.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>

#define TABLE_LOCKS	256

/**
 * struct table - a hash table of intrusive nodes
 * @heads: I: the buckets; each is written under its lock, walked under RCU
 * @mask: I: their number less one, a power of two less one
 * @key: I: drawn at random, so that nobody can aim at a bucket
 * @factor: I: odd, drawn at random, for the same
 * @locks: raw, the innermost there are; one for each so many buckets
 *
 * Sized once, from memory, so that it never moves under a walk.
 */
struct table {
	struct hlist_head	*heads;
	unsigned int		mask;
	siphash_key_t		key;
	u64			factor;
	raw_spinlock_t		locks[TABLE_LOCKS];
};

int table_init(struct table *table);
void table_destroy(struct table *table);

static inline struct hlist_head *table_bucket(struct table *table, u64 a, u64 b)
{
	return &table->heads[siphash_2u64(a, b, &table->key) & table->mask];
}

/*
 * For keys that are addresses, which nobody chooses or sees: products with a
 * number that is drawn are enough there, and a tenth of the price.  Two, as one
 * may put addresses that lie side by side into few buckets.
 */
static inline struct hlist_head *table_bucket_at(struct table *table,
						 const void *address)
{
	u64 product = (unsigned long)address * table->factor;

	product = (product ^ product >> 32) * table->factor;
	return &table->heads[product >> 32 & table->mask];
}

/* The same for two. */
static inline struct hlist_head *table_bucket_at2(struct table *table,
						  const void *a, const void *b)
{
	return table_bucket_at(table, (const void *)((unsigned long)a +
						     rol64((unsigned long)b, 17)));
}

static inline raw_spinlock_t *table_lock(struct table *table,
					 const struct hlist_head *bucket)
{
	return &table->locks[(bucket - table->heads) % TABLE_LOCKS];
}

#endif /* _KQUEUE_TABLE_H */
