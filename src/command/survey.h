/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * survey: looks at all processes of the host, and finds out who runs what of a set of patches, or of a library.
 *
 * The processes are read by children (workers.h), one pass for all patches.
 */
#ifndef NSB_SURVEY_H
#define NSB_SURVEY_H

#include "all.h"
#include "options.h"
#include "patchfile.h"

/* How it stands with a process and a patch, from the best to the worst; then what is only told. */
enum standing {
	STANDING_PATCHED,
	STANDING_OLDER,		/* another version of the patch is in it */
	STANDING_UNPATCHED,
	STANDING_FORGED,	/* it claims to be patched, and is not */
	STANDING_UNREADABLE,	/* it has loaded what the patch is for, and could not be read */
	STANDING_OTHER,		/* it has loaded another build of that, for which there is no patch here */
	STANDING_LOADED,	/* list --object: it has loaded the object */
	STANDINGS,
};

/* One process and one patch. */
struct survey_finding {
	uint32_t patch;		/* its index */
	uint32_t standing;
	pid_t pid;
	bool is_deleted;	/* the file that it runs was deleted or replaced */
	uint8_t id_size;
	uint8_t id[BUILD_ID_MAX];	/* the build that it has loaded */
	uint64_t inode;
	char comm[32];
	char path[256];		/* of the file, for STANDING_OTHER and STANDING_LOADED; a longer one is cut */
	char has[128];		/* the patch that is in it: its build-id and its name; "" if that says nothing new */
};

struct survey {
	const struct options *options;
	const struct patchfile *patches;
	size_t n_patches;
	size_t n_left_out;	/* files of the store that are no patches, or not to be trusted */
	const char *object;	/* list --object: look for objects of this name instead */
	const pid_t *pids;
	size_t n_pids;
	struct all_files files;	/* what a child has learned of files; empty in nsb itself */
	struct survey_finding *findings;	/* in the order of pid; owned */
	size_t n_findings;
	size_t n_forbidden;	/* processes that nsb may not look at, */
	size_t n_passed_over;	/* and those that did not answer */
	int err;		/* -EINTR: nsb was interrupted */
};

/* Look at the processes of the host, or at survey->pids if that is set, as far as --exe and --user choose them.  The caller calls survey_deinit(), also after an error. */
int survey_run(struct survey *survey) MUST_CHECK;
void survey_deinit(struct survey *survey);

/* Whether a file is another build of the thing of that name: libz.so.1.2.13 and libz.so.1.3 are one thing. */
bool survey_is_same_thing(const char *path, const char *name);

#endif
