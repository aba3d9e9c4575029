/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rpmdb.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_MAX (64u << 20)	/* of one package: rpm allows 256 MB, and a kernel's has 2 */
#define DEPTH_MAX 20		/* of a tree */
#define PAGE_MAX 65536u

/* What is looked for, and where. */
struct rpmdb {
	int fd;
	uint32_t page_size, usable;	/* of SQLite's pages */
	uint64_t reads_left;	/* a damaged tree may lead in circles */
	const char *dir, *base;	/* of the path; dir has its slash */
	size_t dir_length;
	char *package;
	size_t size;
	bool found;
};

/* The bytes of one package; or a row of a table. */
struct blob {
	const uint8_t *bytes;
	size_t size;
};

static uint32_t big(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool get(struct rpmdb *rpmdb, uint64_t offset, void *buf, size_t size)
{
	if (rpmdb->reads_left == 0)
		return false;
	rpmdb->reads_left--;
	return pread(rpmdb->fd, buf, size, (off_t)offset) == (ssize_t)size;
}

/* ---- the header of a package ---- */

enum tag { TAG_NAME = 1000, TAG_VERSION = 1001, TAG_RELEASE = 1002, TAG_ARCH = 1022, TAG_DIRINDEXES = 1116, TAG_BASENAMES = 1117, TAG_DIRNAMES = 1118 };

/* The values of a tag, up to the end of all values; `count` says how many there are. */
static struct blob find_tag(const struct blob *header, enum tag tag, uint32_t *count)
{
	const uint32_t n_tags = big(header->bytes), values = 8 + 16 * n_tags;

	for (uint32_t i = 0; i < n_tags; i++) {
		const uint8_t *entry = header->bytes + 8 + 16 * i;
		const uint32_t offset = big(entry + 8);

		if (big(entry) != tag || offset >= header->size - values)
			continue;
		*count = big(entry + 12);
		return (struct blob){ header->bytes + values + offset, header->size - values - offset };
	}
	*count = 0;
	return (struct blob){ NULL, 0 };
}

/* Move on to the next of several strings; the last one is empty. */
static const char *next_string(struct blob *strings)
{
	const char *text = (const char *)strings->bytes;
	const uint8_t *end = strings->size > 0 ? memchr(text, '\0', strings->size) : NULL;

	if (end == NULL)
		return "";
	strings->size -= (size_t)(end + 1 - strings->bytes);
	strings->bytes = end + 1;
	return text;
}

static const char *text_of(const struct blob *header, enum tag tag)
{
	uint32_t count;
	struct blob value = find_tag(header, tag, &count);

	return next_string(&value);
}

/* Whether the package has the file.  Files have names without folders, and the numbers of their folders. */
static bool has_file(const struct rpmdb *rpmdb, const struct blob *header)
{
	uint32_t n_dirs, n_names, n_numbers, dir = 0;
	struct blob dirs = find_tag(header, TAG_DIRNAMES, &n_dirs), names = find_tag(header, TAG_BASENAMES, &n_names);
	const struct blob numbers = find_tag(header, TAG_DIRINDEXES, &n_numbers);

	for (; dir < n_dirs && dirs.size > 0; dir++) {
		const char *name = next_string(&dirs);

		if (strlen(name) == rpmdb->dir_length && memcmp(name, rpmdb->dir, rpmdb->dir_length) == 0)
			break;
	}
	for (uint32_t i = 0; dir < n_dirs && i < n_names && i < n_numbers && names.size > 0 && numbers.size / 4 > i; i++) {
		if (strcmp(next_string(&names), rpmdb->base) == 0 && big(numbers.bytes + 4 * (size_t)i) == dir)
			return true;
	}
	return false;
}

static void look_at_header(struct rpmdb *rpmdb, const struct blob *header)
{
	if (header->size < 8 || big(header->bytes) > (header->size - 8) / 16 || !has_file(rpmdb, header))
		return;
	rpmdb->found = true;
	(void)snprintf(rpmdb->package, rpmdb->size, "%s-%s-%s.%s", text_of(header, TAG_NAME), text_of(header, TAG_VERSION),
		       text_of(header, TAG_RELEASE), text_of(header, TAG_ARCH));
}

/* ---- SQLite: https://www.sqlite.org/fileformat2.html ---- */

/* A number of seven bits a byte, the highest first; the ninth byte has eight. */
static uint64_t take_number(struct blob *from)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 9 && from->size > 0; i++) {
		const uint8_t byte = *from->bytes++;

		from->size--;
		if (i == 8)
			return value << 8 | byte;
		value = value << 7 | (byte & 0x7f);
		if (!(byte & 0x80))
			break;
	}
	return value;
}

/* Take the next column of a row: `types` are the types of those that are left, `values` their values. */
static struct blob take_column(struct blob *types, struct blob *values)
{
	static const uint8_t sizes[12] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0 };
	const uint64_t type = take_number(types), size = type < 12 ? sizes[type] : (type - 12) / 2;
	struct blob column = { values->bytes, size < values->size ? (size_t)size : values->size };

	values->bytes += column.size;
	values->size -= column.size;
	return column;
}

static bool open_row(const struct blob *row, struct blob *types, struct blob *values)
{
	struct blob rest = *row;
	const uint64_t head = take_number(&rest);

	if (head > row->size || head < (uint64_t)(rest.bytes - row->bytes))
		return false;
	*types = (struct blob){ rest.bytes, (size_t)(row->bytes + head - rest.bytes) };
	*values = (struct blob){ row->bytes + head, row->size - (size_t)head };
	return true;
}

static bool is_text(const struct blob *column, const char *text)
{
	return column->size == strlen(text) && memcmp(column->bytes, text, column->size) == 0;
}

/* A row of the table of tables: type, name, table, page, SQL.  The page of rpm's table goes to *ctx. */
static void look_at_table(struct rpmdb *rpmdb, const struct blob *row, uint32_t *root)
{
	struct blob types, values, type, name, page;

	(void)rpmdb;
	if (!open_row(row, &types, &values))
		return;
	type = take_column(&types, &values);
	name = take_column(&types, &values);
	(void)take_column(&types, &values);
	page = take_column(&types, &values);
	if (!is_text(&type, "table") || !is_text(&name, "Packages"))
		return;
	*root = 0;
	for (size_t i = 0; i < page.size; i++)
		*root = *root << 8 | page.bytes[i];
}

/* A row of it: the number of the package, which is not there, and its header. */
static void look_at_package(struct rpmdb *rpmdb, const struct blob *row, uint32_t *root)
{
	struct blob types, values, header;

	(void)root;
	if (!open_row(row, &types, &values))
		return;
	(void)take_column(&types, &values);
	header = take_column(&types, &values);
	look_at_header(rpmdb, &header);
}

typedef void look_at_row(struct rpmdb *rpmdb, const struct blob *row, uint32_t *root);

/* Put a row together that begins in a cell of a page, and goes on in other pages. */
static void take_row(struct rpmdb *rpmdb, struct blob cell, look_at_row *look, uint32_t *root)
{
	const uint64_t size = take_number(&cell), most = rpmdb->usable - 35;
	const uint64_t least = (uint64_t)(rpmdb->usable - 12) * 32 / 255 - 23;
	const uint64_t fits = least + (size - least) % (rpmdb->usable - 4);
	uint64_t here = size <= most ? size : fits <= most ? fits : least, at = here;
	struct blob row = { NULL, (size_t)size };
	uint8_t *bytes, next[4];

	(void)take_number(&cell);
	if (size > HEADER_MAX || here + (here < size ? 4 : 0) > cell.size)
		return;
	bytes = malloc((size_t)size + 1);
	if (bytes == NULL)
		return;
	memcpy(bytes, cell.bytes, (size_t)here);
	memcpy(next, cell.bytes + (here < size ? here : 0), here < size ? 4 : 0);
	while (at < size) {
		const uint64_t page = (uint64_t)(big(next) - 1) * rpmdb->page_size, left = size - at;
		const size_t part = left < rpmdb->usable - 4 ? (size_t)left : rpmdb->usable - 4;

		if (!get(rpmdb, page, next, 4) || !get(rpmdb, page + 4, bytes + at, part))
			break;
		at += part;
	}
	row.bytes = bytes;
	if (at == size)
		look(rpmdb, &row, root);
	free(bytes);
}

/* Look at all rows of the tree that begins with this page. */
static void walk(struct rpmdb *rpmdb, uint32_t number, unsigned depth, look_at_row *look, uint32_t *root)
{
	uint8_t *page = malloc(rpmdb->page_size);
	const uint8_t *head = page + (number == 1 ? 100 : 0);

	if (page != NULL && number > 0 && depth < DEPTH_MAX && get(rpmdb, (uint64_t)(number - 1) * rpmdb->page_size, page, rpmdb->page_size) &&
	    (head[0] == 5 || head[0] == 13)) {
		const bool is_leaf = head[0] == 13;
		const uint32_t n_cells = (uint32_t)head[3] << 8 | head[4];
		const uint8_t *cells = head + (is_leaf ? 8 : 12);

		for (uint32_t i = 0; i < n_cells && !rpmdb->found && cells + 2 * i + 2 <= page + rpmdb->usable; i++) {
			const uint32_t at = (uint32_t)cells[2 * i] << 8 | cells[2 * i + 1];

			if (at + 4 > rpmdb->usable)
				continue;
			if (is_leaf)
				take_row(rpmdb, (struct blob){ page + at, rpmdb->usable - at }, look, root);
			else
				walk(rpmdb, big(page + at), depth + 1, look, root);
		}
		if (!is_leaf && !rpmdb->found)
			walk(rpmdb, big(head + 8), depth + 1, look, root);
	}
	free(page);
}

static void search_sqlite(struct rpmdb *rpmdb, const uint8_t *begin)
{
	uint32_t root = 0;

	rpmdb->page_size = (uint32_t)begin[16] << 8 | begin[17];
	rpmdb->page_size = rpmdb->page_size == 1 ? PAGE_MAX : rpmdb->page_size;
	rpmdb->usable = rpmdb->page_size - begin[20];
	if (rpmdb->page_size < 512 || rpmdb->usable < 480)
		return;
	walk(rpmdb, 1, 0, look_at_table, &root);
	walk(rpmdb, root, 0, look_at_package, &root);
}

/* ---- all of it ---- */

bool rpmdb_search(const char *path, char *package, size_t size)
{
	static const char *const databases[] = { "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite" };
	const char *slash = strrchr(path, '/');
	struct rpmdb rpmdb = { .dir = path, .package = package, .size = size };
	uint8_t begin[100];
	struct stat st;

	if (slash == NULL)
		return false;
	rpmdb.base = slash + 1;
	rpmdb.dir_length = (size_t)(slash + 1 - path);
	for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]) && !rpmdb.found; i++) {
		rpmdb.fd = open(databases[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (rpmdb.fd == -1)
			continue;
		if (fstat(rpmdb.fd, &st) == 0) {
			/* Each page is read once, and has 512 bytes at least; one of a row that goes on there is read in two parts. */
			rpmdb.reads_left = (uint64_t)st.st_size / 256 + 8;
			if (get(&rpmdb, 0, begin, sizeof(begin)) && memcmp(begin, "SQLite format 3", 16) == 0)
				search_sqlite(&rpmdb, begin);
		}
		(void)close(rpmdb.fd);
	}
	return rpmdb.found;
}
