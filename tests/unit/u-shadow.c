/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../../include/nsb/shadow.h"
#include "tap.h"

struct data {
	unsigned long owner;
	int count;
};

#define OBJECTS 64
#define ROUNDS 20000

SHADOW_POOL(pool, struct data, OBJECTS);
SHADOW_MALLOC(heap, struct data, 7);

static int objects[OBJECTS];
static bool is_mixed_up;

/* Each thread has its own keys, and all the same objects. */
static void *use(void *arg)
{
	const unsigned long key = (unsigned long)arg;
	struct shadow *const table = key % 2 == 0 ? &pool : &heap;

	for (int i = 0; i < ROUNDS; i++) {
		const void *object = &objects[i * 7 % 13];
		struct data *data = shadow_attach(table, object, key, key + 1);

		if (data == NULL || (data->owner != 0 && data->owner != key + 100))
			is_mixed_up = true;
		else
			data->owner = key + 100;
		if (i % 3 == 0 && !shadow_detach(table, object, key))
			is_mixed_up = true;
	}
	return NULL;
}

static bool count_one(const void *object, unsigned long key, unsigned long stamp, void *data, void *context)
{
	(void)object;
	(void)stamp;
	(void)data;
	++*(int *)context;
	return key != 3;
}

static int count(struct shadow *table)
{
	int n = 0;

	shadow_each(table, count_one, &n);
	return n;
}

static void test_one(struct shadow *table, const char *name)
{
	struct data *data = shadow_attach(table, &objects[0], 1, 5), *again, *other;

	ok(data != NULL && data->count == 0, "%s: new data is zero", name);
	data->count = 7;
	again = shadow_attach(table, &objects[0], 1, 5);
	other = shadow_attach(table, &objects[0], 3, 5);
	ok(again == data && again->count == 7, "%s: the same object and key have the same data", name);
	ok(other != NULL && other != data && other->count == 0, "%s: another key has its own", name);
	ok(shadow_get(table, &objects[1], 1, 5) == NULL, "%s: nothing for an object that has none", name);
	ok(count(table) == 2 && count(table) == 1, "%s: a visit removes what the visitor does not want", name);
	again = shadow_attach(table, &objects[0], 1, 6);
	ok(again != NULL && again->count == 0, "%s: with another stamp it is another object's", name);
	again->count = 3;
	ok(shadow_get(table, &objects[0], 1, 7) == NULL && count(table) == 0, "%s: a stale entry is dropped", name);
	ok(!shadow_detach(table, &objects[0], 1), "%s: what is not there is not detached", name);
}

int main(void)
{
	pthread_t threads[4];
	struct data *data;
	int n = 0;

	test_one(&pool, "pool");
	test_one(&heap, "heap");
	while (n < 2 * OBJECTS && (data = shadow_attach(&pool, &objects[n % OBJECTS], (unsigned long)(n / OBJECTS), 0)) != NULL)
		n++;
	ok(n == OBJECTS, "a pool has as many entries as it was made for");
	for (int i = 0; i < OBJECTS; i++)
		(void)shadow_detach(&pool, &objects[i], 0);
	for (unsigned long i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, use, (void *)(i + 10)) != 0)
			abort();
	for (int i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
	ok(!is_mixed_up, "four threads, 20000 rounds: nobody gets data of another one");
	return done();
}
