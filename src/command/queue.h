/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue: the items that children (workers.h) take, one after another, and in what order nsb tells
 * of them.
 *
 * At first it has each item once, in their order.  An item that failed for a reason that may pass is put behind
 * the others, once for each such reason.  Entries are numbered from 0, and an entry that was
 * taken or told stays where it is.
 *
 * Children take entries without nsb's help, so the queue is in memory that they share with it.  A
 * hostile process may have taken over a child: nsb goes by its own copy of what it has put there.
 */
#ifndef NSB_QUEUE_H
#define NSB_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "msg.h"

#define NO_ENTRY SIZE_MAX

/* Why an item that failed is done again. */
enum again {
	AGAIN_NOT,
	AGAIN_STARVED,		/* the child waited for a processor for much of the item's time */
	AGAIN_MEMORY,		/* memory was short: a child that may take more does it */
	AGAIN_REASONS,		/* an item is in the queue so often at most */
};

struct queue_entry {
	size_t item;
	enum again why;		/* AGAIN_NOT: it is the item's first entry */
};

struct queue;

/* A queue of the items 0 to count - 1, or NULL: no memory.  The caller calls queue_free(). */
struct queue *queue_make(size_t count);

void queue_free(struct queue *queue);

/*
 * In a child: the number of the next entry, whose reason is AGAIN_MEMORY if `large`, and another one
 * if not; it is put into *entry.  NO_ENTRY: there is none.
 */
size_t queue_take(struct queue *queue, bool large, struct queue_entry *entry) MUST_CHECK;

/* Whether queue_take() would find one. */
bool queue_has(const struct queue *queue, bool large);

/* In nsb: put an item behind the others.  False: it was there already for this reason. */
bool queue_add(struct queue *queue, size_t item, enum again why) MUST_CHECK;

/* In nsb: how many entries have been put there. */
size_t queue_size(const struct queue *queue);

/* In nsb: the entry with a number below queue_size(). */
struct queue_entry queue_at(const struct queue *queue, size_t number);

/* In nsb: whether no later entry has the same item. */
bool queue_is_last(const struct queue *queue, size_t number);

#endif
