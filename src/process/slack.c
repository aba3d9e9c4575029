/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slack.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "page.h"

#define PHDRS_MAX 64		/* program headers of one object; linkers make some 15 */

static const uint8_t magic[8] = { 'n', 's', 'b', 0, 'c', 'a', 'l', 'l' };

static uint32_t checksum(const struct slack_note *note)
{
	return ((uint32_t)(note->address >> 12) + note->pages + note->size * 65537u + note->fill) *
	       2654435761u + 1;
}

/* What of an ELF file's headers is needed, of either class. */
struct segment {
	uint32_t type, flags;
	uint64_t offset, filesz, memsz;
};

static bool read_segments(const struct target *target, uint64_t base, struct segment *segments, size_t *count)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr e64;
		Elf32_Ehdr e32;
	} head;
	const bool is64 = target->arch->word == 8;
	union {
		Elf64_Phdr p64[PHDRS_MAX];
		Elf32_Phdr p32[PHDRS_MAX];
	} table;
	uint64_t at;

	if (target_read(target, base, &head, is64 ? sizeof(head.e64) : sizeof(head.e32)) != 0 ||
	    memcmp(head.ident, ELFMAG, SELFMAG) != 0 || head.ident[EI_CLASS] != target->arch->elf_class)
		return false;
	at = base + (is64 ? head.e64.e_phoff : head.e32.e_phoff);
	*count = is64 ? head.e64.e_phnum : head.e32.e_phnum;
	if (*count > PHDRS_MAX ||
	    target_read(target, at, &table, *count * (is64 ? sizeof(table.p64[0]) : sizeof(table.p32[0]))) != 0)
		return false;
	for (size_t i = 0; i < *count; i++) {
		const Elf64_Phdr *p64 = &table.p64[i];
		const Elf32_Phdr *p32 = &table.p32[i];

		segments[i] = is64 ?
			(struct segment){ p64->p_type, p64->p_flags, p64->p_offset, p64->p_filesz, p64->p_memsz } :
			(struct segment){ p32->p_type, p32->p_flags, p32->p_offset, p32->p_filesz, p32->p_memsz };
	}
	return true;
}

static bool is_code(const struct mapping *m)
{
	return m->is_private && (m->prot & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC;
}

static bool is_vdso(const struct target *target, const struct mapping *m)
{
	return target->auxv_vdso != 0 && m->start == target->auxv_vdso && m->inode == 0;
}

/* Where the file of this mapping, one of `maps`, begins in memory; 0: nowhere. */
static uint64_t find_base(const struct target *target, const struct mapping *m)
{
	const struct maps *maps = &target->maps;

	for (const struct mapping *at = m + 1; at-- > maps->all;) {
		if (at->inode == m->inode && at->device == m->device && at->offset == 0)
			return at->start;
	}
	return 0;
}

/* The slack at the end of a mapping of code, if there is enough of it. */
static bool look_behind(const struct target *target, const struct mapping *m, struct slack *slack)
{
	struct segment segments[PHDRS_MAX];
	uint8_t bytes[PAGE];
	size_t count = 0, size;
	uint64_t base = is_vdso(target, m) ? m->start : find_base(target, m), last = 0, start;

	if (base == 0 || !read_segments(target, base, segments, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct segment *s = &segments[i];
		uint64_t end = s->offset + s->filesz;

		if (s->type != PT_LOAD || !(s->flags & PF_X) || end <= m->offset ||
		    end > m->offset + (m->end - m->start))
			continue;
		if (s->filesz != s->memsz)
			return false;	/* code that is made at run time: its end is not known */
		if (end > last)
			last = end;
	}
	if (last == 0)
		return false;
	start = m->start + (last - m->offset);
	/* All of the vDSO is mapped, and its last page may have nothing of its segment, as in Linux 5.10 and 6.1. */
	if (is_vdso(target, m) && start < m->end - target->page)
		start = m->end - target->page;
	else if (page_up(start, target->page) != m->end)
		return false;
	if (m->end - start > sizeof(bytes))
		start = m->end - sizeof(bytes);
	size = (size_t)(m->end - start);
	if (size == 0 || target_read(target, start, bytes, size) != 0)
		return false;
	/* What is not all the same may be something that is used, if only to be read: the vDSO has headers there. */
	while (size > 1 && bytes[size - 2] == bytes[m->end - start - 1])
		size--;
	*slack = (struct slack){ (start + size - 1 + 15) & ~(uint64_t)15, m->end, bytes[size - 1] };
	return slack->start < slack->end && slack->end - slack->start >= target->arch->errand_max;
}

bool slack_find_used(const struct target *target, struct slack *slack, struct slack_note *note)
{
	const struct maps *maps = &target->maps;

	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *m = &maps->all[i];

		if (!is_code(m) || (m->inode == 0 && !is_vdso(target, m)) ||
		    target_read(target, m->end - sizeof(*note), note, sizeof(*note)) != 0 ||
		    memcmp(note->magic, magic, sizeof(magic)) != 0 || note->check != checksum(note) ||
		    note->size < sizeof(*note) || note->size > m->end - m->start || note->size > PAGE)
			continue;
		*slack = (struct slack){ m->end - note->size, m->end, note->fill };
		return true;
	}
	return false;
}

/* Look behind the code of the program itself, of the vDSO, or of all other objects. */
enum whose { PROGRAM, VDSO, LIBRARIES };

static bool is_of(const struct target *target, const struct mapping *m, enum whose whose)
{
	const struct mapping *program = maps_find(&target->maps, target->auxv_entry);
	bool own = program != NULL && program->inode != 0 && m->inode == program->inode && m->device == program->device;

	return is_code(m) && (whose == VDSO ? is_vdso(target, m) : m->inode != 0 && own == (whose == PROGRAM));
}

int slack_find(struct target *target, struct slack *slack)
{
	struct slack_note note;

	/* So what a killed nsb has left is overwritten, and cleared in the end. */
	if (slack_find_used(target, slack, &note))
		return 0;
	for (enum whose whose = PROGRAM; whose <= LIBRARIES; whose++) {
		/* A library may have been closed, and something else be at its place. */
		int err = whose == LIBRARIES ? target_read_maps(target) : 0;

		if (err != 0)
			return err;
		for (size_t i = 0; i < target->maps.count; i++) {
			if (is_of(target, &target->maps.all[i], whose) &&
			    look_behind(target, &target->maps.all[i], slack))
				return 0;
		}
	}
	return fail(ENOSPC, "%s: no page of its code has %u unused bytes, which nsb needs to make it map memory",
		    target_name(target), target->arch->errand_max);
}

size_t slack_room(const struct slack *slack)
{
	return (size_t)(slack->end - slack->start) - sizeof(struct slack_note);
}

int slack_use(const struct slack *slack, struct target *target, const uint8_t *code, size_t size,
	      uint64_t address, uint64_t pages)
{
	struct slack_note note = { .address = address, .pages = (uint32_t)pages,
				   .size = (uint16_t)(slack->end - slack->start), .fill = slack->fill };
	uint8_t bytes[PAGE];
	const size_t whole = note.size;

	if (size > slack_room(slack))
		return fail(ENOSPC, "%s: no room for a system call", target_name(target));
	memcpy(note.magic, magic, sizeof(magic));
	note.check = checksum(&note);
	memset(bytes, slack->fill, whole);
	memcpy(bytes, code, size);
	memcpy(bytes + whole - sizeof(note), &note, sizeof(note));
	return target_write_bulk(target, slack->start, bytes, whole);
}

int slack_clear(const struct slack *slack, struct target *target)
{
	uint8_t bytes[PAGE];
	const size_t size = (size_t)(slack->end - slack->start);

	memset(bytes, slack->fill, size);
	return target_write_bulk(target, slack->start, bytes, size);
}
