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
 * - The patch replaces each function that frees such objects by one that calls shadow_detach(), too.  Or, if the function is
 *   not to be copied, or is a library's: VZP_ON_FREE(function, argument), below.
 * - Where that cannot be: `stamp` is a number out of the object that is another one in the next object there, such as a
 *   serial number or the time of its creation.  An entry with another stamp is that of an object which is gone: it is
 *   not found, and its memory is used again.  Until then it takes room: a pool has to be large enough for all addresses
 *   that objects have had, or shadow_each() has to clear it now and then.
 *
 * Without any of them shadow data is wrong.  An object that is there already when the patch is applied has no entry;
 * shadow_attach() makes one when the object comes by.
 *
 * The pointer to the data is good for as long as the entry is: as for the object, somebody has to see to it that
 * nobody uses it any more when it goes.  In a signal handler, whose own thread may have the lock, use no table.  In a child
 * that a process of several threads has forked, a lock that another thread had is taken over.  Hooks (vzp.h) may, as no thread is in the
 * patch's code when they run.
 *
 * A lock is the process's number, so each use of a table makes the system call getpid: a program whose filter kills it for that
 * (seccomp(2)) cannot have shadow data.
 */
/*
 * VZP_ON_FREE(client_free, client): at file scope.  When the target's function client_free is called, all that the patch
 * has attached to the object of its parameter `client` goes first: in all tables, under all keys.  The function itself stays as
 * it is.  So each call of it has to be one with an object that is gone then; of a function that only drops a reference
 * that is not so.
 *
 *	VZP_ON_FREE(free, 1)		a function without debug info: the number of the argument, from 1
 *
 * One of a library counts when the target itself calls it, not when libraries do.  nsb-gen refuses functions of which
 * there are inlined copies, or which it cannot enter without a change: nsb-gen(1).  Not in auto mode.
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

#include <nsb/vzp.h>

/* From here to the functions: how it is done. */
struct shadow_entry {
	struct shadow_entry *next;
	const void *object;
	unsigned long key, stamp;
	_Alignas(16) unsigned char data[];
};

struct shadow {
	int lock;				/* the process whose thread has it; 0: free */
	size_t size, n_buckets;			/* size: of the data */
	struct shadow_entry **buckets;
	unsigned char *memory;			/* SHADOW_POOL: what no entry has had yet */
	size_t left;				/* so many entries of it */
	struct shadow_entry *unused;		/* entries that were detached, and not released */
	void *(*allocate)(size_t size);		/* SHADOW_MALLOC; else NULL */
	void (*release)(void *memory);
};

/* Pointers to all tables of the patch are in one section, for VZP_ON_FREE. */
#define SHADOW__LISTED __attribute__((used, section("shadow_tables")))
#define SHADOW__TABLE(name) \
	static struct shadow name; \
	static struct shadow *const name##_shadow_listed SHADOW__LISTED = &name; \
	static struct shadow name =

#define SHADOW__ENTRY_SIZE(size) (sizeof(struct shadow_entry) + (((size) + 15) & ~(size_t)15))

/*
 * SHADOW_POOL(name, type, count): a table with data of this type, for `count` entries at most.  Its memory is the
 * patch's own, so it can be used in hooks, and anywhere.
 */
#define SHADOW_POOL(name, type, count) \
	static _Alignas(16) unsigned char name##_shadow_memory[(count) * SHADOW__ENTRY_SIZE(sizeof(type))]; \
	static struct shadow_entry *name##_shadow_buckets[(count) + 1]; \
	SHADOW__TABLE(name) { \
		.size = sizeof(type), .n_buckets = (count) + 1, .buckets = name##_shadow_buckets, \
		.memory = name##_shadow_memory, .left = (count), \
	}

/*
 * SHADOW_MALLOC(name, type, expected): the same with memory of malloc(3), which has to be declared (stdlib.h), for as
 * many entries as there is memory.  It was made for `expected` of them.
 */
#define SHADOW_MALLOC(name, type, expected) \
	static struct shadow_entry *name##_shadow_buckets[(expected) + 1]; \
	SHADOW__TABLE(name) { \
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
/* What VZP_ON_FREE needs, too: it changes general registers alone, which its entry brings back. */
#define SHADOW__PLAIN static inline __attribute__((always_inline, VZP__GENERAL_ONLY unused))

SHADOW__PLAIN int shadow__process(void)
{
	int id;

#ifdef __LP64__
	__asm__ volatile("syscall" : "=a"(id) : "0"(39L) : "rcx", "r11", "memory");
#else
	__asm__ volatile("int $0x80" : "=a"(id) : "0"(20) : "memory");
#endif
	return id;
}

/*
 * A lock of another process is that of a thread which there is only where this one was forked from.  Each step below
 * leaves a table in order, so it can be taken over.
 */
SHADOW__PLAIN void shadow__lock(struct shadow *shadow)
{
	int own = shadow__process(), holder = 0;

	while (!__atomic_compare_exchange_n(&shadow->lock, &holder, own, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		if (holder == own)
			holder = 0;
		__builtin_ia32_pause();
	}
}

SHADOW__PLAIN void shadow__unlock(struct shadow *shadow)
{
	__atomic_store_n(&shadow->lock, 0, __ATOMIC_RELEASE);
}

/* Where entries of this object are, whatever their keys.  Addresses of objects are multiples of 16, mostly. */
SHADOW__PLAIN struct shadow_entry **shadow__bucket(struct shadow *shadow, const void *object)
{
	unsigned long hash = ((unsigned long)object >> 4) * 2654435761ul;

	return &shadow->buckets[(hash ^ hash >> 15) % shadow->n_buckets];
}

SHADOW__PLAIN struct shadow_entry *shadow__unlink(struct shadow_entry **at)
{
	struct shadow_entry *entry = *at;

	__atomic_store_n(at, entry->next, __ATOMIC_RELEASE);
	return entry;
}

/* Where the pointer to the entry is, or will be. */
SHADOW__UNUSED struct shadow_entry **shadow__find(struct shadow *shadow, const void *object, unsigned long key)
{
	struct shadow_entry **at = shadow__bucket(shadow, object);

	while (*at != NULL && ((*at)->object != object || (*at)->key != key))
		at = &(*at)->next;
	return at;
}

/* Take an entry out of the table.  What was allocated is put before *gone, and released when the table is not locked. */
SHADOW__UNUSED void shadow__drop(struct shadow *shadow, struct shadow_entry **at, struct shadow_entry **gone)
{
	struct shadow_entry *entry = shadow__unlink(at), **list = shadow->release != NULL ? gone : &shadow->unused;

	entry->next = *list;
	*list = entry;
}

/* Functions of the program may free such entries as they free objects, and come to VZP_ON_FREE: so nothing is locked then. */
SHADOW__UNUSED void shadow__unlock_and_release(struct shadow *shadow, struct shadow_entry *gone)
{
	shadow__unlock(shadow);
	while (gone != NULL) {
		struct shadow_entry *next = gone->next;

		shadow->release(gone);
		gone = next;
	}
}

/* An entry out of the table's own memory; NULL if it has none left. */
SHADOW__UNUSED struct shadow_entry *shadow__make(struct shadow *shadow)
{
	struct shadow_entry *entry = shadow->unused;

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
	struct shadow_entry *gone = NULL;
	void *data = NULL;

	shadow__lock(shadow);
	struct shadow_entry **at = shadow__find(shadow, object, key);
	if (*at != NULL && (*at)->stamp != stamp)
		shadow__drop(shadow, at, &gone);
	else if (*at != NULL)
		data = (*at)->data;
	shadow__unlock_and_release(shadow, gone);
	return data;
}

/* The same; if there is none, a new one, with data of zeros.  NULL: there is no memory. */
SHADOW__UNUSED void *shadow_attach(struct shadow *shadow, const void *object, unsigned long key, unsigned long stamp)
{
	struct shadow_entry *made = NULL;

	shadow__lock(shadow);
	struct shadow_entry **at = shadow__find(shadow, object, key), *entry;
	if (*at == NULL)
		made = shadow__make(shadow);
	if (*at == NULL && made == NULL && shadow->allocate != NULL) {
		shadow__unlock(shadow);
		made = (struct shadow_entry *)shadow->allocate(SHADOW__ENTRY_SIZE(shadow->size));
		shadow__lock(shadow);
		at = shadow__find(shadow, object, key);
	}
	entry = *at;
	if (entry == NULL && made != NULL) {
		entry = made;
		made = NULL;
		entry->object = object;
		entry->key = key;
		entry->stamp = ~stamp;
		entry->next = NULL;
		__atomic_store_n(at, entry, __ATOMIC_RELEASE);
	}
	if (entry != NULL && entry->stamp != stamp) {
		entry->stamp = stamp;
		__builtin_memset(entry->data, 0, shadow->size);
	}
	if (made != NULL)
		made->next = NULL;
	shadow__unlock_and_release(shadow, made);
	return entry != NULL ? entry->data : NULL;
}

/* The object is being freed: remove its entry, if there is one, whatever its stamp. */
SHADOW__UNUSED bool shadow_detach(struct shadow *shadow, const void *object, unsigned long key)
{
	struct shadow_entry *gone = NULL;

	shadow__lock(shadow);
	struct shadow_entry **at = shadow__find(shadow, object, key);
	bool is_there = *at != NULL;
	if (is_there)
		shadow__drop(shadow, at, &gone);
	shadow__unlock_and_release(shadow, gone);
	return is_there;
}

/*
 * Visit all entries, also those of objects that are gone.  One for which the visitor answers false is removed.  The
 * table is locked meanwhile, so the visitor uses no function of this file with it, nor one of VZP_ON_FREE.
 */
SHADOW__UNUSED void shadow_each(struct shadow *shadow, bool (*visit)(const void *object, unsigned long key,
									 unsigned long stamp, void *data, void *context),
				void *context)
{
	struct shadow_entry *gone = NULL;

	shadow__lock(shadow);
	for (size_t i = 0; i < shadow->n_buckets; i++)
		for (struct shadow_entry **at = &shadow->buckets[i]; *at != NULL;) {
			struct shadow_entry *entry = *at;

			if (visit(entry->object, entry->key, entry->stamp, entry->data, context))
				at = &entry->next;
			else
				shadow__drop(shadow, at, &gone);
		}
	shadow__unlock_and_release(shadow, gone);
}

/*
 * VZP_ON_FREE.  The jump at the start of the target's function leads to the entry below.  That calls a function which
 * brings back all registers, does what the jump has covered, and goes on behind it in the target's function.  nsb-gen
 * writes into the room what was covered, and into the first of the two words which word from the stack pointer on is the object.
 */
extern struct shadow *const __start_shadow_tables[], *const __stop_shadow_tables[];

/*
 * Remove all entries of an object.  Nobody else attaches anything to it now, so if none of its bucket is there, there is
 * nothing to do.  Nothing is released, as release() may change any register: a later entry gets the memory.
 */
SHADOW__PLAIN void shadow__forget(struct shadow *shadow, const void *object)
{
	struct shadow_entry **at = shadow__bucket(shadow, object);

	if (object == NULL || __atomic_load_n(at, __ATOMIC_ACQUIRE) == NULL)
		return;
	shadow__lock(shadow);
	while (*at != NULL) {
		if ((*at)->object != object) {
			at = &(*at)->next;
			continue;
		}
		struct shadow_entry *entry = shadow__unlink(at);
		entry->next = shadow->unused;
		shadow->unused = entry;
	}
	shadow__unlock(shadow);
}

SHADOW__PLAIN void shadow__forget_all(const void *object)
{
	for (struct shadow *const *table = __start_shadow_tables; table < __stop_shadow_tables; table++)
		if (*table != NULL)
			shadow__forget(*table, object);
}

#ifdef __LP64__
#define SHADOW__CALL(f) \
	"\tendbr64\n" \
	"\tpushq %r9\n\t.cfi_adjust_cfa_offset 8\n\tpushq %r8\n\t.cfi_adjust_cfa_offset 8\n" \
	"\tpushq %rcx\n\t.cfi_adjust_cfa_offset 8\n\tpushq %rdx\n\t.cfi_adjust_cfa_offset 8\n" \
	"\tpushq %rsi\n\t.cfi_adjust_cfa_offset 8\n\tpushq %rdi\n\t.cfi_adjust_cfa_offset 8\n" \
	"\tmovq %rsp, %rdi\n\tcall " f "\n" \
	"\tpopq %rdi\n\t.cfi_adjust_cfa_offset -8\n\tleaq 40(%rsp), %rsp\n\t.cfi_adjust_cfa_offset -40\n"
#else
#define SHADOW__CALL(f) \
	"\tendbr32\n" \
	"\tpushl %ecx\n\t.cfi_adjust_cfa_offset 4\n\tpushl %edx\n\t.cfi_adjust_cfa_offset 4\n" \
	"\tpushl %eax\n\t.cfi_adjust_cfa_offset 4\n\tpushl %esp\n\t.cfi_adjust_cfa_offset 4\n" \
	"\tcall " f "\n\tleal 16(%esp), %esp\n\t.cfi_adjust_cfa_offset -16\n"
#endif

#define VZP_ON_FREE(function, argument) SHADOW__ON_FREE(__COUNTER__, function, argument)
#define SHADOW__ON_FREE(id, function, argument) SHADOW__ON_FREE_(id, function, argument)
#define SHADOW__ON_FREE_(id, function, argument) \
	VZP__RECORD(__COUNTER__, "X", #function, #argument, "vzp.freed." #function "." #id) \
	static struct shadow *const shadow__nobody_##id SHADOW__LISTED = NULL; \
	extern const unsigned vzp__freed_words_##id[2] __asm__("vzp.freed.words." #function "." #id) \
		__attribute__((visibility("hidden"))); \
	static VZP_KEEPS_REGISTERS __attribute__((used)) void vzp__freed_##id(const void *const *words) \
	{ \
		shadow__forget_all(words[vzp__freed_words_##id[0]]); \
	} \
	__asm__(".pushsection .text\n" \
		"\t.p2align 4\n" \
		"\t.type vzp.freed." #function "." #id ", @function\n" \
		"vzp.freed." #function "." #id ":\n" \
		"\t.cfi_startproc\n" \
		SHADOW__CALL("vzp__freed_" #id) \
		"771:\n\t.rept 192\n\t.cfi_escape 0\n\t.endr\n" \
		"\t.cfi_escape 0x2e, 0\n"	/* the linker would cut off zeros at the end */ \
		"\t.fill 96, 1, 0xcc\n" \
		"\t.cfi_endproc\n" \
		"\t.size vzp.freed." #function "." #id ", . - vzp.freed." #function "." #id "\n" \
		"\t.p2align 2\n" \
		"\t.type vzp.freed.words." #function "." #id ", @object\n" \
		"vzp.freed.words." #function "." #id ":\n" \
		"\t.long 0, 771b - vzp.freed." #function "." #id "\n" \
		"\t.size vzp.freed.words." #function "." #id ", 8\n" \
		".popsection\n");

#endif
