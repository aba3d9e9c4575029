/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsb: argv to command, errno to exit status.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "all.h"
#include "array.h"
#include "clock.h"
#include "commands.h"
#include "help.h"
#include "interrupt.h"
#include "json.h"
#include "msg.h"
#include "rollout.h"
#include "status.h"
#include "watch.h"

#define DEFAULT_TIMEOUT_MS 10000
#define DEFAULT_SETTLE_MS 3000
#define LONGEST_TIMEOUT_S 86400

enum command_flags {
	NEEDS_PROCESS = 1 << 0,	/* -p or --all */
	NEEDS_FILE = 1 << 1,
	TAKES_ID = 1 << 2,	/* --id does instead of a file */
	CHANGES = 1 << 3,
	TAKES_FILES = 1 << 4,	/* several of them */
	TAKES_WORD = 1 << 5,	/* an argument of its own */
	LOOKS = 1 << 6,		/* at processes, and may be interrupted */
	ROLLS_OUT = 1 << 7,	/* to many processes, and takes --canary */
};

static const struct {
	const char *name;
	int (*run)(const struct options *options);
	int flags;
} commands[] = {
	{ "patch", command_patch, NEEDS_PROCESS | NEEDS_FILE | CHANGES | LOOKS },
	{ "revert", command_revert, NEEDS_PROCESS | NEEDS_FILE | TAKES_ID | CHANGES | LOOKS },
	{ "list", command_list, LOOKS },
	{ "check", command_check, NEEDS_PROCESS | NEEDS_FILE | LOOKS },
	{ "info", command_info, NEEDS_FILE },
	{ "run", command_run, NEEDS_FILE | TAKES_FILES | CHANGES },
	{ "status", command_status, TAKES_FILES | LOOKS },
	{ "install", command_install, TAKES_WORD | CHANGES | LOOKS },
	{ "remove", command_remove, TAKES_WORD | CHANGES | LOOKS },
	{ "watch", command_watch, TAKES_FILES | CHANGES | LOOKS },
	{ "sync", command_sync, CHANGES | LOOKS | ROLLS_OUT },
};

enum {
	OPT_ID = 256, OPT_DRY_RUN, OPT_TIMEOUT, OPT_RETRIES, OPT_ALLOW_ACTIVE,
	OPT_JSON, OPT_NO_PLUGIN, OPT_ALL,
	OPT_EXE, OPT_USER, OPT_BUILD_ID, OPT_PERF_MAP, OPT_INSECURE_FILE, OPT_BEST_EFFORT, OPT_REPLACE, OPT_SYSLOG,
	OPT_NO_EXCEPTIONS, OPT_FOLLOW, OPT_NO_SYSLOG, OPT_OBJECT, OPT_STORE, OPT_CVE, OPT_CHECK, OPT_PROMETHEUS,
	OPT_CORE, OPT_CANARY, OPT_BATCH, OPT_SETTLE, OPT_PROBE, OPT_STOP_ON_FAILURE,
};

static const struct option long_options[] = {
	{ "pid", required_argument, NULL, 'p' },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "exe", required_argument, NULL, OPT_EXE },
	{ "user", required_argument, NULL, OPT_USER },
	{ "filename", required_argument, NULL, 'f' },
	{ "syslog", no_argument, NULL, OPT_SYSLOG },
	{ "no-syslog", no_argument, NULL, OPT_NO_SYSLOG },
	{ "object", required_argument, NULL, OPT_OBJECT },
	{ "core", required_argument, NULL, OPT_CORE },
	{ "store", required_argument, NULL, OPT_STORE },
	{ "cve", required_argument, NULL, OPT_CVE },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "canary", optional_argument, NULL, OPT_CANARY },
	{ "batch", required_argument, NULL, OPT_BATCH },
	{ "settle", required_argument, NULL, OPT_SETTLE },
	{ "probe", required_argument, NULL, OPT_PROBE },
	{ "stop-on-failure", no_argument, NULL, OPT_STOP_ON_FAILURE },
	{ "prometheus", no_argument, NULL, OPT_PROMETHEUS },
	{ "replace", no_argument, NULL, OPT_REPLACE },
	{ "follow", no_argument, NULL, OPT_FOLLOW },
	{ "best-effort", no_argument, NULL, OPT_BEST_EFFORT },
	{ "insecure-file", no_argument, NULL, OPT_INSECURE_FILE },
	{ "id", required_argument, NULL, OPT_ID },
	{ "build-id", required_argument, NULL, OPT_BUILD_ID },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "retries", required_argument, NULL, OPT_RETRIES },
	{ "allow-active", required_argument, NULL, OPT_ALLOW_ACTIVE },
	{ "no-exceptions", no_argument, NULL, OPT_NO_EXCEPTIONS },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "perf-map", no_argument, NULL, OPT_PERF_MAP },
	{ "verbosity", optional_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "no-plugin", no_argument, NULL, OPT_NO_PLUGIN },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const char *json_for = NULL;	/* the command whose failure is told in JSON; NULL: of none */

static int usage(const char *what, const char *arg)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "%s%s%s", what, arg[0] == '\0' ? "" : ": ", arg);
	warn("%s (try nsb --help)", text);
	if (json_for != NULL)
		json_failure(json_for, EXIT_USAGE, status_name(EXIT_USAGE), text);
	return EXIT_USAGE;
}

/* This looks for --json before the options are read, as one of them may be wrong. */
static const char *look_for_json(int argc, char **argv)
{
	const char *command = "";
	bool wanted = false;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		wanted = wanted || strcmp(argv[i], "--json") == 0;
		for (size_t k = 0; k < sizeof(commands) / sizeof(commands[0]); k++) {
			if (command[0] == '\0' && strcmp(argv[i], commands[k].name) == 0)
				command = commands[k].name;
		}
	}
	return wanted ? command : NULL;
}

/* Parse a whole decimal number from lo to hi. */
static int parse_number(const char *text, long lo, long hi, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(text, &end, 10);
	return errno != 0 || end == text || *end != '\0' || *value < lo || *value > hi ? -EINVAL : 0;
}

/* Add process ids: several are separated by commas or blanks, as pidof(1) has them. */
static int parse_pids(const char *text, struct options *options)
{
	const char *const between = ", \t\n";

	for (text += strspn(text, between); *text != '\0'; text += strspn(text, between)) {
		char *end;
		long value;

		errno = 0;
		value = strtol(text, &end, 10);
		if (errno != 0 || end == text || (*end != '\0' && strchr(between, *end) == NULL) || value < 1 || value > INT_MAX)
			return -EINVAL;
		text = end;
		for (size_t i = 0; i < options->n_pids && value != 0; i++)
			value = options->pids[i] == value ? 0 : value;
		if (value == 0)
			continue;
		if (ARRAY_GROW(&options->pids, options->n_pids, 1) != 0)
			return -ENOMEM;
		options->pids[options->n_pids++] = (pid_t)value;
	}
	return options->n_pids > 0 ? 0 : -EINVAL;
}

/* Each -v adds one; -v N and -vN set the number.  Scripts use all of these spellings. */
static int parse_verbosity(int argc, char **argv)
{
	long value;

	if (optarg == NULL && optind < argc && parse_number(argv[optind], 0, 9, &value) == 0)
		optarg = argv[optind++];
	if (optarg == NULL) {
		msg_verbosity++;
		return 0;
	}
	if (strspn(optarg, "v") == strlen(optarg)) {
		msg_verbosity += 1 + (int)strlen(optarg);
		return 0;
	}
	if (parse_number(optarg, 0, 9, &value) != 0)
		return -EINVAL;
	msg_verbosity = (int)value;
	return 0;
}

/* Parse a number of seconds with up to three decimal places. */
static int parse_timeout(const char *text, unsigned *ms)
{
	char *end;
	unsigned long seconds;
	unsigned place = 100;

	errno = 0;
	seconds = strtoul(text, &end, 10);
	if (errno != 0 || text[0] < '0' || text[0] > '9' || seconds > LONGEST_TIMEOUT_S)
		return -EINVAL;
	*ms = (unsigned)seconds * 1000;
	if (*end == '.') {
		for (end++; *end >= '0' && *end <= '9'; end++, place /= 10)
			*ms += (unsigned)(*end - '0') * place;
	}
	return *end == '\0' ? 0 : -EINVAL;
}

/* Where an option without an argument is noted; NULL: it is another one. */
static bool *flag_of(int option, struct options *options)
{
	switch (option) {
	case OPT_SYSLOG:
		return &options->syslog;
	case OPT_NO_SYSLOG:
		return &options->no_syslog;
	case OPT_CHECK:
		return &options->monitor;
	case OPT_PROMETHEUS:
		return &options->prometheus;
	case OPT_STOP_ON_FAILURE:
		return &options->stop_on_failure;
	case OPT_NO_EXCEPTIONS:
		return &options->no_exceptions;
	case OPT_REPLACE:
		return &options->replace;
	case OPT_FOLLOW:
		return &options->follow;
	case OPT_BEST_EFFORT:
		return &options->best_effort;
	case OPT_INSECURE_FILE:
		return &options->insecure_file;
	case OPT_ALL:
		return &options->all;
	case OPT_PERF_MAP:
		return &options->perf_map;
	case OPT_DRY_RUN:
		return &options->dry_run;
	case OPT_JSON:
		return &options->json;
	case 'q':
		return &options->quiet;
	default:
		return NULL;
	}
}

/* Where the argument of an option is kept as it is; NULL: it is another option. */
static const char **text_of(int option, struct options *options)
{
	switch (option) {
	case OPT_OBJECT:
		return &options->object;
	case OPT_CORE:
		return &options->core;
	case OPT_STORE:
		return &options->store;
	case OPT_CVE:
		return &options->cve;
	case OPT_PROBE:
		return &options->probe;
	case OPT_EXE:
		return &options->exe;
	default:
		return NULL;
	}
}

static int parse_option(int option, int argc, char **argv, struct options *options)
{
	bool *flag = flag_of(option, options);
	const char **text = text_of(option, options);
	long value;
	int err = 0;

	if (flag != NULL)
		*flag = true;
	if (text != NULL)
		*text = optarg;
	if (flag != NULL || text != NULL)
		return 0;
	switch (option) {
	case 'p':
		err = parse_pids(optarg, options);
		return err != 0 ? usage("not a process id", optarg) : 0;
	case 'f':
		if (options->n_files == FILES_MAX)
			return usage("too many patches", optarg);
		options->files[options->n_files++] = optarg;
		return 0;
	case OPT_ID:
		err = build_id_parse(optarg, options->id, &options->id_size);
		return err != 0 ? usage("not a build-id", optarg) : 0;
	case OPT_BUILD_ID:
		err = build_id_parse(optarg, options->object_id, &options->object_id_size);
		return err != 0 ? usage("not a build-id", optarg) : 0;
	case OPT_CANARY:
		options->canary = 1;
		if (optarg == NULL && optind < argc && parse_number(argv[optind], 1, INT_MAX, &value) == 0)
			optarg = argv[optind++];
		if (optarg == NULL)
			return 0;
		err = parse_number(optarg, 1, INT_MAX, &value);
		options->canary = (unsigned)value;
		return err != 0 ? usage("not a number of processes", optarg) : 0;
	case OPT_BATCH:
		err = parse_number(optarg, 1, INT_MAX, &value);
		options->batch = (unsigned)value;
		return err != 0 ? usage("not a number of processes", optarg) : 0;
	case OPT_SETTLE:
		options->has_settle = true;
		err = parse_timeout(optarg, &options->settle_ms);
		return err != 0 ? usage("not a time in seconds", optarg) : 0;
	case OPT_USER:
		options->by_user = true;
		return all_find_user(optarg, &options->uid) != 0 ? usage(msg_kept(), "") : 0;
	case OPT_TIMEOUT:
		err = parse_timeout(optarg, &options->limits.timeout_ms);
		return err != 0 ? usage("not a time in seconds", optarg) : 0;
	case OPT_RETRIES:
		err = parse_number(optarg, 0, INT_MAX, &value);
		options->limits.retries = (unsigned)value;
		return err != 0 ? usage("not a number of retries", optarg) : 0;
	case OPT_ALLOW_ACTIVE:
		if (options->allowed.count == ALLOWED_MAX)
			return usage("too many functions for --allow-active", optarg);
		options->allowed.names[options->allowed.count++] = optarg;
		return 0;
	case 'v':
		return parse_verbosity(argc, argv) != 0 ? usage("not a verbosity", optarg) : 0;
	case OPT_NO_PLUGIN:
		return 0;
	case 'h':
		(void)help_print(NULL);
		exit(fflush(stdout) == 0 ? EXIT_DONE : EXIT_REFUSED);
	case 'V':
		printf("nsb %s\n", NSB_VERSION);
		exit(fflush(stdout) == 0 ? EXIT_DONE : EXIT_REFUSED);
	case ':':
		return usage("an argument is missing", argv[optind - 1]);
	default:
		return usage("no such option", argv[optind - 1]);
	}
}

/* Whether somebody has given nsb a real-time priority (chrt(1)). */
static bool is_real_time(void)
{
	int policy = sched_getscheduler(0);

	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static int run_command(size_t i, const struct options *options)
{
	const int flags = commands[i].flags;
	int err;

	if ((flags & NEEDS_PROCESS) && options->n_pids == 0 && !options->all)
		return usage("no process given (-p PID)", "");
	if (options->n_pids > 0 && (options->all || options->exe != NULL || options->by_user))
		return usage("one process or many, not both", "");
	if ((flags & NEEDS_FILE) && options->n_files == 0 && !((flags & TAKES_ID) && options->id_size > 0))
		return usage("no patch given (-f FILE)", "");
	if (!(flags & TAKES_FILES) && options->n_files > 1)
		return usage("one patch at a time, and here is a second one", options->files[1]);
	if (rollout_is_wanted(options) && !(options->all && commands[i].run == command_patch) && !(flags & ROLLS_OUT))
		return usage("--canary and its like are for patch --all and sync", "");
	if (commands[i].run != command_run && options->follow)
		return usage("--follow is for run", "");
	if (commands[i].run == command_run && options->program == NULL)
		return usage("no program given (-- PROGRAM)", "");
	if ((flags & TAKES_WORD) && options->n_arguments == 0)
		return usage("what?  nothing is named", "");
	if (options->n_arguments > ((flags & TAKES_WORD) ? 1 : 0))
		return usage("too many arguments", options->arguments[(flags & TAKES_WORD) ? 1 : 0]);
	if (flags & LOOKS)
		interrupt_init();
	if (is_real_time())
		spin_never();
	err = commands[i].run(options);
	if (err != 0 && options->json)
		json_failure(commands[i].name, status_of(err), status_name(status_of(err)),
			     msg_kept()[0] == '\0' ? NULL : msg_kept());
	if (err != 0 && msg_kept()[0] != '\0')
		msg_print_kept();
	if (fflush(stdout) != 0 && err == 0) {
		warn("cannot write the answer: %s", strerror(errno));
		/*
		 * The command was carried out, only its output is lost.  Any other status than
		 * EXIT_DONE would say that nothing was changed.
		 */
		return flags & CHANGES ? EXIT_DONE : EXIT_REFUSED;
	}
	return err == 0 ? EXIT_DONE : (int)status_of(err);
}

/*
 * With POSIXLY_CORRECT in the environment getopt_long(3) takes no options behind the command's
 * name.  The program that `nsb run` becomes has to find its environment as it was, in the same order.
 */
static char **find_posixly_correct(void)
{
	static const char name[] = "POSIXLY_CORRECT";
	size_t size = sizeof(name) - 1;

	for (char **at = environ; *at != NULL; at++) {
		if (strncmp(*at, name, size) == 0 && ((*at)[size] == '=' || (*at)[size] == '\0'))
			return at;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct options options = { .limits = { DEFAULT_TIMEOUT_MS, UINT_MAX } };
	char **posixly = find_posixly_correct(), *kept = posixly == NULL ? NULL : *posixly, none[] = "_=";
	int option, err;

	msg_init("nsb");
	json_for = look_for_json(argc, argv);
	if (posixly != NULL)
		*posixly = none;
	while ((option = getopt_long(argc, argv, ":p:f:v::qhV", long_options, NULL)) != -1) {
		err = parse_option(option, argc, argv, &options);
		if (err != 0)
			return err;
	}
	if (posixly != NULL)
		*posixly = kept;
	/* A canary that nobody looks at is none. */
	options.stop_on_failure = options.stop_on_failure || options.canary > 0;
	if (!options.has_settle && (options.canary > 0 || options.batch > 0))
		options.settle_ms = DEFAULT_SETTLE_MS;
	if (optind == argc)
		return usage("no command given", "");
	if (optind + 1 < argc && strcmp(argv[optind], "run") == 0) {
		options.program = &argv[optind + 1];
	} else if (strcmp(argv[optind], "help") == 0) {
		const char *about = optind + 1 < argc ? argv[optind + 1] : NULL;

		return help_print(about) ? EXIT_DONE : usage("no such command", about);
	} else {
		options.arguments = &argv[optind + 1];
		options.n_arguments = (size_t)(argc - optind - 1);
		/* -p $(pidof nginx) has the other ones here. */
		while (options.n_pids > 0 && options.n_arguments > 0 && parse_pids(options.arguments[0], &options) == 0) {
			options.arguments++;
			options.n_arguments--;
		}
		options.many = options.all || options.n_pids > 1;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[optind]) == 0)
			return run_command(i, &options);
	}
	return usage("no such command", argv[optind]);
}
