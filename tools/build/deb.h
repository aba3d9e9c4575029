/* SPDX-License-Identifier: GPL-2.0-or-later */
/* deb: a Debian package of a patch. */
#ifndef NSB_BUILD_DEB_H
#define NSB_BUILD_DEB_H

#include "settings.h"
#include "wanted.h"

/*
 * Make a package in settings->output that has `patch` in nsb's store, by the name by which `nsb install` stores
 * it.  The package nsb has a trigger there, so dpkg runs `nsb sync` then.  The answer is its name; dpkg-deb(1) makes it, in `work`.
 */
char *deb_make(const struct settings *settings, const struct patchable *target, const char *patch, const char *work);

#endif
