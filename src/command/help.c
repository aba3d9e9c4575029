/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "help.h"

#include <stdio.h>
#include <string.h>

static const char help_text[] =
	"Usage: nsb COMMAND [OPTION]...      Change the code of a running program.\n"
	"  nsb patch   -p PID | --all  -f FILE           apply a patch\n"
	"  nsb revert  -p PID | --all  -f FILE|--id ID   take it out again\n"
	"  nsb check   -p PID | --all  -f FILE           is it applied? can it be now?\n"
	"  nsb list    [-p PID] [--object NAME]          patches of a process, of all\n"
	"  nsb info    -f FILE                           what is in a patch\n"
	"  nsb run     -f FILE -- PROGRAM [ARGUMENT]...  start a program patched\n"
	"  nsb status  [-f FILE] [--check]               who of this host is not patched?\n"
	"  nsb install FILE | remove NAME | sync         what the host shall have\n"
	"  nsb watch   [-f FILE]                         keep it so: patch what starts\n"
	"  nsb help    COMMAND                           the options of a command\n"
	"  -p, --pid PID           the process, or several: 12,34\n"
	"      --all               each process that the patch is for, or that has it\n"
	"      --exe NAME, --user USER    of these, of list: this program, this user\n"
	"  -f, --filename FILE     the patch;  --insecure-file: others may write to it\n"
	"      --id BUILD-ID       the patch by its build-id, or the beginning of it\n"
	"      --replace           patch: take out older ones of the same program\n"
	"      --canary[=N]        --all: patch N, see whether they live, then the rest\n"
	"      --dry-run           do all but change the process\n"
	"      --timeout SECONDS, --retries N    how long to look for a safe point (10 s)\n"
	"      --json              answer in JSON\n"
	"  -v, --verbosity [N]     tell the steps; -vv or -v 2: the details\n"
	"  -q, --quiet             print errors only\n"
	"  -h, --help    -V, --version                  All else is in nsb(1).\n";

enum {
	PATCH = 1 << 0, REVERT = 1 << 1, CHECK = 1 << 2, LIST = 1 << 3, INFO = 1 << 4, RUN = 1 << 5,
	STATUS = 1 << 6, INSTALL = 1 << 7, REMOVE = 1 << 8, SYNC = 1 << 9, WATCH = 1 << 10,
	MANY = PATCH | REVERT | CHECK,
	STORED = STATUS | INSTALL | REMOVE | SYNC | WATCH,
};

static const struct {
	const char *name, *usage;
	int bit;
} pages[] = {
	{ "patch", "-p PID... | --all  -f FILE    Apply a patch.", PATCH },
	{ "revert", "-p PID... | --all  -f FILE | --id ID    Take a patch out again.", REVERT },
	{ "check", "-p PID... | --all  -f FILE    Is it applied? Can it be now, and why not?", CHECK },
	{ "list", "[-p PID...] [--object NAME]    The patches of processes.", LIST },
	{ "info", "-f FILE    What is in a patch.", INFO },
	{ "run", "-f FILE... -- PROGRAM [ARGUMENT]...    Start a program patched.", RUN },
	{ "status", "[-f FILE...]    Who of this host runs what patches, of the store or given, are for.", STATUS },
	{ "install", "FILE    Put a patch into the store.", INSTALL },
	{ "watch", "[-f FILE...]    Patch what is started before its first instruction, and the rest.", WATCH },
	{ "sync", "Make every process what the store says.", SYNC },
	{ "remove", "NAME | ID    Take one out of the store; processes keep it.", REMOVE },
};

static const struct {
	int of;
	const char *text;
} lines[] = {
	{ MANY | LIST, "-p, --pid PID[,PID]...   these processes" },
	{ MANY, "--all                    each process that the patch is for, or that has it" },
	{ MANY | LIST | STATUS | SYNC, "--exe NAME, --user USER  only processes of this program, of this user" },
	{ MANY | INFO | RUN | STATUS | WATCH, "-f, --filename FILE      the patch" },
	{ PATCH | CHECK | RUN | STORED, "--insecure-file          take it from where others may write, too" },
	{ REVERT, "--id BUILD-ID            the patch by its build-id, or the beginning of it" },
	{ LIST, "--build-id ID            what has loaded this build" },
	{ LIST, "--object NAME            all builds of a library or program, and their patches" },
	{ LIST, "--core FILE [--exe FILE] of a core dump (of this program): were patches in?" },
	{ LIST, "--perf-map               names of new functions for perf(1)" },
	{ STORED, "--store FOLDER           the patches of the host (/var/lib/nsb)" },
	{ STATUS, "--cve ID                 only patches that name it" },
	{ STATUS, "--check                  one line and the status 0 to 3, for a monitor" },
	{ STATUS, "--prometheus             metrics for the textfile collector" },
	{ PATCH, "--replace                take out older patches of the same program" },
	{ PATCH | SYNC, "--canary[=N]             patch N, see whether they live, then the others" },
	{ PATCH | SYNC, "--batch N                then N at a time" },
	{ PATCH | SYNC, "--settle SECONDS         how long to look at those that were patched (3)" },
	{ PATCH | SYNC, "--probe COMMAND          all is well if it says so by status 0" },
	{ PATCH | SYNC, "--stop-on-failure        end where a process cannot be patched" },
	{ MANY | INSTALL | REMOVE | SYNC, "--dry-run                do all but the change" },
	{ MANY | LIST | RUN | STORED, "--timeout SECONDS        how long a process, or another nsb, may take (10)" },
	{ MANY | RUN | SYNC, "--retries N              how many more attempts to make" },
	{ MANY, "--allow-active F         threads in function F may finish in its old body" },
	{ MANY | RUN | SYNC, "--no-exceptions          no C++ exception will come to the new code" },
	{ RUN, "--follow                 patch all that the program executes, too" },
	{ RUN, "--best-effort            start it unpatched if it cannot be patched" },
	{ PATCH | REVERT | RUN | SYNC | WATCH, "--syslog, --no-syslog    say if the system's log cannot be written; do not" },
	{ ~RUN, "--json                   answer in JSON" },
	{ -1, "-v, -vv, -q              tell the steps, the details; print errors only" },
};

bool help_print(const char *command)
{
	if (command == NULL) {
		fputs(help_text, stdout);
		return true;
	}
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(pages[i].name, command) != 0)
			continue;
		printf("nsb %s %s\n", command, pages[i].usage);
		for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]); k++) {
			if (lines[k].of & pages[i].bit)
				printf("  %s\n", lines[k].text);
		}
		return true;
	}
	return false;
}
