/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "queue.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

struct shared_entries {
	_Atomic size_t size;
	_Atomic size_t next[2];		/* where queue_take() goes on, for small items and for large ones */
	struct queue_entry entries[];
};

struct queue {
	struct shared_entries *shared;
	size_t shared_size;
	struct queue_entry *entries;	/* nsb's own copy */
	size_t *last;			/* the number of the last entry of each item */
	size_t count, size;
};

static bool is_large(const struct queue_entry *entry)
{
	return entry->why == AGAIN_MEMORY;
}

struct queue *queue_make(size_t count)
{
	size_t most = count * AGAIN_REASONS;
	struct queue *queue = calloc(1, sizeof(*queue));

	if (queue == NULL)
		return NULL;
	queue->shared_size = sizeof(*queue->shared) + most * sizeof(queue->entries[0]);
	queue->shared = mmap(NULL, queue->shared_size, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	queue->entries = calloc(most + 1, sizeof(queue->entries[0]));
	queue->last = calloc(count + 1, sizeof(queue->last[0]));
	if (queue->shared == MAP_FAILED)
		queue->shared = NULL;
	if (queue->shared == NULL || queue->entries == NULL || queue->last == NULL) {
		queue_free(queue);
		return NULL;
	}
	queue->count = queue->size = count;
	for (size_t i = 0; i < count; i++) {
		queue->entries[i].item = queue->shared->entries[i].item = i;
		queue->last[i] = i;
	}
	/* None of the first entries is large. */
	atomic_store(&queue->shared->next[true], count);
	atomic_store(&queue->shared->size, count);
	return queue;
}

void queue_free(struct queue *queue)
{
	if (queue == NULL)
		return;
	if (queue->shared != NULL)
		(void)munmap(queue->shared, queue->shared_size);
	free(queue->entries);
	free(queue->last);
	free(queue);
}

size_t queue_take(struct queue *queue, bool large, struct queue_entry *entry)
{
	struct shared_entries *shared = queue->shared;
	size_t number = atomic_load(&shared->next[large]);

	while (number < atomic_load(&shared->size)) {
		/* If another child was faster, this sets `number` to where that one left it. */
		if (!atomic_compare_exchange_weak(&shared->next[large], &number, number + 1))
			continue;
		*entry = shared->entries[number];
		if (is_large(entry) == large)
			return number;
		number++;
	}
	return NO_ENTRY;
}

bool queue_has(const struct queue *queue, bool large)
{
	for (size_t i = atomic_load(&queue->shared->next[large]); i < queue->size; i++) {
		if (is_large(&queue->entries[i]) == large)
			return true;
	}
	return false;
}

bool queue_add(struct queue *queue, size_t item, enum again why)
{
	struct queue_entry entry = { .item = item, .why = why };

	/* Each reason puts an item there later than the one before it. */
	if (queue->entries[queue->last[item]].why >= why)
		return false;
	queue->last[item] = queue->size;
	queue->entries[queue->size] = queue->shared->entries[queue->size] = entry;
	atomic_store(&queue->shared->size, ++queue->size);
	return true;
}

size_t queue_size(const struct queue *queue)
{
	return queue->size;
}

struct queue_entry queue_at(const struct queue *queue, size_t number)
{
	return queue->entries[number];
}

bool queue_is_last(const struct queue *queue, size_t number)
{
	return queue->last[queue->entries[number].item] == number;
}
