/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsb-gen: makes the metadata of live patches.
 *
 * Exit status: 0 done, 1 refused or failed, 64 wrong usage.  "check" exits with 2 if no file of
 * the process has the build-id, "generate" with 3 if nothing differs, with 4 if --as-built is not
 * the target.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "auto.h"
#include "binary.h"
#include "draft.h"
#include "externs.h"
#include "judge.h"
#include "manual.h"
#include "output.h"
#include "patchfile.h"
#include "process.h"
#include "refs.h"
#include "skeleton.h"
#include "refusals.h"
#include "witness.h"

enum { EXIT_REFUSED = 1, EXIT_ABSENT = 2, EXIT_SAME = 3, EXIT_OTHER_BUILD = 4, EXIT_BAD_USAGE = 64 };

struct command_line {
	const char *mode, *output, *debug_file, *build_id, *pid;
	const char *as_built, *fixed;	/* builds of the target: from the old source, from the new one */
	bool json, quiet, no_abi_check, strict, accepts_difference;
	char **arguments;	/* what is no option */
	int n_arguments;
	char **originals;	/* owned */
	size_t n_originals;
};

struct command {
	const char *name;
	int (*run)(const struct command_line *options);
	int least, most;	/* how many arguments it takes */
	const char *usage;
};

static int bad_usage(const char *why)
{
	fail(EINVAL, "%s (see nsb-gen --help)", why);
	return EXIT_BAD_USAGE;
}

static int status(int err)
{
	if (err == -ENODATA)
		return EXIT_SAME;
	if (err == -ESTALE)
		return EXIT_OTHER_BUILD;
	return err != 0 ? EXIT_REFUSED : 0;
}

/* generate */

static int checksum(const struct elffile *patch, bool has_units, uint64_t *out)
{
	struct patchfile file;
	int err = patchfile_copy_plain(&file, patch->path, patch->original, patch->size, has_units);

	if (err != 0)
		return err;
	*out = patchfile_load_crc(&file);
	patchfile_deinit(&file);
	return 0;
}

static int write_metadata(const struct draft *draft, const char *path, size_t *size)
{
	uint8_t *bytes = NULL;
	int err = vzpatch_encode(&draft->meta, &bytes, size);

	if (err == 0)
		err = output_write(&draft->patch->file, path, bytes, *size, draft->is_quiet);
	free(bytes);
	return err;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void summarize(const struct draft *draft, const char *path, size_t size)
{
	const struct vzpatch *meta = &draft->meta;
	size_t references = meta->n_dynrefs + meta->n_places;

	printf("%s: %zu function%s replaced, %zu new, %zu reference%s, %zu bytes\n", path,
	       meta->n_funcs, plural(meta->n_funcs), draft->n_new, references, plural(references),
	       size);
}

static const struct mode {
	const char *name;
	int (*draw)(struct draft *draft);
	bool has_objects;
} modes[] = {
	{ "manual", manual_draw, false },
	{ "auto", auto_draw, true },
};

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (name == NULL || strcmp(name, modes[i].name) == 0)
			return &modes[i];
	return NULL;
}

static int generate(const struct command_line *options)
{
	const char *path = options->output != NULL ? options->output : options->arguments[1];
	const struct mode *mode = find_mode(options->mode);
	struct binary target = { 0 }, patch = { 0 };
	struct witness witness = { .has_old = false };
	struct draft draft = { 0 };
	size_t size = 0;
	int err = 0;

	if (mode == NULL)
		return bad_usage("--mode is manual or auto");
	if (!mode->has_objects && (options->n_arguments > 2 || options->n_originals != 0))
		return bad_usage("only auto mode takes object files");
	if (mode->has_objects && options->n_arguments == 2)
		return bad_usage("auto mode needs the object files that the patch was linked from");
	if (options->as_built != NULL)
		err = witness_open_old(&witness, options->as_built);
	if (err == 0)
		err = binary_open_alike(&target, options->arguments[0], options->debug_file,
					witness.has_old ? &witness.old.file : NULL);
	if (err == 0 && (options->as_built != NULL || options->fixed != NULL))
		err = witness_begin(&witness, &target, options->fixed);
	if (err == 0)
		err = binary_open_patch(&patch, options->arguments[1]);
	if (err == 0)
		err = draft_init(&draft, &target, &patch);
	draft.meta.patch.name = base_name(path);
	draft.objects = options->arguments + 2;
	draft.n_objects = (size_t)options->n_arguments - 2;
	draft.originals = options->originals;
	draft.n_originals = options->n_originals;
	draft.is_quiet = options->quiet;
	draft.no_abi_check = options->no_abi_check;
	draft.witness = witness.has_new ? &witness : NULL;
	draft.is_strict = options->strict;
	draft.accepts_difference = options->accepts_difference;
	if (err == 0)
		err = tell_refusals(&draft, mode->draw(&draft));
	if (err == 0)
		err = witness_judge(&witness, &draft);
	if (err == 0)
		err = checksum(&patch.file, mode->has_objects, &draft.meta.load_crc);
	if (err == 0)
		err = write_metadata(&draft, path, &size);
	if (err == 0 && !options->quiet)
		summarize(&draft, path, size);
	draft_deinit(&draft);
	binary_close(&patch);
	witness_end(&witness);
	binary_close(&target);
	return status(err);
}

/* buildid */

static int print_build_id(const struct command_line *options)
{
	char text[2 * BUILD_ID_MAX + 1];
	struct elffile file;
	int err = elffile_open(&file, options->arguments[0]);

	if (err != 0)
		return status(err);
	if (file.build_id_size == 0)
		err = fail(ENOENT, "%s: no build-id (link with -Wl,--build-id)", file.path);
	build_id_format(file.build_id, file.build_id_size, text);
	if (err == 0)
		puts(text);
	elffile_close(&file);
	return status(err);
}

/* check */

static int check(const struct command_line *options)
{
	uint8_t id[BUILD_ID_MAX];
	size_t size = 0;
	char *path = NULL;

	const char *pid = options->pid, *build_id = options->build_id;

	/* The tool of 2017 took them without the options' names. */
	if (pid == NULL && build_id == NULL && options->n_arguments == 2) {
		pid = options->arguments[0];
		build_id = options->arguments[1];
	}
	if (pid == NULL || build_id == NULL)
		return bad_usage("check needs --pid PID and --id BUILD-ID");
	if (build_id_parse(build_id, id, &size) != 0 || size == 0)
		return bad_usage("--id wants an even number of hexadecimal digits");
	if (*pid == '\0' || pid[strspn(pid, "0123456789")] != '\0')
		return bad_usage("--pid wants a number");
	int err = process_find_file(pid, id, size, &path);
	if (err == -ENOENT && path == NULL && *msg_kept() == '\0') {
		if (!options->quiet)
			warn("%s: no file of the process has build-id %s", pid, build_id);
		return EXIT_ABSENT;
	}
	if (err == 0 && !options->quiet)
		puts(path);
	free(path);
	return status(err);
}

/* dump */

static int dump(const struct command_line *options)
{
	struct vzpatch meta = { 0 };
	struct dwarf_bytes bytes;
	struct elffile file;
	int err = elffile_open(&file, options->arguments[0]);

	if (err != 0)
		return status(err);
	err = elffile_bytes(&file, VZPATCH_SECTION, &bytes);
	if (err == 0 && bytes.size == 0)
		err = fail(ENOENT, "%s: no section " VZPATCH_SECTION " (make one with nsb-gen "
			   "generate)", file.path);
	if (err == 0)
		err = vzpatch_decode(bytes.data, bytes.size, &meta);
	if (err == 0 && options->json) {
		vzpatch_print_json(&meta, stdout);
		putchar('\n');
	} else if (err == 0) {
		vzpatch_print(&meta, stdout);
	}
	vzpatch_deinit(&meta);
	elffile_close(&file);
	return status(err);
}

/* compare */

static int compare(const struct command_line *options)
{
	struct differences differences = { .n_pairs = 0 };
	struct build old = { .path = NULL }, new = { .path = NULL };
	bool any = false;
	int err = build_open(&old, options->arguments[0], options->debug_file);

	if (err == 0)
		err = build_open(&new, options->arguments[1], NULL);
	if (err == 0)
		err = witness_compare(&old, &new, &differences);
	if (err == 0)
		witness_print(&old, &new, &differences, &any);
	if (err == 0 && !any)
		err = fail(ENODATA, "%s, %s: nothing differs in %zu functions and %zu variables", old.path, new.path,
			   differences.n_functions, differences.n_data);
	differences_deinit(&differences);
	build_close(&new);
	build_close(&old);
	return status(err);
}

/* externs */

static int print_externs(const struct command_line *options)
{
	return status(externs_print(options->arguments, (size_t)options->n_arguments));
}

/* refs */

static int print_refs(const struct command_line *options)
{
	struct binary target = { 0 };
	int err = binary_open(&target, options->arguments[0], options->debug_file);

	if (err == 0)
		err = refs_print(&target, options->arguments + 1, (size_t)options->n_arguments - 1);
	binary_close(&target);
	return status(err);
}

/* new */

static int print_skeleton(const struct command_line *options)
{
	struct binary target = { 0 };
	int err = binary_open(&target, options->arguments[0], options->debug_file);

	if (err == 0)
		err = skeleton_print(&target, options->arguments + 1, (size_t)options->n_arguments - 1);
	binary_close(&target);
	return status(err);
}

static const struct command commands[] = {
	{ "generate", generate, 2, INT_MAX,
	  "[--mode manual|auto] [--debugfile FILE] [--as-built OLD] [--fixed NEW] [-o OUT] TARGET PATCH.so [OBJECT... "
	  "[--original OBJECT...]]" },
	{ "compare", compare, 2, 2, "[--debugfile FILE] OLD NEW" },
	{ "refs", print_refs, 2, INT_MAX, "[--debugfile FILE] TARGET FUNCTION..." },
	{ "new", print_skeleton, 2, INT_MAX, "[--debugfile FILE] TARGET FUNCTION..." },
	{ "externs", print_externs, 1, INT_MAX, "OBJECT..." },
	{ "buildid", print_build_id, 1, 1, "FILE" },
	{ "check", check, 0, 2, "--pid PID --id BUILD-ID" },
	{ "dump", dump, 1, 1, "[--json] PATCH.so" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(void)
{
	puts("nsb-gen makes live patches for nsb out of shared objects.\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("%s nsb-gen %s %s\n", i != 0 ? "      " : "usage:", commands[i].name,
		       commands[i].usage);
	puts("\n"
	     "  -m, --mode MODE       manual: the patch names what it needs by the macros of vzp.h\n"
	     "                        auto: it was linked from whole units, the OBJECTs\n"
	     "      --original OBJECT...  the objects before the change: replace what differs\n"
	     "      --as-built OLD    refuse a patch if OLD, built from the old source, is not the target\n"
	     "      --fixed NEW       refuse it if NEW, OLD with the fix, differs in more than it replaces\n"
	     "  -d, --debugfile FILE  the target's debug info is in FILE\n"
	     "  -o, --output FILE     write to FILE; otherwise PATCH.so itself is changed\n"
	     "      --no-abi-check    do not look at what callers and arguments rely on\n"
	     "      --accept-difference  make the patch although OLD is not the target; it will tell\n"
	     "      --strict          what would be a note is a refusal\n"
	     "  -p, --pid PID         process to look at\n"
	     "  -i, --id BUILD-ID     build-id to look for\n"
	     "      --json            print JSON\n"
	     "  -v, --verbosity N     tell the steps (1) and details (2); -v alone adds one\n"
	     "  -q, --quiet           print nothing but errors\n"
	     "  -h, --help            print this\n"
	     "      --version         print the version");
}

enum { OPTION_JSON = 256, OPTION_VERSION, OPTION_VERBOSITY, OPTION_ORIGINAL,
       OPTION_NO_ABI_CHECK, OPTION_AS_BUILT, OPTION_FIXED, OPTION_STRICT, OPTION_ACCEPT_DIFFERENCE, OPTION_KEEP_MERGED };

static const struct option long_options[] = {
	{ "mode", required_argument, NULL, 'm' },
	{ "debugfile", required_argument, NULL, 'd' },
	{ "output", required_argument, NULL, 'o' },
	{ "outfile", required_argument, NULL, 'o' },	/* this and the next one are of the tool of 2017 */
	{ "keep-merged", no_argument, NULL, OPTION_KEEP_MERGED },
	{ "original", required_argument, NULL, OPTION_ORIGINAL },
	{ "as-built", required_argument, NULL, OPTION_AS_BUILT },
	{ "fixed", required_argument, NULL, OPTION_FIXED },
	{ "no-abi-check", no_argument, NULL, OPTION_NO_ABI_CHECK },
	{ "strict", no_argument, NULL, OPTION_STRICT },
	{ "accept-difference", no_argument, NULL, OPTION_ACCEPT_DIFFERENCE },
	{ "pid", required_argument, NULL, 'p' },
	{ "id", required_argument, NULL, 'i' },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "verbosity", required_argument, NULL, OPTION_VERBOSITY },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* "-v" adds one; "-v 2" is accepted as well. */
static bool is_level(const char *text)
{
	return text != NULL && text[0] >= '0' && text[0] <= '9' && text[1] == '\0';
}

/* --original takes everything that follows, up to the next option. */
static int take_originals(int argc, char **argv, struct command_line *options)
{
	int err = ARRAY_GROW(&options->originals, options->n_originals, (size_t)argc);

	if (err != 0)
		return err;
	options->originals[options->n_originals++] = optarg;
	while (optind < argc && *argv[optind] != '-')
		options->originals[options->n_originals++] = argv[optind++];
	return 0;
}

/* 0 to go on, else the exit status + 1. */
static int read_options(int argc, char **argv, struct command_line *options)
{
	int c;

	opterr = 0;
	/* Options are taken behind the command's name, too, whatever the environment says of getopt_long(3). */
	(void)unsetenv("POSIXLY_CORRECT");
	while ((c = getopt_long(argc, argv, "m:d:o:p:i:vqh", long_options, NULL)) != -1) {
		switch (c) {
		case 'm':
			options->mode = optarg;
			break;
		case 'd':
			options->debug_file = optarg;
			break;
		case 'o':
			options->output = optarg;
			break;
		case 'p':
			options->pid = optarg;
			break;
		case 'i':
			options->build_id = optarg;
			break;
		case OPTION_ORIGINAL:
			if (take_originals(argc, argv, options) != 0)
				return 1 + EXIT_REFUSED;
			break;
		case OPTION_AS_BUILT:
			options->as_built = optarg;
			break;
		case OPTION_FIXED:
			options->fixed = optarg;
			break;
		case OPTION_NO_ABI_CHECK:
			options->no_abi_check = true;
			break;
		case OPTION_KEEP_MERGED:
			break;
		case OPTION_ACCEPT_DIFFERENCE:
			options->accepts_difference = true;
			break;
		case OPTION_STRICT:
			options->strict = true;
			break;
		case OPTION_JSON:
			options->json = true;
			break;
		case 'v':
			if (optind < argc && is_level(argv[optind]))
				msg_verbosity = argv[optind++][0] - '0';
			else
				msg_verbosity++;
			break;
		case OPTION_VERBOSITY:
			if (!is_level(optarg))
				return 1 + bad_usage("--verbosity wants a digit");
			msg_verbosity = optarg[0] - '0';
			break;
		case 'q':
			options->quiet = true;
			break;
		case 'h':
			help();
			return 1;
		case OPTION_VERSION:
			puts("nsb-gen " NSB_VERSION);
			return 1;
		default:
			fail(EINVAL, "unknown option, or one without its argument: %s (see nsb-gen "
			     "--help)", argv[optind - 1]);
			return 1 + EXIT_BAD_USAGE;
		}
	}
	options->arguments = argv + optind;
	options->n_arguments = argc - optind;
	return 0;
}

static int run_command(struct command_line *options)
{
	if (options->n_arguments == 0)
		return bad_usage("a command is needed: generate, compare, refs, new, externs, buildid, check or dump");
	const char *name = *options->arguments++;
	options->n_arguments--;
	/* As the tool of 2017 has it. */
	if (strcmp(name, "build-id") == 0)
		name = "buildid";
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *command = &commands[i];

		if (strcmp(command->name, name) != 0)
			continue;
		if (options->n_arguments < command->least || options->n_arguments > command->most) {
			fail(EINVAL, "usage: nsb-gen %s %s", name, command->usage);
			return EXIT_BAD_USAGE;
		}
		return command->run(options);
	}
	fail(EINVAL, "unknown command '%s' (see nsb-gen --help)", name);
	return EXIT_BAD_USAGE;
}

static int run(int argc, char **argv)
{
	struct command_line options = { 0 };
	int done = read_options(argc, argv, &options);
	int result = done != 0 ? done - 1 : run_command(&options);

	free(options.originals);
	return result;
}

int main(int argc, char **argv)
{
	msg_init("nsb-gen");
	int result = run(argc, argv);

	if (result == EXIT_REFUSED || result == EXIT_SAME || result == EXIT_OTHER_BUILD || result == EXIT_BAD_USAGE)
		msg_print_kept();
	if (fflush(stdout) != 0 || ferror(stdout) != 0) {
		warn("cannot write the output: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	return result;
}
