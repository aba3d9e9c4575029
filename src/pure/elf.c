/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "elf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "array.h"
#include "budget.h"

#define MAX_PHDRS 512
#define MAX_DYNAMIC 4096	/* entries of PT_DYNAMIC */
#define MAX_NOTES (64u << 10)	/* bytes of one PT_NOTE */
/* Real files have less than these; together they bound the time that one lookup can take. */
#define MAX_NAME 4096		/* bytes of a symbol's or version's name that is compared */
#define VERSYM_HIDDEN 0x8000	/* LSB 5.0, "Symbol Versioning" */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are copied as they are");

/* ---- raw bytes ---- */

static int bad(const struct elf *elf, const char *why)
{
	return fail(ENOEXEC, "ELF image at 0x%" PRIx64 ": %s", elf->lo, why);
}

static int read_bytes(const struct elf *elf, uint64_t addr, void *buf, size_t size)
{
	int ret = elf->bytes.read(&elf->bytes, addr, buf, size);

	if (ret < 0)
		return fail(-ret, "ELF image at 0x%" PRIx64 ": cannot read %zu bytes at 0x%" PRIx64
			    ": %s", elf->lo, size, addr, strerror(-ret));
	return 0;
}

bool elf_is_64(const struct elf *elf)
{
	return arch_class_word(elf->elf_class) == 8;
}

/* Sums of addresses wrap at 2^32 in a 32-bit image. */
static uint64_t wrap(const struct elf *elf, uint64_t addr)
{
	return elf_is_64(elf) ? addr : addr & UINT32_MAX;
}

/* Whether [addr, addr + size) lies inside the image. */
static bool inside(const struct elf *elf, uint64_t addr, uint64_t size)
{
	return addr >= elf->lo && addr <= elf->hi && size <= elf->hi - addr;
}

/*
 * The records of the two classes have the same fields, in other widths and another order.
 * READ_RECORD reads a record into `raw32` or `raw64`, whichever is of the image's class; then
 * one list of fields fills the struct that both share.
 */
#define READ_RECORD(elf, addr, raw32, raw64) \
	(elf_is_64(elf) ? read_bytes(elf, addr, &(raw64), sizeof(raw64)) \
		    : read_bytes(elf, addr, &(raw32), sizeof(raw32)))

static size_t record_size(const struct elf *elf, size_t size32, size_t size64)
{
	return elf_is_64(elf) ? size64 : size32;
}

/* ---- headers ---- */

#define PHDR(raw) { .type = (raw).p_type, .flags = (raw).p_flags, .offset = (raw).p_offset, \
		    .vaddr = (raw).p_vaddr, .filesz = (raw).p_filesz, .memsz = (raw).p_memsz, \
		    .align = (raw).p_align }

static int read_phdrs(struct elf *elf, uint64_t addr, size_t count)
{
	const size_t step = record_size(elf, sizeof(Elf32_Phdr), sizeof(Elf64_Phdr));
	uint8_t *raw;
	int ret;

	if (count == 0 || count > MAX_PHDRS)
		return fail(ENOEXEC, "ELF image with %zu program headers, not 1 to %d", count,
			    MAX_PHDRS);
	elf->phdrs = calloc(count, sizeof(*elf->phdrs));
	if (elf->phdrs == NULL)
		return fail(ENOMEM, "out of memory for %zu program headers", count);
	elf->n_phdrs = count;
	/* All by one read: each is a system call. */
	raw = malloc(count * step);
	if (raw == NULL)
		return fail(ENOMEM, "out of memory for %zu program headers", count);
	ret = read_bytes(elf, addr, raw, count * step);
	for (size_t i = 0; i < count && ret == 0; i++) {
		Elf32_Phdr raw32 = { 0 };
		Elf64_Phdr raw64 = { 0 };

		memcpy(elf_is_64(elf) ? (void *)&raw64 : (void *)&raw32, raw + i * step, step);
		elf->phdrs[i] = elf_is_64(elf) ? (struct elf_phdr)PHDR(raw64) :
					     (struct elf_phdr)PHDR(raw32);
	}
	free(raw);
	return ret;
}

/* The PT_LOAD that begins with the ELF header, or NULL. */
static const struct elf_phdr *first_load(const struct elf *elf)
{
	for (size_t i = 0; i < elf->n_phdrs; i++) {
		if (elf->phdrs[i].type == PT_LOAD && elf->phdrs[i].offset == 0 &&
		    elf->phdrs[i].memsz != 0)
			return &elf->phdrs[i];
	}
	return NULL;
}

static int find_extent(struct elf *elf)
{
	uint64_t last = elf_is_64(elf) ? UINT64_MAX : UINT32_MAX, lo = UINT64_MAX, hi = 0;

	for (size_t i = 0; i < elf->n_phdrs; i++) {
		const struct elf_phdr *phdr = &elf->phdrs[i];

		if (phdr->type != PT_LOAD || phdr->memsz == 0)
			continue;
		if (phdr->filesz > phdr->memsz || phdr->vaddr > last ||
		    phdr->memsz > last - phdr->vaddr)
			return bad(elf, "a PT_LOAD has an impossible size");
		lo = phdr->vaddr < lo ? phdr->vaddr : lo;
		hi = phdr->vaddr + phdr->memsz > hi ? phdr->vaddr + phdr->memsz : hi;
	}
	if (lo >= hi)
		return bad(elf, "it has no PT_LOAD");
	elf->lo = wrap(elf, lo + elf->bias);
	if (hi - lo > last - elf->lo)
		return bad(elf, "it would wrap around the end of the address space");
	elf->hi = elf->lo + (hi - lo);
	return 0;
}

/* ---- PT_DYNAMIC ---- */

enum value_kind { VALUE, ADDRESS };

static const struct {
	int64_t tag;
	enum value_kind kind;
	size_t offset;		/* of a uint64_t in struct elf_dynamic */
} dynamic_fields[] = {
	{ DT_SYMTAB, ADDRESS, offsetof(struct elf_dynamic, symtab) },
	{ DT_STRTAB, ADDRESS, offsetof(struct elf_dynamic, strtab) },
	{ DT_STRSZ, VALUE, offsetof(struct elf_dynamic, strsz) },
	{ DT_GNU_HASH, ADDRESS, offsetof(struct elf_dynamic, gnu_hash) },
	{ DT_HASH, ADDRESS, offsetof(struct elf_dynamic, hash) },
	{ DT_VERSYM, ADDRESS, offsetof(struct elf_dynamic, versym) },
	{ DT_VERDEF, ADDRESS, offsetof(struct elf_dynamic, verdef) },
	{ DT_VERDEFNUM, VALUE, offsetof(struct elf_dynamic, n_verdef) },
	{ DT_VERNEED, ADDRESS, offsetof(struct elf_dynamic, verneed) },
	{ DT_VERNEEDNUM, VALUE, offsetof(struct elf_dynamic, n_verneed) },
	{ DT_REL, ADDRESS, offsetof(struct elf_dynamic, rel) },
	{ DT_RELSZ, VALUE, offsetof(struct elf_dynamic, relsz) },
	{ DT_RELA, ADDRESS, offsetof(struct elf_dynamic, rel) },
	{ DT_RELASZ, VALUE, offsetof(struct elf_dynamic, relsz) },
	{ DT_JMPREL, ADDRESS, offsetof(struct elf_dynamic, jmprel) },
	{ DT_PLTRELSZ, VALUE, offsetof(struct elf_dynamic, jmprelsz) },
	{ 36 /* DT_RELR */, ADDRESS, offsetof(struct elf_dynamic, relr) },
	{ 35 /* DT_RELRSZ */, VALUE, offsetof(struct elf_dynamic, relrsz) },
	{ DT_PLTGOT, ADDRESS, offsetof(struct elf_dynamic, pltgot) },
	{ DT_INIT, ADDRESS, offsetof(struct elf_dynamic, init) },
	{ DT_FINI, ADDRESS, offsetof(struct elf_dynamic, fini) },
	{ DT_INIT_ARRAY, ADDRESS, offsetof(struct elf_dynamic, init_array) },
	{ DT_INIT_ARRAYSZ, VALUE, offsetof(struct elf_dynamic, init_arraysz) },
	{ DT_FINI_ARRAY, ADDRESS, offsetof(struct elf_dynamic, fini_array) },
	{ DT_FINI_ARRAYSZ, VALUE, offsetof(struct elf_dynamic, fini_arraysz) },
	{ DT_PREINIT_ARRAYSZ, VALUE, offsetof(struct elf_dynamic, preinit_arraysz) },
	{ DT_DEBUG, VALUE, offsetof(struct elf_dynamic, debug) },
	{ DT_SONAME, VALUE, offsetof(struct elf_dynamic, soname) },
	{ DT_FLAGS, VALUE, offsetof(struct elf_dynamic, flags) },
	{ DT_FLAGS_1, VALUE, offsetof(struct elf_dynamic, flags_1) },
};

/*
 * Turn the value of a tag into a run-time address.  glibc replaces some of these values by
 * run-time addresses (symtab, strtab, hashes, versym, relocations), if it may write to the
 * table, and leaves others; musl, static-PIE programs and the vDSO leave them all.  So each
 * value is judged by itself: if it lies inside the image, it is a run-time address already.
 */
static int resolve_address(const struct elf *elf, int64_t tag, uint64_t value, uint64_t *out)
{
	uint64_t biased = wrap(elf, value + elf->bias);

	if (value == 0)
		*out = 0;
	else if (inside(elf, value, 0))
		*out = value;
	else if (inside(elf, biased, 0))
		*out = biased;
	else
		return fail(ENOEXEC, "ELF image at 0x%" PRIx64 ": dynamic tag 0x%" PRIx64
			    " points outside the image, to 0x%" PRIx64, elf->lo, (uint64_t)tag,
			    value);
	return 0;
}

static int add_needed(struct elf_dynamic *dyn, uint64_t value)
{
	int err = ARRAY_GROW(&dyn->needed, dyn->n_needed, 1);

	if (err == 0)
		dyn->needed[dyn->n_needed++] = value;
	return err;
}

/* Store a tag that is not simply a uint64_t of struct elf_dynamic. */
static int store_special(struct elf *elf, int64_t tag, uint64_t value)
{
	struct elf_dynamic *dyn = &elf->dyn;
	size_t rel = record_size(elf, sizeof(Elf32_Rel), sizeof(Elf64_Rel));
	size_t rela = record_size(elf, sizeof(Elf32_Rela), sizeof(Elf64_Rela));

	switch (tag) {
	case DT_NEEDED:
		return dyn->n_needed == BUDGET_NEEDED_OF_ONE ? 0 : add_needed(dyn, value);
	case DT_RELA:
		dyn->rela = true;
		break;
	case DT_PLTREL:
		if (value != DT_REL && value != DT_RELA)
			return bad(elf, "DT_PLTREL is neither DT_REL nor DT_RELA");
		dyn->jmprel_rela = value == DT_RELA;
		break;
	case DT_TEXTREL:
		dyn->textrel = true;
		break;
	case DT_SYMBOLIC:
		dyn->symbolic = true;
		break;
	case DT_SYMENT:
		if (value != record_size(elf, sizeof(Elf32_Sym), sizeof(Elf64_Sym)))
			return bad(elf, "DT_SYMENT is not the size of a symbol");
		break;
	case DT_RELENT:
	case DT_RELAENT:
		if (value != (tag == DT_RELENT ? rel : rela))
			return bad(elf, "DT_RELENT or DT_RELAENT is not the size of a relocation");
		break;
	}
	return 0;
}

/*
 * Whether a tag that is not in dynamic_fields changes nothing of how an image is relocated.  The
 * tags from DT_VALRNGLO to DT_VALRNGHI, and to DT_ADDRRNGHI, are Sun's and GNU's, all
 * of them known (gABI; glibc's elf.h); those of a processor are x86's DT_X86_64_PLT and
 * DT_X86_64_PLTSZ, and DT_X86_64_PLTENT (psABI).
 */
static bool is_harmless(int64_t tag)
{
	static const int64_t known[] = {
		DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_RELA, DT_PLTREL, DT_TEXTREL, DT_SYMBOLIC, DT_SYMENT,
		DT_RELENT, DT_RELAENT, DT_BIND_NOW, DT_PREINIT_ARRAY, 34 /* DT_SYMTAB_SHNDX */,
		37 /* DT_RELRENT */, DT_RELACOUNT, DT_RELCOUNT, DT_VERNEED, DT_AUXILIARY, DT_FILTER,
		0x70000000, 0x70000001, 0x70000003,
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i] == tag)
			return true;
	}
	return tag >= DT_VALRNGLO && tag <= DT_ADDRRNGHI;
}

static int store_dynamic(struct elf *elf, int64_t tag, uint64_t value)
{
	bool is_known = is_harmless(tag);

	for (size_t i = 0; i < sizeof(dynamic_fields) / sizeof(dynamic_fields[0]); i++) {
		if (dynamic_fields[i].tag != tag)
			continue;
		is_known = true;
		if (dynamic_fields[i].kind == ADDRESS) {
			int ret = resolve_address(elf, tag, value, &value);

			if (ret < 0)
				return ret;
		}
		memcpy((char *)&elf->dyn + dynamic_fields[i].offset, &value, sizeof(value));
		break;
	}
	if (!is_known && !elf->dyn.has_unknown) {
		elf->dyn.has_unknown = true;
		elf->dyn.unknown = elf_is_64(elf) ? (uint64_t)tag : (uint32_t)tag;
	}
	return store_special(elf, tag, value);
}

static int check_dynamic(struct elf *elf)
{
	struct elf_dynamic *dyn = &elf->dyn;
	const struct { uint64_t addr, size; const char *name; } tables[] = {
		{ dyn->strtab, dyn->strsz, "the string table" },
		{ dyn->rel, dyn->relsz, "DT_REL or DT_RELA" },
		{ dyn->jmprel, dyn->jmprelsz, "DT_JMPREL" },
		{ dyn->relr, dyn->relrsz, "DT_RELR" },
		{ dyn->init_array, dyn->init_arraysz, "DT_INIT_ARRAY" },
		{ dyn->fini_array, dyn->fini_arraysz, "DT_FINI_ARRAY" },
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (tables[i].size != 0 && !inside(elf, tables[i].addr, tables[i].size))
			return fail(ENOEXEC, "ELF image at 0x%" PRIx64 ": %s leads outside the image",
				    elf->lo, tables[i].name);
	}
	dyn->textrel |= (dyn->flags & DF_TEXTREL) != 0;
	dyn->symbolic |= (dyn->flags & DF_SYMBOLIC) != 0;
	return 0;
}

static int store_entries(struct elf *elf, const uint8_t *entries, uint64_t count)
{
	size_t step = record_size(elf, sizeof(Elf32_Dyn), sizeof(Elf64_Dyn));

	for (uint64_t i = 0; i < count; i++) {
		Elf32_Dyn raw32 = { 0 };
		Elf64_Dyn raw64 = { 0 };
		int64_t tag;
		int ret;

		if (elf_is_64(elf))
			memcpy(&raw64, entries + i * step, sizeof(raw64));
		else
			memcpy(&raw32, entries + i * step, sizeof(raw32));
		tag = elf_is_64(elf) ? raw64.d_tag : raw32.d_tag;
		if (tag == DT_NULL)
			break;
		ret = store_dynamic(elf, tag, elf_is_64(elf) ? raw64.d_un.d_val : raw32.d_un.d_val);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int read_dynamic(struct elf *elf, const struct elf_phdr *phdr)
{
	size_t step = record_size(elf, sizeof(Elf32_Dyn), sizeof(Elf64_Dyn));
	uint64_t addr = wrap(elf, phdr->vaddr + elf->bias), count = phdr->memsz / step;
	uint8_t *entries;
	int ret;

	if (!inside(elf, addr, phdr->memsz))
		return bad(elf, "PT_DYNAMIC leads outside the image");
	if (count > MAX_DYNAMIC)
		return bad(elf, "PT_DYNAMIC is too long");
	elf->has_dynamic = true;
	entries = malloc((size_t)count * step + 1);
	if (entries == NULL)
		return fail(ENOMEM, "out of memory for %" PRIu64 " dynamic entries", count);
	ret = read_bytes(elf, addr, entries, (size_t)count * step);
	if (ret == 0)
		ret = store_entries(elf, entries, count);
	free(entries);
	return ret < 0 ? ret : check_dynamic(elf);
}

/* ---- how many dynamic symbols ---- */

/* The head of DT_GNU_HASH, and the addresses of its parts. */
struct gnu_table {
	uint32_t n_buckets, first_symbol, bloom_words, bloom_shift;
	uint64_t bloom, buckets, chains;
};

static size_t symbol_size(const struct elf *elf)
{
	return record_size(elf, sizeof(Elf32_Sym), sizeof(Elf64_Sym));
}

/* How many symbols fit between DT_SYMTAB and the end of the image. */
static uint64_t symbol_limit(const struct elf *elf)
{
	uint64_t limit = (elf->hi - elf->dyn.symtab) / symbol_size(elf);

	return limit > UINT32_MAX ? UINT32_MAX : limit;
}

static int open_gnu_table(const struct elf *elf, struct gnu_table *table)
{
	size_t word = elf_is_64(elf) ? 8 : 4;
	uint32_t head[4];
	uint64_t room;
	int ret = read_bytes(elf, elf->dyn.gnu_hash, head, sizeof(head));

	if (ret < 0)
		return ret;
	*table = (struct gnu_table){ head[0], head[1], head[2], head[3], 0, 0, 0 };
	table->bloom = elf->dyn.gnu_hash + sizeof(head);
	if (table->bloom < elf->dyn.gnu_hash || table->bloom > elf->hi)
		return bad(elf, "DT_GNU_HASH leads outside the image");
	room = elf->hi - table->bloom;
	if (table->n_buckets == 0 || table->n_buckets > BUDGET_BUCKETS || table->bloom_words == 0 || table->bloom_words > room / word ||
	    table->n_buckets > (room - table->bloom_words * word) / 4 || table->bloom_shift > 31)
		return bad(elf, "DT_GNU_HASH has impossible sizes");
	table->buckets = table->bloom + table->bloom_words * word;
	table->chains = table->buckets + UINT64_C(4) * table->n_buckets;
	return 0;
}

static int read_chain(const struct elf *elf, const struct gnu_table *table, uint64_t symbol,
		      uint32_t *hash)
{
	if (symbol < table->first_symbol || symbol >= symbol_limit(elf))
		return bad(elf, "a chain of DT_GNU_HASH leads outside the symbol table");
	return read_bytes(elf, table->chains + 4 * (symbol - table->first_symbol), hash, 4);
}

static int count_by_gnu_hash(const struct elf *elf, uint64_t *count)
{
	struct gnu_table table;
	uint32_t buckets[256], highest = 0, hash = 0;
	int ret = open_gnu_table(elf, &table);

	for (uint32_t at = 0; ret == 0 && at < table.n_buckets;) {
		uint32_t part = table.n_buckets - at < 256 ? table.n_buckets - at : 256;

		ret = read_bytes(elf, table.buckets + UINT64_C(4) * at, buckets, 4 * part);
		for (uint32_t i = 0; ret == 0 && i < part; i++)
			highest = buckets[i] > highest ? buckets[i] : highest;
		at += part;
	}
	*count = 0;
	if (ret < 0 || highest == 0)
		return ret;
	for (*count = highest; ret == 0 && (hash & 1) == 0; (*count)++) {
		if (*count - highest > BUDGET_CHAIN)
			return bad(elf, "a chain of DT_GNU_HASH does not end");
		ret = read_chain(elf, &table, *count, &hash);
	}
	return ret;
}

/*
 * If a DT_GNU_HASH has no defined symbol, it does not tell how many undefined symbols there
 * are.  Linkers put another table directly behind DT_SYMTAB, so the next table's address tells.
 */
static uint64_t count_by_extent(const struct elf *elf)
{
	const struct elf_dynamic *dyn = &elf->dyn;
	const uint64_t starts[] = { dyn->strtab, dyn->gnu_hash, dyn->hash, dyn->versym, dyn->verdef,
				    dyn->verneed, dyn->rel, dyn->jmprel, dyn->relr, dyn->init };
	uint64_t end = 0;

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		if (starts[i] > dyn->symtab && (end == 0 || starts[i] < end))
			end = starts[i];
	}
	return end == 0 ? 0 : (end - dyn->symtab) / symbol_size(elf);
}

static int count_symbols(struct elf *elf)
{
	uint64_t count = 0;
	uint32_t head[2];
	int ret = 0;

	if (elf->dyn.symtab == 0)
		return 0;
	if (elf->dyn.hash != 0) {
		ret = read_bytes(elf, elf->dyn.hash, head, sizeof(head));
		count = ret < 0 ? 0 : head[1];
	} else if (elf->dyn.gnu_hash != 0) {
		ret = count_by_gnu_hash(elf, &count);
	}
	if (ret < 0)
		return ret;
	if (count == 0)
		count = count_by_extent(elf);
	if (count > symbol_limit(elf))
		return bad(elf, "the hash table counts more symbols than there is room for");
	elf->n_dynsyms = (uint32_t)count;
	return 0;
}

/* ---- the build-id ---- */

static uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) / align * align;
}

/* Look for the build-id in notes that lie at `addr`.  A build-id that is too long counts as none. */
static int read_notes_at(struct elf *elf, uint64_t addr, uint64_t size, uint64_t align)
{
	uint64_t at = 0;

	if (size > MAX_NOTES)
		return 0;
	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr head;	/* the same in both classes */
		uint64_t desc, next;
		char name[4];
		int ret = read_bytes(elf, addr + at, &head, sizeof(head));

		if (ret < 0)
			return ret;
		desc = align_up(at + sizeof(head) + head.n_namesz, align);
		next = align_up(desc + head.n_descsz, align);
		if (desc > size || head.n_descsz > size - desc)
			return 0;
		if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == sizeof(name) &&
		    head.n_descsz >= 1 && head.n_descsz <= BUILD_ID_MAX) {
			ret = read_bytes(elf, addr + at + sizeof(head), name, sizeof(name));
			if (ret == 0 && memcmp(name, ELF_NOTE_GNU, sizeof(name)) == 0) {
				ret = read_bytes(elf, addr + desc, elf->build_id, head.n_descsz);
				elf->build_id_size = head.n_descsz;
				return ret;
			}
			if (ret < 0)
				return ret;
		}
		if (next >= size)
			break;
		at = next;
	}
	return 0;
}

static uint64_t note_align(const struct elf_phdr *phdr)
{
	return phdr->align == 8 ? 8 : 4;
}

/* Notes of one PT_NOTE of a loaded image. */
static int read_notes(struct elf *elf, const struct elf_phdr *phdr)
{
	uint64_t addr = wrap(elf, phdr->vaddr + elf->bias);

	return inside(elf, addr, phdr->memsz) ? read_notes_at(elf, addr, phdr->memsz, note_align(phdr)) : 0;
}

/* ---- opening ---- */

/* Read all that needs the program headers and the bias. */
static int read_tables(struct elf *elf)
{
	int ret = find_extent(elf);

	for (size_t i = 0; i < elf->n_phdrs && ret == 0; i++) {
		if (elf->phdrs[i].type == PT_NOTE && elf->build_id_size == 0)
			ret = read_notes(elf, &elf->phdrs[i]);
		else if (elf->phdrs[i].type == PT_DYNAMIC && !elf->has_dynamic)
			ret = read_dynamic(elf, &elf->phdrs[i]);
	}
	if (ret == 0)
		ret = count_symbols(elf);
	return ret;
}

static int check_ident(const struct elf *elf, const uint8_t *ident)
{
	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		return bad(elf, "there is no ELF header");
	if (arch_class_word(ident[EI_CLASS]) == 0)
		return bad(elf, "its class is neither 32 nor 64 bits");
	if (ident[EI_DATA] != ELFDATA2LSB)
		return bad(elf, "it is not little-endian");
	if (ident[EI_VERSION] != EV_CURRENT)
		return bad(elf, "its version of ELF is unknown");
	return 0;
}

struct header {
	uint64_t entry, phoff;
	uint16_t machine, type, phentsize, phnum;
};

#define HEADER(raw) { .entry = (raw).e_entry, .phoff = (raw).e_phoff, .machine = (raw).e_machine, \
		      .type = (raw).e_type, .phentsize = (raw).e_phentsize, .phnum = (raw).e_phnum }

static int read_header(struct elf *elf, uint64_t addr, struct header *header)
{
	uint8_t ident[EI_NIDENT];
	Elf32_Ehdr raw32 = { 0 };
	Elf64_Ehdr raw64 = { 0 };
	int ret;

	elf->lo = addr;		/* for messages, as long as the real one is not known */
	ret = read_bytes(elf, addr, ident, sizeof(ident));
	if (ret == 0)
		ret = check_ident(elf, ident);
	if (ret < 0)
		return ret;
	elf->elf_class = ident[EI_CLASS];
	ret = READ_RECORD(elf, addr, raw32, raw64);
	*header = elf_is_64(elf) ? (struct header)HEADER(raw64) : (struct header)HEADER(raw32);
	return ret;
}

int elf_open_headers(struct elf *elf, struct bytes bytes, uint64_t address)
{
	struct header header;
	int ret;

	memset(elf, 0, sizeof(*elf));
	elf->bytes = bytes;
	ret = read_header(elf, address, &header);
	if (ret < 0)
		return ret;
	elf->machine = header.machine;
	elf->type = header.type;
	elf->entry = header.entry;
	elf->phoff = header.phoff;
	if (header.phnum == 0)
		return bad(elf, "it has no program headers (an object file that is not linked?)");
	if (header.phentsize != record_size(elf, sizeof(Elf32_Phdr), sizeof(Elf64_Phdr)))
		return bad(elf, "its program headers have an unknown size");
	ret = read_phdrs(elf, wrap(elf, address + header.phoff), header.phnum);
	if (ret < 0)
		elf_deinit(elf);
	return ret;
}

int elf_open_file_headers(struct elf *elf, struct bytes bytes)
{
	int ret = elf_open_headers(elf, bytes, 0);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < elf->n_phdrs && ret == 0 && elf->build_id_size == 0; i++) {
		const struct elf_phdr *phdr = &elf->phdrs[i];

		if (phdr->type == PT_NOTE)
			ret = read_notes_at(elf, phdr->offset, phdr->filesz, note_align(phdr));
	}
	if (ret < 0)
		elf_deinit(elf);
	return ret;
}

/* Where in the file an address of it is; UINT64_MAX: nowhere. */
static uint64_t file_offset(const struct elf *elf, uint64_t address)
{
	for (size_t i = 0; i < elf->n_phdrs; i++) {
		const struct elf_phdr *phdr = &elf->phdrs[i];

		if (phdr->type == PT_LOAD && address - phdr->vaddr < phdr->filesz)
			return phdr->offset + (address - phdr->vaddr);
	}
	return UINT64_MAX;
}

void elf_file_soname(const struct elf *elf, char *name, size_t size)
{
	const size_t word = elf_is_64(elf) ? 8 : 4;
	const struct elf_phdr *phdr = NULL;
	uint64_t strings = UINT64_MAX, soname = UINT64_MAX, tag = 0, value = 0;

	memset(name, 0, size);
	for (size_t i = 0; i < elf->n_phdrs; i++) {
		if (elf->phdrs[i].type == PT_DYNAMIC)
			phdr = &elf->phdrs[i];
	}
	for (uint64_t at = 0; phdr != NULL && at + 2 * word <= phdr->filesz && at < MAX_DYNAMIC * 2 * word; at += 2 * word) {
		if (elf->bytes.read(&elf->bytes, phdr->offset + at, &tag, word) != 0 ||
		    elf->bytes.read(&elf->bytes, phdr->offset + at + word, &value, word) != 0 || tag == DT_NULL)
			break;
		if (tag == DT_STRTAB)
			strings = file_offset(elf, value);
		else if (tag == DT_SONAME)
			soname = value;
		if (strings == UINT64_MAX || soname == UINT64_MAX)
			continue;
		/* The file may end right behind the name. */
		for (size_t i = 0; i + 1 < size; i++) {
			if (elf->bytes.read(&elf->bytes, strings + soname + i, &name[i], 1) != 0 || name[i] == '\0')
				break;
		}
		break;
	}
}

int elf_open(struct elf *elf, struct bytes bytes, uint64_t address)
{
	const struct elf_phdr *load;
	int ret = elf_open_headers(elf, bytes, address);

	if (ret < 0)
		return ret;
	load = first_load(elf);
	if (load == NULL) {
		ret = bad(elf, "no PT_LOAD has its ELF header");
	} else {
		elf->bias = wrap(elf, address - load->vaddr);
		ret = read_tables(elf);
	}
	if (ret < 0)
		elf_deinit(elf);
	return ret;
}

/* PT_PHDR names the address of the program headers; if there is none, they lie behind the ELF header. */
static int find_bias(struct elf *elf, uint64_t phdrs)
{
	const struct elf_phdr *load = first_load(elf);
	size_t size = record_size(elf, sizeof(Elf32_Ehdr), sizeof(Elf64_Ehdr));

	for (size_t i = 0; i < elf->n_phdrs; i++) {
		if (elf->phdrs[i].type == PT_PHDR) {
			elf->bias = wrap(elf, phdrs - elf->phdrs[i].vaddr);
			return 0;
		}
	}
	if (elf->type == ET_EXEC)
		return 0;
	if (load == NULL)
		return bad(elf, "neither PT_PHDR nor a PT_LOAD tells where it is loaded");
	elf->bias = wrap(elf, phdrs - size - load->vaddr);
	return 0;
}

/* Read the entry point, which only the ELF header has; that may not be in memory. */
static void find_entry(struct elf *elf)
{
	const struct elf_phdr *load = first_load(elf);
	size_t size = record_size(elf, sizeof(Elf32_Ehdr), sizeof(Elf64_Ehdr));
	union { uint8_t ident[EI_NIDENT]; Elf32_Ehdr raw32; Elf64_Ehdr raw64; } raw;

	if (load == NULL || elf->bytes.read(&elf->bytes, wrap(elf, load->vaddr + elf->bias), &raw,
					    size) < 0)
		return;
	if (memcmp(raw.ident, ELFMAG, SELFMAG) == 0 && raw.ident[EI_CLASS] == elf->elf_class)
		elf->entry = elf_is_64(elf) ? raw.raw64.e_entry : raw.raw32.e_entry;
}

int elf_open_phdrs(struct elf *elf, struct bytes bytes, uint8_t elf_class, uint16_t machine,
		   uint16_t type, uint64_t phdrs, size_t n_phdrs)
{
	int ret;

	memset(elf, 0, sizeof(*elf));
	elf->bytes = bytes;
	elf->elf_class = elf_class;
	elf->machine = machine;
	elf->type = type;
	elf->lo = phdrs;
	if (arch_class_word(elf_class) == 0)
		return bad(elf, "its class is neither 32 nor 64 bits");
	ret = read_phdrs(elf, phdrs, n_phdrs);
	if (ret == 0)
		ret = find_bias(elf, phdrs);
	if (ret == 0)
		ret = read_tables(elf);
	if (ret == 0)
		find_entry(elf);
	if (ret < 0)
		elf_deinit(elf);
	return ret;
}

void elf_deinit(struct elf *elf)
{
	free(elf->dyn.needed);
	free(elf->phdrs);
	memset(elf, 0, sizeof(*elf));
}

/* ---- symbols ---- */

#define SYMBOL(raw) { .value = (raw).st_value, .size = (raw).st_size, .name = (raw).st_name, \
		      .shndx = (raw).st_shndx, .bind = ELF64_ST_BIND((raw).st_info), \
		      .type = ELF64_ST_TYPE((raw).st_info), \
		      .visibility = ELF64_ST_VISIBILITY((raw).st_other) }

int elf_dynsym(const struct elf *elf, uint32_t index, struct elf_sym *out)
{
	Elf32_Sym raw32 = { 0 };
	Elf64_Sym raw64 = { 0 };
	int ret;

	if (index >= elf->n_dynsyms)
		return fail(ENOEXEC, "ELF image at 0x%" PRIx64 ": there is no dynamic symbol %u, "
			    "only %u", elf->lo, index, elf->n_dynsyms);
	ret = READ_RECORD(elf, elf->dyn.symtab + index * symbol_size(elf), raw32, raw64);
	*out = elf_is_64(elf) ? (struct elf_sym)SYMBOL(raw64) : (struct elf_sym)SYMBOL(raw32);
	return ret;
}

int elf_dynstr(const struct elf *elf, uint64_t offset, char *name, size_t size)
{
	size_t done = 0;

	if (offset >= elf->dyn.strsz)
		return bad(elf, "a name lies outside the string table");
	if (size > elf->dyn.strsz - offset)
		size = (size_t)(elf->dyn.strsz - offset);
	while (done < size) {
		size_t part = size - done < 64 ? size - done : 64;
		int ret = read_bytes(elf, elf->dyn.strtab + offset + done, name + done, part);

		if (ret < 0)
			return ret;
		if (memchr(name + done, '\0', part) != NULL)
			return 0;
		done += part;
	}
	return bad(elf, "a name is too long or does not end");
}

/* Whether the string at this offset in strtab is `name`: 1, 0, or -errno. */
static int name_is(const struct elf *elf, uint64_t offset, const char *name)
{
	size_t size = strlen(name) + 1, done = 0;
	char part[64];

	if (offset > elf->dyn.strsz)
		return bad(elf, "a name lies outside the string table");
	if (size > elf->dyn.strsz - offset)
		return 0;
	while (done < size) {
		size_t step = size - done < sizeof(part) ? size - done : sizeof(part);
		int ret = read_bytes(elf, elf->dyn.strtab + offset + done, part, step);

		if (ret < 0)
			return ret;
		if (memcmp(part, name + done, step) != 0)
			return 0;
		done += step;
	}
	return 1;
}

/* ---- versions ---- */

static int read_versym(const struct elf *elf, uint32_t index, uint16_t *version)
{
	uint64_t addr = elf->dyn.versym + UINT64_C(2) * index;

	*version = VER_NDX_GLOBAL;
	if (elf->dyn.versym == 0)
		return 0;
	if (!inside(elf, addr, 2))
		return bad(elf, "DT_VERSYM leads outside the image");
	return read_bytes(elf, addr, version, 2);
}

/* Follow a chain of version records: the next one is `step` bytes behind *addr. */
static int follow(const struct elf *elf, uint64_t *addr, uint32_t step, size_t size)
{
	if (!inside(elf, *addr, step) || !inside(elf, *addr + step, size))
		return bad(elf, "a version record lies outside the image");
	*addr += step;
	return 0;
}

/* Find the name that verdef gives to version `index`, an offset in strtab: 1, 0 if there is none, or -errno. */
static int find_verdef(const struct elf *elf, uint16_t index, uint64_t *name)
{
	uint64_t addr = elf->dyn.verdef;

	for (uint64_t i = 0; addr != 0 && i < elf->dyn.n_verdef && i < BUDGET_VERSIONS; i++) {
		Elf64_Verdef def;	/* the same in both classes */
		Elf64_Verdaux aux;
		int ret = read_bytes(elf, addr, &def, sizeof(def));

		if (ret < 0)
			return ret;
		if (def.vd_ndx == index) {
			ret = follow(elf, &addr, def.vd_aux, sizeof(aux));
			if (ret == 0)
				ret = read_bytes(elf, addr, &aux, sizeof(aux));
			*name = ret < 0 ? 0 : aux.vda_name;
			return ret < 0 ? ret : 1;
		}
		if (def.vd_next == 0)
			break;
		ret = follow(elf, &addr, def.vd_next, sizeof(def));
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The same in the auxiliary records of one verneed entry. */
static int find_vernaux(const struct elf *elf, uint64_t addr, uint16_t count, uint16_t index,
			uint64_t *name, bool *weak)
{
	for (uint16_t i = 0; i < count; i++) {
		Elf64_Vernaux aux;
		int ret = read_bytes(elf, addr, &aux, sizeof(aux));

		if (ret < 0)
			return ret;
		if ((aux.vna_other & ~VERSYM_HIDDEN) == index) {
			*name = aux.vna_name;
			*weak = (aux.vna_flags & VER_FLG_WEAK) != 0;
			return 1;
		}
		if (aux.vna_next == 0)
			break;
		ret = follow(elf, &addr, aux.vna_next, sizeof(aux));
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int find_verneed(const struct elf *elf, uint16_t index, uint64_t *name, bool *weak)
{
	uint64_t addr = elf->dyn.verneed;

	for (uint64_t i = 0; addr != 0 && i < elf->dyn.n_verneed && i < BUDGET_VERSIONS; i++) {
		Elf64_Verneed need;
		uint64_t aux = addr;
		int ret = read_bytes(elf, addr, &need, sizeof(need));

		if (ret == 0)
			ret = follow(elf, &aux, need.vn_aux, sizeof(Elf64_Vernaux));
		if (ret == 0)
			ret = find_vernaux(elf, aux, need.vn_cnt, index, name, weak);
		if (ret != 0 || need.vn_next == 0)
			return ret;
		ret = follow(elf, &addr, need.vn_next, sizeof(need));
		if (ret < 0)
			return ret;
	}
	return 0;
}

int elf_symbol_version(const struct elf *elf, uint32_t index, char *version, size_t size, bool *weak)
{
	uint16_t number;
	uint64_t name = 0;
	int ret = read_versym(elf, index, &number);

	*weak = false;
	if (size > 0)
		version[0] = '\0';
	number &= (uint16_t)~VERSYM_HIDDEN;
	if (ret < 0 || number <= VER_NDX_GLOBAL)
		return ret;
	ret = find_verdef(elf, number, &name);
	if (ret == 0)
		ret = find_verneed(elf, number, &name, weak);
	if (ret == 0)
		ret = bad(elf, "a symbol has a version that is not there");
	return ret < 0 ? ret : elf_dynstr(elf, name, version, size);
}

/* ---- looking up ---- */

/* Whether the version matches, by the rules of the dynamic linker (glibc's do_lookup): 1, 0, or -errno. */
static int version_matches(const struct elf *elf, uint32_t index, const char *version)
{
	uint16_t number;
	uint64_t name = 0;
	bool hidden, weak;
	int ret = read_versym(elf, index, &number);

	if (ret < 0)
		return ret;
	hidden = (number & VERSYM_HIDDEN) != 0;
	number &= (uint16_t)~VERSYM_HIDDEN;
	if (elf->dyn.versym == 0)
		return 1;
	if (version == NULL || number <= VER_NDX_GLOBAL)
		return !hidden;
	ret = find_verdef(elf, number, &name);
	if (ret == 0)
		ret = find_verneed(elf, number, &name, &weak);
	return ret <= 0 ? ret : name_is(elf, name, version);
}

/* Whether symbol `index` is the one that is looked for: 1, with *sym filled in; 0; or -errno. */
static int symbol_matches(const struct elf *elf, uint32_t index, const char *name,
			  const char *version, struct elf_sym *sym)
{
	const unsigned types = 1u << STT_NOTYPE | 1u << STT_OBJECT | 1u << STT_FUNC |
			       1u << STT_COMMON | 1u << STT_TLS | 1u << STT_GNU_IFUNC;
	int ret = elf_dynsym(elf, index, sym);

	if (ret < 0)
		return ret;
	/* An undefined function with a value: that is its PLT entry, whose address the whole process uses. */
	if ((sym->shndx == SHN_UNDEF && (sym->value == 0 || sym->type != STT_FUNC)) || (types & 1u << sym->type) == 0 ||
	    (sym->value == 0 && sym->shndx != SHN_ABS && sym->type != STT_TLS))
		return 0;
	if (sym->bind != STB_GLOBAL && sym->bind != STB_WEAK && sym->bind != STB_GNU_UNIQUE)
		return 0;
	if (sym->visibility == STV_HIDDEN || sym->visibility == STV_INTERNAL)
		return 0;
	ret = name_is(elf, sym->name, name);
	return ret <= 0 ? ret : version_matches(elf, index, version);
}

static int lookup_gnu(const struct elf *elf, const char *name, const char *version,
		      uint32_t *index, struct elf_sym *sym)
{
	size_t word = elf_is_64(elf) ? 8 : 4, bits = 8 * word;
	struct gnu_table table;
	uint64_t filter = 0;
	uint32_t hash = 5381, bucket, chain = 0;
	int ret = open_gnu_table(elf, &table);

	if (ret < 0)
		return ret;
	for (const char *p = name; *p != '\0'; p++)
		hash = hash * 33 + (unsigned char)*p;
	ret = read_bytes(elf, table.bloom + hash / bits % table.bloom_words * word, &filter, word);
	if (ret < 0)
		return ret;
	if ((filter >> hash % bits & filter >> (hash >> table.bloom_shift) % bits & 1) == 0)
		return -ENOENT;
	ret = read_bytes(elf, table.buckets + UINT64_C(4) * (hash % table.n_buckets), &bucket, 4);
	if (ret < 0)
		return ret;
	for (uint64_t i = bucket; i != 0 && (chain & 1) == 0; i++) {
		if (i - bucket > BUDGET_CHAIN)
			return bad(elf, "a chain of DT_GNU_HASH does not end");
		ret = read_chain(elf, &table, i, &chain);
		if (ret == 0 && (chain | 1) == (hash | 1))
			ret = symbol_matches(elf, (uint32_t)i, name, version, sym);
		*index = (uint32_t)i;
		if (ret != 0)
			return ret < 0 ? ret : 0;
	}
	return -ENOENT;
}

static int lookup_sysv(const struct elf *elf, const char *name, const char *version,
		       uint32_t *index, struct elf_sym *sym)
{
	uint32_t hash = 0, head[2];
	uint64_t addr;
	int ret = read_bytes(elf, elf->dyn.hash, head, sizeof(head));

	if (ret < 0)
		return ret;
	if (head[0] == 0)
		return -ENOENT;
	for (const char *p = name; *p != '\0'; p++) {
		hash = (hash << 4) + (unsigned char)*p;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	addr = elf->dyn.hash + sizeof(head) + UINT64_C(4) * (hash % head[0]);
	for (uint64_t steps = 0; steps <= elf->n_dynsyms && steps <= BUDGET_CHAIN; steps++) {
		if (!inside(elf, addr, 4))
			return bad(elf, "DT_HASH leads outside the image");
		ret = read_bytes(elf, addr, index, 4);
		if (ret == 0 && *index == STN_UNDEF)
			return -ENOENT;
		if (ret == 0)
			ret = symbol_matches(elf, *index, name, version, sym);
		if (ret != 0)
			return ret < 0 ? ret : 0;
		addr = elf->dyn.hash + sizeof(head) + UINT64_C(4) * head[0] + UINT64_C(4) * *index;
	}
	return bad(elf, "a chain of DT_HASH does not end");
}

int elf_lookup(const struct elf *elf, const char *name, const char *version,
	       uint32_t *index, struct elf_sym *sym)
{
	if (elf->dyn.symtab == 0 || strlen(name) >= MAX_NAME)
		return -ENOENT;
	if (elf->dyn.gnu_hash != 0)
		return lookup_gnu(elf, name, version, index, sym);
	if (elf->dyn.hash != 0)
		return lookup_sysv(elf, name, version, index, sym);
	return -ENOENT;
}

/* ---- relocations ---- */

typedef int each_reloc(const struct elf_rel *rel, bool has_addend, void *ctx);

/* Records are read this many bytes at a time, a multiple of the size of each kind of record. */
#define BATCH (24 * 8 * 16)

static struct elf_rel parse_rel(const struct elf *elf, const uint8_t *bytes, bool rela)
{
	struct elf_rel rel = { 0, 0, 0, 0 };

	if (elf_is_64(elf)) {
		Elf64_Rela raw = { 0, 0, 0 };

		memcpy(&raw, bytes, rela ? sizeof(Elf64_Rela) : sizeof(Elf64_Rel));
		rel.offset = raw.r_offset;
		rel.type = (uint32_t)ELF64_R_TYPE(raw.r_info);
		rel.symbol = (uint32_t)ELF64_R_SYM(raw.r_info);
		rel.addend = raw.r_addend;
	} else {
		Elf32_Rela raw = { 0, 0, 0 };

		memcpy(&raw, bytes, rela ? sizeof(Elf32_Rela) : sizeof(Elf32_Rel));
		rel.offset = raw.r_offset;
		rel.type = ELF32_R_TYPE(raw.r_info);
		rel.symbol = ELF32_R_SYM(raw.r_info);
		rel.addend = raw.r_addend;
	}
	return rel;
}

static int each_rel(const struct elf *elf, uint64_t addr, uint64_t size, bool rela,
		    each_reloc *each, void *ctx)
{
	size_t step = rela ? record_size(elf, sizeof(Elf32_Rela), sizeof(Elf64_Rela)) :
			     record_size(elf, sizeof(Elf32_Rel), sizeof(Elf64_Rel));
	uint8_t batch[BATCH];

	if (size % step != 0)
		return bad(elf, "a relocation table ends within a relocation");
	for (uint64_t at = 0; at < size;) {
		size_t part = size - at < BATCH ? (size_t)(size - at) : BATCH;
		int ret = read_bytes(elf, addr + at, batch, part);

		for (size_t i = 0; i < part && ret == 0; i += step) {
			struct elf_rel rel = parse_rel(elf, batch + i, rela);

			ret = each(&rel, rela, ctx);
		}
		if (ret != 0)
			return ret;
		at += part;
	}
	return 0;
}

/*
 * Walk through DT_RELR (gABI, "Relative Relocation Table").  An even word is the address of a
 * word to relocate; an odd word is a bitmap of the words that follow the last such address.
 */
static int each_relr(const struct elf *elf, uint32_t type, each_reloc *each, void *ctx)
{
	size_t word = elf_is_64(elf) ? 8 : 4;
	struct elf_rel rel = { 0, type, 0, 0 };
	uint64_t where = 0, entry;
	int ret = 0;

	if (elf->dyn.relrsz % word != 0)
		return bad(elf, "DT_RELR ends within a word");
	for (uint64_t at = 0; at < elf->dyn.relrsz && ret == 0; at += word) {
		entry = 0;
		ret = read_bytes(elf, elf->dyn.relr + at, &entry, word);
		if (ret == 0 && (entry & 1) == 0) {
			rel.offset = entry;
			where = wrap(elf, entry + word);
			ret = each(&rel, false, ctx);
			continue;
		}
		for (unsigned bit = 1; bit < 8 * word && ret == 0; bit++) {
			rel.offset = wrap(elf, where + (bit - 1) * word);
			if ((entry >> bit & 1) != 0)
				ret = each(&rel, false, ctx);
		}
		where = wrap(elf, where + (8 * word - 1) * word);
	}
	return ret;
}

int elf_each_reloc(const struct elf *elf, uint32_t relative_type,
		   int (*each)(const struct elf_rel *rel, bool has_addend, void *ctx), void *ctx)
{
	const struct elf_dynamic *dyn = &elf->dyn;
	int ret = each_relr(elf, relative_type, each, ctx);

	if (ret == 0)
		ret = each_rel(elf, dyn->rel, dyn->relsz, dyn->rela, each, ctx);
	if (ret == 0)
		ret = each_rel(elf, dyn->jmprel, dyn->jmprelsz, dyn->jmprel_rela, each, ctx);
	return ret;
}
