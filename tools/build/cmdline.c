/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmdline.h"

#include <ctype.h>
#include <string.h>

#include "stage.h"

static bool begins(const char *word, const char *with)
{
	return strncmp(word, with, strlen(with)) == 0;
}

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

bool is_compiler_name(const char *name)
{
	static const char *const names[] = { "cc", "gcc", "clang", "c99", "c89", "c++", "g++", "clang++", NULL };
	size_t length = strlen(name);
	char plain[32];

	/* A version at the end: -12, -4.9. */
	size_t digits = 0;
	while (digits < length && (isdigit((unsigned char)name[length - 1 - digits]) || name[length - 1 - digits] == '.'))
		digits++;
	if (digits > 0 && digits < length && name[length - 1 - digits] == '-')
		length -= digits + 1;
	/* What is in front of the last '-' is a triplet. */
	const char *start = name;
	for (const char *at = name; at < name + length; at++)
		if (*at == '-')
			start = at + 1;
	length -= (size_t)(start - name);
	if (length >= sizeof(plain))
		return false;
	memcpy(plain, start, length);
	plain[length] = '\0';
	return is_one_of(plain, names);
}

/* Options whose argument is the next word. */
static bool takes_next(const char *word)
{
	static const char *const list[] = {
		"-o", "-I", "-D", "-U", "-L", "-l", "-x", "-include", "-imacros", "-isystem", "-iquote", "-idirafter",
		"-isysroot", "-iprefix", "-iwithprefix", "-iwithprefixbefore", "-imultilib", "-MF", "-MT", "-MQ",
		"-Xlinker", "-Xassembler", "-Xpreprocessor", "-Xclang", "-T", "-u", "-z", "-e", "-aux-info", "-b", "-B", "-V",
		"-arch", "--param", "-A", "-G", "-h", "-dumpbase", "-dumpdir", "-dumpbase-ext", "-target", "-mllvm",
		"-include-pch", "-wrapper", NULL };

	return is_one_of(word, list);
}

static bool is_source(const char *word)
{
	static const char *const endings[] = {
		"c", "i", "ii", "cc", "cp", "cxx", "cpp", "CPP", "c++", "C", "s", "S", "sx", NULL };
	const char *dot = strrchr(word, '.');

	return dot != NULL && strchr(dot, '/') == NULL && is_one_of(dot + 1, endings);
}

/* Options that say nothing of types, -gz for example, leave *has_types as it is. */
static void read_debug_option(const char *word, bool *has_types)
{
	static const char *const none[] = { "-g0", "-g1", "-gmlt", "-ggdb0", "-ggdb1", "-gline-tables-only",
					    "-gline-directives-only", NULL };
	static const char *const full[] = { "-g", "-g2", "-g3", "-ggdb", "-ggdb2", "-ggdb3", "-gfull", "-gdwarf", NULL };

	if (is_one_of(word, none))
		*has_types = false;
	else if (is_one_of(word, full) || (begins(word, "-gdwarf-") && isdigit((unsigned char)word[8])))
		*has_types = true;
}

/* "-Wp,-MD,x.d" and "-Wp,-MMD,x.d,-MT,x.o": the file. */
static const char *wp_depends(const char *word)
{
	size_t start = begins(word, "-Wp,-MD,") ? 8 : begins(word, "-Wp,-MMD,") ? 9 : 0;

	return start != 0 ? text("%.*s", (int)strcspn(word + start, ","), word + start) : NULL;
}

/* The name of the dependency file that -MD makes without -MF. */
static char *depends_of_output(const struct cmdline *line)
{
	const char *base = line->output;

	if (base == NULL && line->sources.n == 1) {
		base = strrchr(line->sources.all[0], '/');
		base = base != NULL ? base + 1 : line->sources.all[0];
	}
	if (base == NULL || line->what != COMPILING_OBJECT)
		return NULL;
	const char *dot = strrchr(base, '.');
	if (dot == NULL || strchr(dot, '/') != NULL)
		dot = base + strlen(base);
	return text("%.*s.d", (int)(dot - base), base);
}

void cmdline_read(const struct words *arguments, struct cmdline *line)
{
	bool is_c = false, is_nothing = false, writes_depends = false, is_forced = false;

	memset(line, 0, sizeof(*line));
	for (size_t i = 0; i < arguments->n; i++) {
		const char *word = arguments->all[i], *next = arguments->all[i + 1];

		if (strcmp(word, "-c") == 0 || strcmp(word, "-S") == 0) {
			is_c = true;
		} else if (strcmp(word, "-E") == 0 || strcmp(word, "-M") == 0 || strcmp(word, "-MM") == 0 ||
			   strcmp(word, "-fsyntax-only") == 0 || strcmp(word, "-###") == 0) {
			is_nothing = true;
		} else if (strcmp(word, "-MD") == 0 || strcmp(word, "-MMD") == 0) {
			writes_depends = true;
		} else if (wp_depends(word) != NULL) {
			line->depends = wp_depends(word);
			line->has_depends = true;
		} else if (begins(word, "-o") && word[2] != '\0' && !begins(word, "-object")) {
			line->output = word + 2;
		} else if (begins(word, "-MF") && word[3] != '\0') {
			line->depends = word + 3;
		} else if (begins(word, "-x") && word[2] != '\0') {
			is_forced = strcmp(word + 2, "none") != 0;
		} else if (takes_next(word) && next != NULL) {
			if (strcmp(word, "-o") == 0)
				line->output = next;
			else if (strcmp(word, "-MF") == 0)
				line->depends = next;
			else if (strcmp(word, "-x") == 0)
				is_forced = strcmp(next, "none") != 0;
			i++;
		} else if (*word != '-') {
			if (is_source(word) || is_forced)
				words_add(&line->sources, word);
		} else {
			read_debug_option(word, &line->has_types);
		}
	}
	line->what = is_nothing ? COMPILING_NOTHING : is_c ? COMPILING_OBJECT : COMPILING_PROGRAM;
	if (is_c && line->sources.n == 0)
		line->what = COMPILING_NOTHING;
	line->has_depends |= writes_depends;
	if (writes_depends && line->depends == NULL)
		line->depends = depends_of_output(line);
}

/* The next word of a response file, as libiberty's buildargv() reads it; NULL at its end. */
static char *next_word(const char **at)
{
	const char *from = *at;
	char quote = '\0';

	while (isspace((unsigned char)*from))
		from++;
	if (*from == '\0')
		return NULL;
	char *word = text("%s", from), *to = word;
	for (; *from != '\0'; from++) {
		if (*from == '\\' && from[1] != '\0' && quote != '\'') {
			*to++ = *++from;
		} else if (quote != '\0') {
			if (*from == quote)
				quote = '\0';
			else
				*to++ = *from;
		} else if (*from == '\'' || *from == '"') {
			quote = *from;
		} else if (isspace((unsigned char)*from)) {
			break;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	*at = from;
	return word;
}

void cmdline_expand(const struct words *arguments, struct words *out)
{
	for (size_t i = 0; i < arguments->n; i++) {
		const char *word = arguments->all[i];
		const char *bytes = *word == '@' ? slurp(word + 1, NULL) : NULL;
		char *each;

		if (bytes == NULL)
			words_add(out, word);
		else
			while ((each = next_word(&bytes)) != NULL)
				words_add(out, each);
	}
}

void cmdline_keep_symbols(const struct words *arguments, struct words *out)
{
	static const char *const strips[] = { "-s", "-Wl,-s", "-Wl,--strip-all", "-Wl,-S", "-Wl,--strip-debug", NULL };

	for (size_t i = 0; i < arguments->n; i++) {
		const char *word = arguments->all[i];

		if (takes_next(word) && i + 1 < arguments->n) {
			words_add(out, word);
			words_add(out, arguments->all[++i]);
		} else if (!is_one_of(word, strips)) {
			words_add(out, word);
		}
	}
}

/* The options of a compilation, but for where its result goes and what it is called. */
static void compile_options(const struct words *arguments, struct words *out)
{
	static const char *const dropped[] = { "-c", "-S", "-E", "-MD", "-MMD", "-MP", "-MG", "-save-temps", NULL };
	static const char *const valued[] = { "-o", "-MF", "-MT", "-MQ", "-aux-info", "-dumpbase", "-dumpdir", "-dumpbase-ext", NULL };

	for (size_t i = 0; i < arguments->n; i++) {
		const char *word = arguments->all[i];

		if (is_one_of(word, valued)) {
			i++;
		} else if (takes_next(word) && i + 1 < arguments->n) {
			words_add(out, word);
			words_add(out, arguments->all[++i]);
		} else if (*word != '-' || is_one_of(word, dropped) || begins(word, "-Wp,-M") || begins(word, "-Wl,") ||
			   begins(word, "-save-temps=") || (begins(word, "-o") && !begins(word, "-object")) ||
			   begins(word, "-MF") || begins(word, "-MT") || begins(word, "-MQ")) {
			continue;
		} else {
			words_add(out, word);
		}
	}
}

void cmdline_preprocess(const struct words *arguments, const char *source, const char *output, struct words *out)
{
	compile_options(arguments, out);
	words_add_all(out, "-E", "-P", "-o", output, source, NULL);
}

void cmdline_patch_object(const struct words *arguments, const char *source, const char *output, struct words *out)
{
	static const char *const dropped[] = { "-s", "-g0", "-Werror", "-fprofile-arcs", "-ftest-coverage", "--coverage",
					       "-ffat-lto-objects", "-fno-fat-lto-objects", "-gsplit-dwarf", "-pie",
					       "-fwhole-program", "-shared", "-static", NULL };
	struct words options = { .n = 0 };

	compile_options(arguments, &options);
	for (size_t i = 0; i < options.n; i++) {
		const char *word = options.all[i];

		if (takes_next(word) && i + 1 < options.n) {
			words_add(out, word);
			words_add(out, options.all[++i]);
		} else if (!is_one_of(word, dropped) && !begins(word, "-flto") && !begins(word, "-Werror=")) {
			words_add(out, word);
		}
	}
	words_add_all(out, "-g", "-fPIC", "-ffunction-sections", "-fdata-sections", "-fno-semantic-interposition", "-fno-lto",
		      "-c", "-o", output, source, NULL);
}

void cmdline_link_options(const struct words *arguments, struct words *out)
{
	for (size_t i = 0; i < arguments->n; i++) {
		const char *word = arguments->all[i];

		if (strcmp(word, "-m32") == 0 || strcmp(word, "-m64") == 0 || begins(word, "-fuse-ld=") ||
		    begins(word, "-Wl,--wrap") || begins(word, "-Wl,-wrap"))
			words_add(out, word);
		else if (takes_next(word))
			i++;
	}
}

const char *cmdline_version_script(const struct words *arguments)
{
	static const char *const spellings[] = { "-Wl,--version-script,", "-Wl,--version-script=", "-Wl,-version-script,",
						 "-Wl,-version-script=", NULL };

	for (size_t i = 0; i < arguments->n; i++)
		for (const char *const *each = spellings; *each != NULL; each++)
			if (begins(arguments->all[i], *each))
				return arguments->all[i] + strlen(*each);
	return NULL;
}
