/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shadow.h: data that a patch attaches to objects of the program, which has no room for it.
 *
 *	SHADOW_POOL(failures, struct failure, 1000);		at file scope: memory for 1000 of them
 *
 *	struct failure *f = shadow_attach(&failures, client, 0, client->serial);
 *
 * An entry is found by the address of its object and a key, any number; one table may have several entries for one
 * object.  The data is zero at first.  Every function takes the table's own lock.  With no more entries than the table
 * was made for each takes constant time.
 *
 * The trap: the program frees the object, and makes the next one at the same address, which finds the entry of the
 * one before.  A client that was locked out is let in, or the other way round.  There are two ways out of it:
 *
 * - The patch replaces each function that frees such objects by one that calls shadow_detach(), too.
 * - Where that cannot be: `stamp` is a number out of the object that is another one in the next object there, such as a
 *   serial number or the time of its creation.  An entry with another stamp is that of an object which is gone: it is
 *   not found, and its memory is used again.  Until then it takes room: a pool has to be large enough for all addresses
 *   that objects have had, or shadow_each() has to clear it now and then.
 *
 * Without either of them shadow data is wrong.  An object that is there already when the patch is applied has no entry;
 * shadow_attach() makes one when the object comes by.
 *
 * The pointer to the data is good for as long as the entry is: as for the object, somebody has to see to it that
 * nobody uses it any more when it goes.  In a signal handler, and in a child that a process of several threads has
 * forked, another thread may have the lock: use no table there.  Hooks (vzp.h) may, as no thread is in the
 * patch's code when they run.
 */
/*
 * What would be `__thread struct sums sums;`, and a patch cannot have, as threads that run have no room for it:
 *
 *	SHADOW_THREAD(sums, struct sums)	at file scope, behind stdlib.h and pthread.h
 *
 *	struct sums *mine = sums();		of this thread; NULL: there is no memory
 */
#ifndef NSB_SHADOW_H
#define NSB_SHADOW_H

#include <stdbool.h>
#include <stddef.h>

/* From here to the functions: how it is done. */
struct shadow_entry {
	struct shadow_entry *next;
	const void *object;
	unsigned long key, stamp;
	_Alignas(16) unsigned char data[];
};

struct shadow {
	int lock;
	size_t size, n_buckets;			/* size: of the data */
	struct shadow_entry **buckets;
	unsigned char *memory;			/* SHADOW_POOL: what no entry has had yet */
	size_t left;				/* so many entries of it */
	struct shadow_entry *unused;		/* entries that were detached */
	void *(*allocate)(size_t size);		/* SHADOW_MALLOC; else NULL */
	void (*release)(void *memory);
};

#define SHADOW__ENTRY_SIZE(size) (sizeof(struct shadow_entry) + (((size) + 15) & ~(size_t)15))

/*
 * SHADOW_POOL(name, type, count): a table with data of this type, for `count` entries at most.  Its memory is the
 * patch's own, so it can be used in hooks, and anywhere.
 */
#define SHADOW_POOL(name, type, count) \
	static _Alignas(16) unsigned char name##_shadow_memory[(count) * SHADOW__ENTRY_SIZE(sizeof(type))]; \
	static struct shadow_entry *name##_shadow_buckets[(count) + 1]; \
	static struct shadow name = { \
		.size = sizeof(type), .n_buckets = (count) + 1, .buckets = name##_shadow_buckets, \
		.memory = name##_shadow_memory, .left = (count), \
	}

/*
 * SHADOW_MALLOC(name, type, expected): the same with memory of malloc(3), which has to be declared (stdlib.h), for as
 * many entries as there is memory.  It was made for `expected` of them.
 */
#define SHADOW_MALLOC(name, type, expected) \
	static struct shadow_entry *name##_shadow_buckets[(expected) + 1]; \
	static struct shadow name = { \
		.size = sizeof(type), .n_buckets = (expected) + 1, .buckets = name##_shadow_buckets, \
		.allocate = malloc, .release = free, \
	}

/*
 * SHADOW_THREAD(name, type): name() is the thread's own data, zero at first.  A thread that ends gives its memory back by
 * the program's own free(3): when the patch has been taken out, nothing leads to its code, and threads that have such data end as
 * ever.  One of the process's 1024 keys stays in use (pthread_key_create(3)).  Not for signal handlers, as it may allocate,
 * nor for hooks.
 */
#define SHADOW_THREAD(name, type) \
	static unsigned name##_shadow_key;	/* the key, and one; 0: there is none yet */ \
	static __attribute__((unused)) type *name(void) \
	{ \
		unsigned key = __atomic_load_n(&name##_shadow_key, __ATOMIC_ACQUIRE); \
		pthread_key_t made; \
\
		if (key == 0) { \
			if (pthread_key_create(&made, free) != 0) \
				return NULL; \
			/* Another thread may have been quicker. */ \
			if (__atomic_compare_exchange_n(&name##_shadow_key, &key, (unsigned)made + 1, 0, __ATOMIC_ACQ_REL, \
							__ATOMIC_ACQUIRE)) \
				key = (unsigned)made + 1; \
			else \
				pthread_key_delete(made); \
		} \
		void *data = pthread_getspecific((pthread_key_t)(key - 1)); \
		if (data == NULL) { \
			data = calloc(1, sizeof(type)); \
			if (data != NULL && pthread_setspecific((pthread_key_t)(key - 1), data) != 0) { \
				free(data); \
				data = NULL; \
			} \
		} \
		return (type *)data; \
	}

#define SHADOW__UNUSED static __attribute__((unused))

SHADOW__UNUSED void shadow__lock(struct shadow *shadow)
{
	while (__atomic_exchange_n(&shadow->lock, 1, __ATOMIC_ACQUIRE) != 0)
		while (__atomic_load_n(&shadow->lock, __ATOMIC_RELAXED) != 0)
			__builtin_ia32_pause();
}

SHADOW__UNUSED void shadow__unlock(struct shadow *shadow)
{
	__atomic_store_n(&shadow->lock, 0, __ATOMIC_RELEASE);
}

/* Where the pointer to the entry is, or will be.  Addresses of objects are multiples of 16, mostly. */
SHADOW__UNUSED struct shadow_entry **shadow__find(struct shadow *shadow, const void *object, unsigned long key)
{
	unsigned long hash = ((unsigned long)object >> 4) * 2654435761ul + key * 40503ul;
	struct shadow_entry **at = &shadow->buckets[(hash ^ hash >> 15) % shadow->n_buckets];

	while (*at != NULL && ((*at)->object != object || (*at)->key != key))
		at = &(*at)->next;
	return at;
}

SHADOW__UNUSED void shadow__drop(struct shadow *shadow, struct shadow_entry **at)
{
	struct shadow_entry *entry = *at;

	*at = entry->next;
	if (shadow->release != NULL) {
		shadow->release(entry);
		return;
	}
	entry->next = shadow->unused;
	shadow->unused = entry;
}

SHADOW__UNUSED struct shadow_entry *shadow__make(struct shadow *shadow)
{
	struct shadow_entry *entry = shadow->unused;

	if (shadow->allocate != NULL)
		return (struct shadow_entry *)shadow->allocate(SHADOW__ENTRY_SIZE(shadow->size));
	if (entry != NULL) {
		shadow->unused = entry->next;
	} else if (shadow->left > 0) {
		entry = (struct shadow_entry *)(void *)shadow->memory;
		shadow->memory += SHADOW__ENTRY_SIZE(shadow->size);
		shadow->left--;
	}
	return entry;
}

/* The data of the entry for this object, key and stamp; NULL if there is none. */
SHADOW__UNUSED void *shadow_get(struct shadow *shadow, const void *object, unsigned long key, unsigned long stamp)
{
	void *data = NULL;

	shadow__lock(shadow);
	struct shadow_entry **at = shadow__find(shadow, object, key);
	if (*at != NULL && (*at)->stamp != stamp)
		shadow__drop(shadow, at);
	else if (*at != NULL)
		data = (*at)->data;
	shadow__unlock(shadow);
	return data;
}

/* The same; if there is none, a new one, with data of zeros.  NULL: there is no memory. */
SHADOW__UNUSED void *shadow_attach(struct shadow *shadow, const void *object, unsigned long key, unsigned long stamp)
{
	shadow__lock(shadow);
	struct shadow_entry **at = shadow__find(shadow, object, key), *entry = *at;
	if (entry == NULL) {
		entry = shadow__make(shadow);
		if (entry != NULL) {
			entry->object = object;
			entry->key = key;
			entry->stamp = ~stamp;
			entry->next = NULL;
			*at = entry;
		}
	}
	if (entry != NULL && entry->stamp != stamp) {
		entry->stamp = stamp;
		__builtin_memset(entry->data, 0, shadow->size);
	}
	shadow__unlock(shadow);
	return entry != NULL ? entry->data : NULL;
}

/* The object is being freed: remove its entry, if there is one, whatever its stamp. */
SHADOW__UNUSED bool shadow_detach(struct shadow *shadow, const void *object, unsigned long key)
{
	shadow__lock(shadow);
	struct shadow_entry **at = shadow__find(shadow, object, key);
	bool is_there = *at != NULL;
	if (is_there)
		shadow__drop(shadow, at);
	shadow__unlock(shadow);
	return is_there;
}

/*
 * Visit all entries, also those of objects that are gone.  One for which the visitor answers false is removed.  The
 * table is locked meanwhile, so the visitor uses no function of this file with it.
 */
SHADOW__UNUSED void shadow_each(struct shadow *shadow, bool (*visit)(const void *object, unsigned long key,
									 unsigned long stamp, void *data, void *context),
				void *context)
{
	shadow__lock(shadow);
	for (size_t i = 0; i < shadow->n_buckets; i++)
		for (struct shadow_entry **at = &shadow->buckets[i]; *at != NULL;) {
			struct shadow_entry *entry = *at;

			if (visit(entry->object, entry->key, entry->stamp, entry->data, context))
				at = &entry->next;
			else
				shadow__drop(shadow, at);
		}
	shadow__unlock(shadow);
}

#endif
