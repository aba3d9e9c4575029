/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "page.h"

#define NAME_BYTES 4096
#define VERSION_BYTES 256
#define STUB 32			/* bytes for each piece of code in the page of add_stubs() */

/* What a dynamic symbol of the patch means, as far as it has been found out. */
struct meaning {
	uint64_t address;
	struct link_tls tls;
	bool known;
	bool is_tls, tls_known;
};

struct linker {
	const struct patchfile *patch;
	const struct arch *arch;
	uint64_t start;			/* link-time address of image->bytes[0] */
	uint64_t target_bias;
	const struct link_resolver *resolver;
	struct link_image *image;
	struct meaning *meanings;	/* one for each dynamic symbol, by its index */
	const struct vz_func **funcs;	/* sorted by patch_addr */
	uint64_t stubs;			/* link-time address of the page of add_stubs(); 0: there is none */
	bool has_no_tls_get_addr;	/* the process has none; the patch calls the one in the stubs */
};

/* The size of the patch, without the page of add_stubs(). */
static uint64_t patch_size(const struct patchfile *patch, uint64_t page)
{
	return page_up(patch->image_lo % page + patch->image_size, page);
}

/* Whether the patch has a thread-local block.  In auto mode it has a copy of the target's. */
static bool has_tls_block(const struct patchfile *patch)
{
	for (size_t i = 0; i < patch->elf.n_phdrs; i++) {
		if (patch->elf.phdrs[i].type == PT_TLS)
			return true;
	}
	return false;
}

static bool uses_tls(const struct patchfile *patch)
{
	struct elf_sym sym;

	if (has_tls_block(patch))
		return true;
	for (uint32_t i = 1; i < patch->elf.n_dynsyms; i++) {
		if (elf_dynsym(&patch->elf, i, &sym) == 0 && sym.type == STT_TLS)
			return true;
	}
	return false;
}

uint64_t link_size(const struct patchfile *patch, uint64_t page)
{
	return patch_size(patch, page) + (uses_tls(patch) ? page : 0);
}

/* ---- layout ---- */

static uint8_t protection(uint32_t flags)
{
	return (uint8_t)((flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
			 (flags & PF_X ? PROT_EXEC : 0));
}

static bool in_image(const struct linker *linker, uint64_t addr, uint64_t size)
{
	uint64_t offset = addr - linker->start;

	return offset <= linker->image->size && size <= linker->image->size - offset;
}

/*
 * Set the PROT_* of every page that the program headers of one type cover.  No two PT_LOADs
 * share a page.  The last page of PT_GNU_RELRO is protected only
 * if it is covered as a whole; the dynamic linker does the same.
 */
static int protect_pages(const struct linker *linker, uint32_t type, uint8_t *prots)
{
	const struct elf *elf = &linker->patch->elf;
	const uint64_t page = linker->image->page;
	uint64_t taken = 0;	/* up to here there are pages of a PT_LOAD */

	for (size_t i = 0; i < elf->n_phdrs; i++) {
		const struct elf_phdr *phdr = &elf->phdrs[i];
		uint64_t first = page_down(phdr->vaddr - linker->start, page);
		uint64_t end = phdr->vaddr - linker->start + phdr->memsz;

		if (phdr->type != type)
			continue;
		if (!in_image(linker, phdr->vaddr, phdr->memsz))
			return fail(ENOEXEC, "%s: program header %zu leads outside the image",
				    linker->patch->path, i);
		if (type == PT_LOAD && first < taken)
			return fail(ENOEXEC, "%s: two of its segments share a page of %" PRIu64 " bytes (link it with"
				    " -z max-page-size=%" PRIu64 ")", linker->patch->path, page, page);
		end = type == PT_LOAD ? page_up(end, page) : page_down(end, page);
		for (uint64_t at = first; at < end; at += page)
			prots[at / page] = type == PT_LOAD ? protection(phdr->flags) :
					   (uint8_t)(prots[at / page] & ~PROT_WRITE);
		taken = type == PT_LOAD ? end : 0;
	}
	return 0;
}

/* Make a segment of each run of pages with the same protection.  Pages that no PT_LOAD covers are zeros. */
static int make_segments(const struct linker *linker)
{
	struct link_image *image = linker->image;
	size_t n_pages = (size_t)(image->size / image->page);
	uint8_t *prots = malloc(n_pages);
	int err;

	image->segments = calloc(n_pages, sizeof(*image->segments));
	if (prots == NULL || image->segments == NULL) {
		err = fail(ENOMEM, "out of memory for %zu pages", n_pages);
		goto out;
	}
	memset(prots, PROT_READ, n_pages);
	if (linker->stubs != 0)
		prots[n_pages - 1] = PROT_READ | PROT_EXEC;
	err = protect_pages(linker, PT_LOAD, prots);
	if (err == 0)
		err = protect_pages(linker, PT_GNU_RELRO, prots);
	for (size_t i = 0; i < n_pages && err == 0; i++) {
		if (i == 0 || prots[i] != prots[i - 1])
			image->segments[image->n_segments++] =
				(struct link_segment){ .offset = i * image->page, .prot = prots[i] };
		image->segments[image->n_segments - 1].size += image->page;
	}
out:
	free(prots);
	return err;
}

/* Add a page of code that finds thread-local variables at a fixed distance from the thread pointer. */
static void add_stubs(struct linker *linker, uint64_t offset)
{
	const struct arch *arch = linker->arch;
	uint8_t *to = linker->image->bytes + offset;

	memcpy(to, arch->tls_static_get_addr.bytes, arch->tls_static_get_addr.size);
	memcpy(to + STUB, arch->tls_static_desc.bytes, arch->tls_static_desc.size);
	linker->stubs = linker->start + offset;
}

static int lay_out(struct linker *linker, uint64_t base)
{
	const struct patchfile *patch = linker->patch;
	struct link_image *image = linker->image;
	uint64_t last = linker->arch->word == 4 ? UINT32_MAX : UINT64_MAX;

	linker->start = page_down(patch->image_lo, image->page);
	image->size = link_size(patch, image->page);
	image->base = base;
	image->bias = base - linker->start;
	if (base % image->page != 0 || base > last || image->size == 0 || image->size - 1 > last - base)
		return fail(ERANGE, "%s: its image of %" PRIu64 " bytes cannot lie at 0x%" PRIx64,
			    patch->path, image->size, base);
	image->bytes = calloc(1, (size_t)image->size);
	if (image->bytes == NULL)
		return fail(ENOMEM, "out of memory for an image of %" PRIu64 " bytes", image->size);
	memcpy(image->bytes + patch->image_lo % image->page, patch->image, (size_t)patch->image_size);
	if (image->size > patch_size(patch, image->page))
		add_stubs(linker, patch_size(patch, image->page));
	return make_segments(linker);
}

/* ---- what symbols mean ---- */

static int compare_funcs(const void *a, const void *b)
{
	const struct vz_func *const *left = a, *const *right = b;

	return ((*left)->patch_addr > (*right)->patch_addr) -
	       ((*left)->patch_addr < (*right)->patch_addr);
}

/*
 * The run-time address that an address of the patch means.  A replaced function means the
 * target's function, where the jump is: so a pointer to it that the patch takes is equal to
 * one that the target took.
 */
static uint64_t own_address(const struct linker *linker, uint64_t addr)
{
	const struct vz_func key = { .patch_addr = addr }, *sought = &key;
	const struct vz_func **found = bsearch(&sought, linker->funcs, linker->patch->meta.n_funcs,
					       sizeof(*linker->funcs), compare_funcs);

	if (found != NULL)
		return linker->target_bias + (*found)->target_addr;
	return linker->image->bias + addr;
}

/* A symbol's name for messages.  References that the metadata describes have no symbol. */
static const char *symbol_name(const struct linker *linker, uint32_t index, char *name, size_t size)
{
	struct elf_sym sym;

	if (index == STN_UNDEF || elf_dynsym(&linker->patch->elf, index, &sym) < 0 ||
	    elf_dynstr(&linker->patch->elf, sym.name, name, size) < 0 || name[0] == '\0')
		return "its target";
	return name;
}

/* A dynamic symbol of the patch, read from its file.  The symbol's strings are those of `query`. */
struct query {
	struct link_symbol symbol;
	struct elf_sym sym;
	char name[NAME_BYTES], version[VERSION_BYTES];
};

static int read_query(const struct linker *linker, uint32_t index, struct query *query)
{
	const struct elf *elf = &linker->patch->elf;
	bool weak_version;
	int err = elf_dynsym(elf, index, &query->sym);

	if (err == 0)
		err = elf_dynstr(elf, query->sym.name, query->name, sizeof(query->name));
	if (err == 0)
		err = elf_symbol_version(elf, index, query->version, sizeof(query->version),
					 &weak_version);
	query->symbol = (struct link_symbol){ .name = query->name, .version = query->version,
					      .type = query->sym.type,
					      .weak = query->sym.bind == STB_WEAK };
	return err;
}

/*
 * A static program has no __tls_get_addr.  All its thread-local variables are at fixed
 * distances from the thread pointer, so the stubs can stand in for it.
 */
static int find_tls_get_addr(struct linker *linker, struct link_symbol *symbol, uint64_t *address)
{
	int err;

	symbol->weak = true;
	err = linker->resolver->find(symbol, address, linker->resolver->ctx);
	if (err == 0 && *address == 0 && linker->stubs != 0) {
		linker->has_no_tls_get_addr = true;
		*address = linker->image->bias + linker->stubs;
	}
	return err;
}

static int find_meaning(struct linker *linker, uint32_t index, uint64_t *address)
{
	struct query query;
	int err = read_query(linker, index, &query);
	const struct elf_sym sym = query.sym;
	const char *name = query.name;

	if (err < 0)
		return err;
	if (sym.type == STT_TLS)
		return fail(ENOEXEC, "%s: %s is a TLS variable, but is referred to as another one",
			    linker->patch->path, name);
	if (sym.shndx == SHN_UNDEF && strcmp(name, linker->arch->tls_get_addr) == 0)
		return find_tls_get_addr(linker, &query.symbol, address);
	if (sym.shndx == SHN_UNDEF)
		return linker->resolver->find(&query.symbol, address, linker->resolver->ctx);
	if (sym.type == STT_GNU_IFUNC)
		return fail(ENOEXEC, "%s: %s is an IFUNC of the patch's own, whose resolver nobody"
			    " would run (call the chosen function itself)", linker->patch->path, name);
	*address = sym.shndx == SHN_ABS ? sym.value : own_address(linker, sym.value);
	return 0;
}

static int find_tls(const struct linker *linker, uint32_t index, struct meaning *meaning)
{
	const struct link_resolver *resolver = linker->resolver;
	struct query query;
	int err;

	if (meaning->is_tls)
		return resolver->find_tls(NULL, meaning->address, &meaning->tls, resolver->ctx);
	err = read_query(linker, index, &query);
	if (err < 0)
		return err;
	if (query.sym.type != STT_TLS || query.sym.shndx != SHN_UNDEF)
		return fail(ENOEXEC, "%s: %s is no thread-local variable of the target",
			    linker->patch->path, query.name);
	return resolver->find_tls(&query.symbol, 0, &meaning->tls, resolver->ctx);
}

static int symbol_tls(struct linker *linker, uint32_t index, const struct link_tls **tls)
{
	struct meaning *meaning = &linker->meanings[index];
	int err = 0;

	if (index == STN_UNDEF || index >= linker->patch->elf.n_dynsyms)
		return fail(ENOEXEC, "%s: a relocation of a thread-local variable names dynamic symbol"
			    " %u of %u", linker->patch->path, index, linker->patch->elf.n_dynsyms);
	if (!meaning->tls_known)
		err = find_tls(linker, index, meaning);
	meaning->tls_known = err == 0;
	*tls = &meaning->tls;
	return err;
}

/* Compute S.  For symbol 0, which has no name, the dynamic linker takes the load bias; so do we. */
static int symbol_address(struct linker *linker, uint32_t index, uint64_t *address)
{
	struct meaning *meaning;
	int err = 0;

	if (index == STN_UNDEF) {
		*address = linker->image->bias;
		return 0;
	}
	if (index >= linker->patch->elf.n_dynsyms)
		return fail(ENOEXEC, "%s: a relocation names dynamic symbol %u of %u",
			    linker->patch->path, index, linker->patch->elf.n_dynsyms);
	meaning = &linker->meanings[index];
	if (!meaning->known || meaning->is_tls)
		err = find_meaning(linker, index, &meaning->address);
	meaning->known = err == 0;
	*address = meaning->address;
	return err;
}

/* Compute Z, which is known for the patch's own symbols only. */
static int symbol_size(const struct linker *linker, uint32_t index, uint64_t *size)
{
	struct elf_sym sym;
	int err = elf_dynsym(&linker->patch->elf, index, &sym);

	if (err == 0 && sym.shndx == SHN_UNDEF)
		err = fail(ENOEXEC, "%s: a relocation asks for the size of dynamic symbol %u, which"
			   " is not the patch's own", linker->patch->path, index);
	*size = err == 0 ? sym.size : 0;
	return err;
}

/* Enter what the metadata says of symbols into the meanings, and sort its functions. */
static int read_meta(struct linker *linker)
{
	const struct vzpatch *meta = &linker->patch->meta;
	size_t n_symbols = linker->patch->elf.n_dynsyms;

	linker->meanings = calloc(n_symbols + 1, sizeof(*linker->meanings));
	linker->funcs = calloc(meta->n_funcs + 1, sizeof(*linker->funcs));
	if (linker->meanings == NULL || linker->funcs == NULL)
		return fail(ENOMEM, "out of memory for %zu symbols", n_symbols);
	for (size_t i = 0; i < meta->n_dynrefs; i++) {
		const struct vz_dynref *ref = &meta->dynrefs[i];
		struct meaning *meaning;
		struct elf_sym sym;
		int err;

		if (ref->symbol == STN_UNDEF || ref->symbol >= n_symbols)
			return fail(ENOEXEC, "%s: reference %s names dynamic symbol %" PRIu64 " of %zu",
				    linker->patch->path, ref->name, ref->symbol, n_symbols);
		err = elf_dynsym(&linker->patch->elf, (uint32_t)ref->symbol, &sym);
		if (err < 0)
			return err;
		meaning = &linker->meanings[ref->symbol];
		meaning->known = true;
		meaning->is_tls = sym.type == STT_TLS;
		meaning->address = meaning->is_tls ? ref->target_addr :
				   linker->target_bias + ref->target_addr;
	}
	for (size_t i = 0; i < meta->n_funcs; i++)
		linker->funcs[i] = &meta->funcs[i];
	qsort(linker->funcs, meta->n_funcs, sizeof(*linker->funcs), compare_funcs);
	return 0;
}

/* ---- relocating ---- */

/* Why a relocation of this kind cannot be made.  Kinds without a text can be made. */
static const char *const refusals[RELOC_KIND_COUNT] = {
	[RELOC_UNKNOWN] = "its type is unknown",
	[RELOC_IRELATIVE] = "an IFUNC of the patch's own, whose resolver nobody would run",
	[RELOC_COPY] = "a copy of another's variable, which a patch cannot have",
	[RELOC_GOT ... RELOC_TLS_CODE] = "only the link editor can apply this type",
};

/* The bytes that a relocation of `type` changes at a link-time address.  They have to lie in one PT_LOAD. */
static int find_bytes(const struct linker *linker, const struct reloc_type *type, uint64_t addr,
		      uint8_t **bytes)
{
	const struct elf *elf = &linker->patch->elf;

	for (size_t i = 0; i < elf->n_phdrs; i++) {
		const struct elf_phdr *load = &elf->phdrs[i];

		if (load->type == PT_LOAD && addr >= load->vaddr && load->memsz >= type->width &&
		    addr - load->vaddr <= load->memsz - type->width) {
			*bytes = linker->image->bytes + (addr - linker->start);
			return 0;
		}
	}
	return fail(ENOEXEC, "%s: %s at 0x%" PRIx64 " lies outside the patch", linker->patch->path,
		    type->name, addr);
}

/* Whether a value fits into the bytes of `type`.  A value as wide as an address wraps, and always fits. */
static bool fits(const struct arch *arch, const struct reloc_type *type, uint64_t value)
{
	if (type->width >= arch->word)
		return true;
	return type->is_signed ? (uint64_t)(int64_t)(int32_t)value == value : value <= UINT32_MAX;
}

/* Write the value for link-time address `addr`.  `symbol` is the index of the symbol to name in a message. */
static int put(const struct linker *linker, const struct reloc_type *type, uint64_t addr,
	       uint8_t *bytes, uint64_t value, uint32_t symbol)
{
	char name[NAME_BYTES];

	if (type->field != 0 ? !linker->arch->put_field(type->field, value, linker->image->bias + addr, bytes) :
	    !fits(linker->arch, type, value))
		return fail(ERANGE, "%s: %s at 0x%" PRIx64 ": %s is out of reach (0x%" PRIx64
			    " does not fit in %u bytes)", linker->patch->path, type->name, addr,
			    symbol_name(linker, symbol, name, sizeof(name)), value, type->width);
	if (type->field == 0)
		memcpy(bytes, &value, type->width);
	return 0;
}

/* The addend of a relocation of type SHT_REL, which is in the bytes that are to be relocated. */
static uint64_t addend_in_place(const struct reloc_type *type, const uint8_t *bytes)
{
	uint64_t value = 0;

	memcpy(&value, bytes, type->width);
	return type->width == 4 && type->is_signed ? (uint64_t)(int64_t)(int32_t)value : value;
}

/* Find the meaning of __tls_get_addr before any other relocation: tls_value() has to know who provides it. */
static int meet_tls_get_addr(struct linker *linker)
{
	const struct elf *elf = &linker->patch->elf;
	char name[NAME_BYTES];
	struct elf_sym sym;
	uint64_t address;

	for (uint32_t i = 1; i < elf->n_dynsyms && linker->stubs != 0; i++) {
		if (elf_dynsym(elf, i, &sym) == 0 &&
		    elf_dynstr(elf, sym.name, name, sizeof(name)) == 0 &&
		    strcmp(name, linker->arch->tls_get_addr) == 0)
			return symbol_address(linker, i, &address);
	}
	return 0;
}

/* Compute a relocation of `kind` for a thread-local variable.  `symbol` is its index, for messages. */
static int tls_value(const struct linker *linker, const struct link_tls *tls, uint32_t symbol,
		     enum reloc_kind kind, uint64_t addend, uint64_t *value)
{
	bool dynamic = kind == RELOC_DTPMOD || kind == RELOC_DTPOFF;
	char name[NAME_BYTES];

	if (dynamic && !linker->has_no_tls_get_addr) {
		*value = kind == RELOC_DTPMOD ? tls->module : tls->offset + addend;
		if (tls->module != 0)
			return 0;
	}
	if (!tls->is_static)
		return fail(ESTALE, "%s: %s has no fixed distance from the thread pointer: it is in a"
			    " library that was loaded later (build the patch without -ftls-model and"
			    " -mtls-dialect)", linker->patch->path,
			    symbol_name(linker, symbol, name, sizeof(name)));
	if (dynamic && !linker->has_no_tls_get_addr)
		return fail(ESTALE, "%s: nothing tells the module of %s (build the patch with"
			    " -ftls-model=initial-exec)", linker->patch->path,
			    symbol_name(linker, symbol, name, sizeof(name)));
	*value = kind == RELOC_DTPMOD ? 0 : kind == RELOC_TPOFF_NEG ? addend - tls->from_pointer :
		 tls->from_pointer + addend;
	return 0;
}

static int compute_tls(struct linker *linker, const struct elf_rel *rel, enum reloc_kind kind,
		       uint64_t addend, uint64_t *value)
{
	const struct link_resolver *resolver = linker->resolver;
	const struct link_tls *tls = NULL;
	struct link_tls own;
	int err;

	/*
	 * The relocation is for the patch's own thread-local block, which does not exist in the
	 * target.  Its module number becomes that of the target object; its offsets are written
	 * later, by vz_place records of the kinds DTPOFF and TPOFF.
	 */
	if (rel->symbol == STN_UNDEF && has_tls_block(linker->patch)) {
		if (kind != RELOC_DTPMOD)
			return 0;
		err = resolver->find_tls(NULL, 0, &own, resolver->ctx);
		tls = &own;
	} else {
		err = symbol_tls(linker, rel->symbol, &tls);
	}
	return err < 0 ? err : tls_value(linker, tls, rel->symbol, kind, addend, value);
}

/* A TLS descriptor is two words: the address of a function, and the offset that the function returns. */
static int put_descriptor(struct linker *linker, const struct elf_rel *rel, bool has_addend,
			  uint8_t *bytes)
{
	unsigned word = linker->arch->word;
	uint64_t code = linker->image->bias + linker->stubs + STUB, value, addend = 0;
	int err;

	if (linker->stubs == 0)
		return fail(ENOEXEC, "%s: a descriptor at 0x%" PRIx64 " is of no thread-local variable",
			    linker->patch->path, rel->offset);
	memcpy(&addend, bytes + word, word);
	err = compute_tls(linker, rel, RELOC_TLSDESC, has_addend ? (uint64_t)rel->addend : addend,
			  &value);
	if (err == 0) {
		memcpy(bytes, &code, word);
		memcpy(bytes + word, &value, word);
	}
	return err;
}

static int compute(struct linker *linker, const struct elf_rel *rel, enum reloc_kind kind,
		   uint64_t addend, uint64_t *value)
{
	int err;

	*value = 0;
	if (kind >= RELOC_DTPMOD && kind <= RELOC_TPOFF_NEG)
		return compute_tls(linker, rel, kind, addend, value);
	if (kind == RELOC_RELATIVE) {
		*value = own_address(linker, addend);
		return 0;
	}
	err = kind == RELOC_SIZE ? symbol_size(linker, rel->symbol, value) :
				   symbol_address(linker, rel->symbol, value);
	if (kind != RELOC_SLOT)
		*value += addend;
	if (kind == RELOC_PCREL)
		*value -= linker->image->bias + rel->offset;
	return err;
}

static int relocate(const struct elf_rel *rel, bool has_addend, void *ctx)
{
	struct linker *linker = ctx;
	const struct reloc_type *type = arch_reloc(linker->arch, rel->type);
	const char *why = refusals[type != NULL ? type->kind : RELOC_UNKNOWN];
	char name[NAME_BYTES];
	uint64_t addend, value;
	uint8_t *bytes;
	int err;

	if (why != NULL)
		return fail(ENOEXEC, "%s: relocation type %u (%s) at 0x%" PRIx64 ", %s: %s",
			    linker->patch->path, rel->type, type != NULL ? type->name : "?",
			    rel->offset, symbol_name(linker, rel->symbol, name, sizeof(name)), why);
	if (type->kind == RELOC_NONE)
		return 0;
	err = find_bytes(linker, type, rel->offset, &bytes);
	if (err < 0)
		return err;
	if (type->kind == RELOC_TLSDESC)
		return put_descriptor(linker, rel, has_addend, bytes);
	addend = has_addend ? (uint64_t)rel->addend : addend_in_place(type, bytes);
	err = compute(linker, rel, type->kind, addend, &value);
	return err < 0 ? err : put(linker, type, rel->offset, bytes, value, rel->symbol);
}

/* ---- places of the metadata ---- */

/*
 * References of 4 bytes are signed.  An absolute address that is below 2^31 is the same number
 * whether the instruction extends it by its sign or by zeros.
 */
static const struct reloc_type place_types[] = {
	[VZ_PLACE_ABS] = { "absolute reference", RELOC_ABS, 0, true, 0 },
	[VZ_PLACE_PCREL] = { "relative reference", RELOC_PCREL, 0, true, 0 },
	[VZ_PLACE_GOTREL] = { "GOT-relative reference", RELOC_GOTREL, 0, true, 0 },
	[VZ_PLACE_DTPOFF] = { "offset of a thread-local variable", RELOC_DTPOFF, 0, true, 0 },
	[VZ_PLACE_TPOFF] = { "place of a thread-local variable", RELOC_TPOFF, 0, true, 0 },
};

static int place_tls(const struct linker *linker, const struct vz_place *place,
		     enum reloc_kind kind, uint64_t *value)
{
	const struct link_resolver *resolver = linker->resolver;
	struct link_tls tls;
	int err = resolver->find_tls(NULL, place->target_addr, &tls, resolver->ctx);

	return err < 0 ? err : tls_value(linker, &tls, STN_UNDEF, kind, (uint64_t)place->addend, value);
}

static int apply_place(const struct linker *linker, const struct vz_place *place)
{
	uint64_t value = linker->target_bias + place->target_addr + (uint64_t)place->addend;
	uint64_t got = linker->patch->elf.dyn.pltgot, addr = place->patch_addr;
	uint64_t kind = place->kind % VZ_PLACE_FIELD;
	struct reloc_type type = { .kind = RELOC_UNKNOWN };
	uint8_t *bytes;
	int err;

	if (kind < sizeof(place_types) / sizeof(place_types[0]))
		type = place_types[kind];
	type.field = (uint8_t)(place->kind / VZ_PLACE_FIELD);
	if (type.kind == RELOC_UNKNOWN || (type.kind == RELOC_GOTREL && got == 0) ||
	    (type.field != 0 && (linker->arch->put_field == NULL || place->kind / VZ_PLACE_FIELD > UINT8_MAX)) ||
	    (place->width != 4 && place->width != linker->arch->word))
		return fail(ENOEXEC, "%s: reference of kind %" PRIu64 " and %" PRIu64 " bytes at 0x%"
			    PRIx64 " cannot be made in this patch", linker->patch->path, place->kind,
			    place->width, addr);
	type.width = (uint8_t)place->width;
	err = find_bytes(linker, &type, addr, &bytes);
	if (err == 0 && (type.kind == RELOC_DTPOFF || type.kind == RELOC_TPOFF))
		err = place_tls(linker, place, type.kind, &value);
	if (err < 0)
		return err;
	if (type.kind == RELOC_PCREL)
		value -= linker->image->bias + addr;
	if (type.kind == RELOC_GOTREL)
		value -= linker->image->bias + got;
	return put(linker, &type, addr, bytes, value, STN_UNDEF);
}

int link_image(const struct patchfile *patch, const struct arch *arch, uint64_t page, uint64_t base,
	       uint64_t target_bias, const struct link_resolver *resolver, struct link_image *out)
{
	struct linker linker = { .patch = patch, .arch = arch, .target_bias = target_bias,
				 .resolver = resolver, .image = out };
	int err = 0;

	*out = (struct link_image){ .page = page };
	if (patch->elf.elf_class != arch->elf_class || patch->elf.machine != arch->elf_machine)
		err = fail(ENOEXEC, "%s: is a patch for %s, not for %s", patch->path,
			   arch_describe(patch->elf.elf_class, patch->elf.machine), arch->name);
	if (err == 0)
		err = lay_out(&linker, base);
	if (err == 0)
		err = read_meta(&linker);
	if (err == 0)
		err = meet_tls_get_addr(&linker);
	if (err == 0)
		err = elf_each_reloc(&patch->elf, arch->relative_type, relocate, &linker);
	for (size_t i = 0; i < patch->meta.n_places && err == 0; i++)
		err = apply_place(&linker, &patch->meta.places[i]);
	free(linker.meanings);
	free(linker.funcs);
	if (err < 0)
		link_image_deinit(out);
	return err;
}

int link_extend(struct link_image *image, uint64_t size)
{
	struct link_segment *segments = reallocarray(image->segments, image->n_segments + 1,
						     sizeof(*segments));
	uint8_t *bytes = realloc(image->bytes, (size_t)(image->size + size));

	image->segments = segments != NULL ? segments : image->segments;
	image->bytes = bytes != NULL ? bytes : image->bytes;
	if (segments == NULL || bytes == NULL)
		return fail(ENOMEM, "out of memory for an image of %" PRIu64 " bytes",
			    image->size + size);
	memset(bytes + image->size, 0, (size_t)size);
	segments[image->n_segments++] = (struct link_segment){
		.offset = image->size, .size = size, .prot = PROT_READ | PROT_EXEC
	};
	image->size += size;
	return 0;
}

void link_image_deinit(struct link_image *image)
{
	free(image->bytes);
	free(image->segments);
	*image = (struct link_image){ 0 };
}
