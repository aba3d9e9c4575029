/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server: something of each kind that a patch replaces or refers to.  Its
 * other half is server2.c.
 */
#include "server.h"

#include <string.h>

int visits;				/* a global */
static int factor = 2;			/* a static */
static int same = 1;			/* server2.c has another one of this name */
static const char *const words[] = { "zero", "one", "two", "three" };

KEEP const char *greet(void)
{
	return visits < 0 ? "good night" : "hello";
}

KEEP int visit(int by)
{
	visits += by;
	return visits;
}

static KEEP int scale(int n)
{
	return n * factor;
}

KEEP int count(void)
{
	static int calls = 10;

	calls++;
	return calls;
}

static KEEP int twin(void)
{
	return same;
}

KEEP const char *word(int n)
{
	return n >= 0 && n < 4 ? words[n] : "many";
}

KEEP double mean(double a, double b)
{
	return (a + b) / 2;
}

/* What is static changes, or the compiler would take it for a constant. */
KEEP void set(int n)
{
	factor = n;
	same = n + 10;
	other_set(n);
}

KEEP int all_limited(int n)
{
	return hidden_function(n) + protected_function(n) + internal_function(n);
}

KEEP int length(const char *text)
{
	return (int)strlen(text);
}

KEEP int climb(int n)
{
	return n <= 0 ? 0 : 1 + climb(n - 1);
}

typedef int handler_t(int n);

static KEEP int handle_small(int n)
{
	return n + 1;
}

static KEEP int handle_big(int n)
{
	return n - 1;
}

static handler_t *const handlers[] = { handle_small, handle_big };

KEEP int by_table(int n)
{
	return handlers[n >= 100](n);
}

void reply(const char *question, char *answer, size_t size)
{
	char what[32] = "";
	int n = 0;

	sscanf(question, "%31s %d", what, &n);
	if (strcmp(what, "greet") == 0)
		snprintf(answer, size, "%s", greet());
	else if (strcmp(what, "visit") == 0)
		snprintf(answer, size, "visit %d", visit(n));
	else if (strcmp(what, "scale") == 0)
		snprintf(answer, size, "scale %d", scale(n));
	else if (strcmp(what, "count") == 0)
		snprintf(answer, size, "count %d", count());
	else if (strcmp(what, "twins") == 0)
		snprintf(answer, size, "twins %d %d", twin(), other_twin());
	else if (strcmp(what, "set") == 0)
		set(n);
	else if (strcmp(what, "word") == 0)
		snprintf(answer, size, "word %s", word(n));
	else if (strcmp(what, "mean") == 0)
		snprintf(answer, size, "mean %.2f", mean(n, 1));
	else if (strcmp(what, "limited") == 0)
		snprintf(answer, size, "limited %d", all_limited(n));
	else if (strcmp(what, "length") == 0)
		snprintf(answer, size, "length %d", length(question));
	else if (strcmp(what, "climb") == 0)
		snprintf(answer, size, "climb %d", climb(n));
	else if (strcmp(what, "table") == 0)
		snprintf(answer, size, "table %d %d", by_table(n), by_table(n + 100));
}
