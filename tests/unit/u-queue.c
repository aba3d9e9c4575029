/* SPDX-License-Identifier: GPL-2.0-or-later */
/* queue: each entry is taken once, in order, and what is put there once more is last. */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue.h"
#include "tap.h"

#define MANY 400000
#define CHILDREN 4

static bool takes(struct queue *queue, bool large, size_t number, size_t item, enum again why)
{
	struct queue_entry entry = { .item = NO_ENTRY };

	return queue_has(queue, large) && queue_take(queue, large, &entry) == number && entry.item == item &&
	       entry.why == why;
}

static bool is_empty(struct queue *queue, bool large)
{
	struct queue_entry entry;

	return !queue_has(queue, large) && queue_take(queue, large, &entry) == NO_ENTRY;
}

static void check_order(void)
{
	struct queue *queue = queue_make(3);

	if (queue == NULL)
		exit(1);
	ok(queue_size(queue) == 3 && is_empty(queue, true), "each item is there once, none is large");
	ok(takes(queue, false, 0, 0, AGAIN_NOT) && takes(queue, false, 1, 1, AGAIN_NOT), "they are taken in their order");
	ok(queue_add(queue, 1, AGAIN_MEMORY) && queue_add(queue, 0, AGAIN_STARVED) && queue_size(queue) == 5,
	   "two are put there once more");
	ok(!queue_add(queue, 0, AGAIN_STARVED) && !queue_add(queue, 1, AGAIN_MEMORY) && queue_size(queue) == 5,
	   "not twice for one reason");
	ok(!queue_add(queue, 1, AGAIN_STARVED), "nor for a reason that comes before the last one");
	ok(takes(queue, false, 2, 2, AGAIN_NOT) && takes(queue, false, 4, 0, AGAIN_STARVED) && is_empty(queue, false),
	   "what is not large is taken behind the others, and the large one is passed by");
	ok(takes(queue, true, 3, 1, AGAIN_MEMORY) && is_empty(queue, true), "the large one is taken by who wants large ones");
	ok(queue_add(queue, 0, AGAIN_MEMORY) && takes(queue, true, 5, 0, AGAIN_MEMORY) && is_empty(queue, false),
	   "an item has a further reason, even when all was taken before");
	ok(!queue_is_last(queue, 0) && !queue_is_last(queue, 1) && queue_is_last(queue, 2) && queue_is_last(queue, 3) &&
	   !queue_is_last(queue, 4) && queue_is_last(queue, 5), "each item has one last entry");
	queue_free(queue);
}

static void check_children(void)
{
	struct queue *queue = queue_make(MANY);
	/* The last one counts the children that have begun: none takes anything before all can. */
	atomic_int *taken = mmap(NULL, (MANY + 1) * sizeof(*taken), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct queue_entry entry;
	size_t wrong = 0;

	if (queue == NULL || taken == MAP_FAILED)
		exit(1);
	for (int i = 0; i < CHILDREN; i++) {
		if (fork() != 0)
			continue;
		atomic_fetch_add(&taken[MANY], 1);
		while (atomic_load(&taken[MANY]) < CHILDREN)
			(void)sched_yield();
		while (queue_take(queue, false, &entry) != NO_ENTRY)
			atomic_fetch_add(&taken[entry.item], 1);
		_exit(0);
	}
	while (wait(NULL) != -1)
		;
	for (size_t i = 0; i < MANY; i++)
		wrong += atomic_load(&taken[i]) != 1;
	ok(wrong == 0, "%d children take %d entries, each once", CHILDREN, MANY);
	queue_free(queue);
}

int main(void)
{
	check_order();
	check_children();
	return done();
}
