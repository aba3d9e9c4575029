/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "settings.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compilation.h"
#include "stage.h"

static void help(void)
{
	puts("nsb-build makes live patches for nsb out of a source diff and the command that builds the program.\n"
	     "\n"
	     "usage: nsb-build --target FILE --source DIR [OPTION...] DIFF... -- COMMAND...\n"
	     "       nsb-build --pid PID --source DIR [OPTION...] DIFF... -- COMMAND...\n"
	     "       nsb-build --debian PACKAGE[=VERSION] [OPTION...] DIFF...\n"
	     "       nsb-build --debian PACKAGE[=VERSION] --fixed-version VERSION [OPTION...] [NAME...]\n"
	     "       nsb-build --rpm FILE.src.rpm --target FILE [OPTION...] DIFF...\n"
	     "\n"
	     "  -t, --target FILE     the program or library as it is installed; may be given several times\n"
	     "  -p, --pid PID         a process that runs it: all of its files that have the changed code\n"
	     "      --debian PACKAGE[=VERSION]  all programs and libraries of a package, installed or fetched;\n"
	     "                        apt-get gets its source, which is built by its own rules\n"
	     "      --rpm FILE.src.rpm  the source package that the target was built from, which rpmbuild builds\n"
	     "      --fixed-version VERSION  the fix is what this version adds to debian/patches, or those\n"
	     "                        of its patches that have a NAME in their name or text: CVE-2023-1234\n"
	     "  -s, --source DIR      the source that it was built from, which stays as it is\n"
	     "  -o, --output DIR      where the patches and the log go; here, if it is not given\n"
	     "      --chroot DIR      do all of it in the system that is in DIR, where --debian installs what its build wants\n"
	     "      --suite SUITE[=MIRROR]  if there is none in DIR, debootstrap makes it: bookworm, trixie\n"
	     "      --deb             make a Debian package of each patch, too, which puts it into the store of nsb\n"
	     "      --built FILE      what the build makes of the target, below DIR, if its name does not tell\n"
	     "      --on-top-of PATCH  a patch that is applied already, and whose diffs are given, too: the new one\n"
	     "                        takes its place\n"
	     "      --test COMMAND    run this by sh -c with the patch in all that it starts; it has to succeed\n"
	     "      --accept-difference  make the patch although the old build is not the target; it will tell\n"
	     "      --no-trial        do not try the patch on a process\n"
	     "      --again COMMAND   run this by sh -c, and not COMMAND, where it has built before\n"
	     "      --no-cache        neither use nor keep a build of the old source\n"
	     "      --keep            keep the folder with both builds; there is no cache then\n"
	     "  -v, --verbose         tell the steps\n"
	     "  -q, --quiet           print nothing but errors\n"
	     "  -h, --help            print this\n"
	     "      --version         print the version");
}

static _Noreturn void bad_usage(const char *why)
{
	stop(STAGE_USAGE, "%s (see nsb-build --help)", why);
}

static char *absolute(const char *path)
{
	char folder[PATH_MAX];

	if (*path == '/')
		return text("%s", path);
	if (getcwd(folder, sizeof(folder)) == NULL)
		stop(STAGE_OTHER, "cannot tell the folder that this is: %s", strerror(errno));
	return text("%s/%s", folder, path);
}

enum { OPTION_VERSION = 256, OPTION_BUILT, OPTION_TEST, OPTION_NO_TRIAL, OPTION_KEEP, OPTION_DEBIAN, OPTION_AGAIN, OPTION_ON_TOP_OF, OPTION_RPM, OPTION_FIXED_VERSION, OPTION_NO_CACHE, OPTION_ACCEPT_DIFFERENCE, OPTION_DEB, OPTION_CHROOT, OPTION_SUITE };

static const struct option long_options[] = {
	{ "target", required_argument, NULL, 't' },
	{ "pid", required_argument, NULL, 'p' },
	{ "source", required_argument, NULL, 's' },
	{ "output", required_argument, NULL, 'o' },
	{ "debian", required_argument, NULL, OPTION_DEBIAN },
	{ "fixed-version", required_argument, NULL, OPTION_FIXED_VERSION },
	{ "rpm", required_argument, NULL, OPTION_RPM },
	{ "on-top-of", required_argument, NULL, OPTION_ON_TOP_OF },
	{ "built", required_argument, NULL, OPTION_BUILT },
	{ "test", required_argument, NULL, OPTION_TEST },
	{ "no-trial", no_argument, NULL, OPTION_NO_TRIAL },
	{ "accept-difference", no_argument, NULL, OPTION_ACCEPT_DIFFERENCE },
	{ "again", required_argument, NULL, OPTION_AGAIN },
	{ "no-cache", no_argument, NULL, OPTION_NO_CACHE },
	{ "keep", no_argument, NULL, OPTION_KEEP },
	{ "chroot", required_argument, NULL, OPTION_CHROOT },
	{ "suite", required_argument, NULL, OPTION_SUITE },
	{ "deb", no_argument, NULL, OPTION_DEB },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static void read_options(int argc, char **argv, struct settings *settings)
{
	int c, end = argc;

	/* What follows "--" is the build's. */
	for (int i = 1; i < argc && end == argc; i++)
		if (strcmp(argv[i], "--") == 0)
			end = i;
	for (int i = end + 1; i < argc; i++)
		words_add(&settings->command, argv[i]);
	opterr = 0;
	(void)unsetenv("POSIXLY_CORRECT");
	while ((c = getopt_long(end, argv, "t:p:s:o:vqh", long_options, NULL)) != -1) {
		switch (c) {
		case 't':
			words_add(&settings->targets, absolute(optarg));
			break;
		case 'p':
			settings->pid = optarg;
			break;
		case 's':
			settings->source = optarg;
			break;
		case 'o':
			settings->output = absolute(optarg);
			break;
		case OPTION_DEBIAN:
			settings->debian = optarg;
			break;
		case OPTION_BUILT:
			settings->built = optarg;
			break;
		case OPTION_TEST:
			settings->test = optarg;
			break;
		case OPTION_NO_TRIAL:
			settings->no_trial = true;
			break;
		case OPTION_ACCEPT_DIFFERENCE:
			settings->accepts_difference = true;
			break;
		case OPTION_FIXED_VERSION:
			settings->fixed_version = optarg;
			break;
		case OPTION_RPM:
			settings->rpm = absolute(optarg);
			break;
		case OPTION_ON_TOP_OF:
			settings->former = absolute(optarg);
			break;
		case OPTION_AGAIN:
			settings->again = optarg;
			break;
		case OPTION_NO_CACHE:
			settings->no_cache = true;
			break;
		case OPTION_CHROOT:
			settings->chroot = path_plain(absolute(optarg));
			break;
		case OPTION_SUITE:
			settings->suite = optarg;
			break;
		case OPTION_DEB:
			settings->makes_deb = true;
			break;
		case OPTION_KEEP:
			settings->keeps = true;
			break;
		case 'v':
			msg_verbosity++;
			break;
		case 'q':
			settings->quiet = true;
			break;
		case 'h':
			help();
			exit(0);
		case OPTION_VERSION:
			puts("nsb-build " NSB_VERSION);
			exit(0);
		default:
			bad_usage(text("unknown option, or one without its argument: %s", argv[optind - 1]));
		}
	}
	for (int i = optind; i < end; i++)
		words_add(settings->fixed_version != NULL ? &settings->names : &settings->diffs,
			  settings->fixed_version != NULL ? argv[i] : absolute(argv[i]));
}

static char *find_tool(const char *name)
{
	char own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (length > 0) {
		own[length] = '\0';
		char *slash = strrchr(own, '/'), *path = text("%.*s/%s", (int)(slash - own), own, name);

		if (access(path, X_OK) == 0)
			return path;
	}
	return text("%s", name);
}

static void check_settings(struct settings *settings)
{
	if (settings->targets.n == 0 && settings->pid == NULL && settings->debian == NULL)
		bad_usage("--target FILE, --pid PID or --debian PACKAGE has to say what is to be patched");
	if (settings->debian != NULL && (settings->targets.n != 0 || settings->pid != NULL || settings->source != NULL ||
					 settings->built != NULL || settings->command.n != 0))
		bad_usage("--debian goes with diffs alone: it tells source, targets and command");
	if (settings->debian != NULL && (*settings->debian == '-' || *settings->debian == '='))
		bad_usage("--debian wants the name of a package");
	if (settings->pid != NULL && (*settings->pid == '\0' || settings->pid[strspn(settings->pid, "0123456789")] != '\0'))
		bad_usage("--pid wants a number");
	if (settings->rpm != NULL && (settings->debian != NULL || settings->source != NULL || settings->command.n != 0))
		bad_usage("--rpm goes with --target or --pid, and diffs: it tells source and command");
	if (settings->source == NULL && settings->debian == NULL && settings->rpm == NULL)
		bad_usage("--source DIR has to say where the source is");
	if (settings->built != NULL && (settings->pid != NULL || settings->targets.n != 1))
		bad_usage("--built goes with one --target");
	if (settings->fixed_version != NULL && (settings->debian == NULL || *settings->fixed_version == '\0'))
		bad_usage("--fixed-version VERSION goes with --debian");
	if (settings->suite != NULL && settings->chroot == NULL)
		bad_usage("--suite goes with --chroot");
	if (settings->diffs.n == 0 && settings->fixed_version == NULL)
		bad_usage("a diff is needed");
	if (settings->command.n == 0 && settings->debian == NULL && settings->rpm == NULL)
		bad_usage("the command that builds the program is needed, behind --");
	if (settings->output == NULL)
		settings->output = absolute(".");
	settings->output = path_plain(settings->output);
	settings->log = text("%s/nsb-build.log", settings->output);
	settings->gen = find_tool("nsb-gen");
	settings->nsb = find_tool("nsb");
}

void settings_read(int argc, char **argv, struct settings *settings)
{
	read_options(argc, argv, settings);
	check_settings(settings);
}
