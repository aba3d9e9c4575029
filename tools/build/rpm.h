/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rpm: the source of a source package of RPM, and its build. */
#ifndef NSB_BUILD_RPM_H
#define NSB_BUILD_RPM_H

#include "settings.h"

/*
 * Unpack settings->rpm, FILE.src.rpm, and prepare its source as its spec tells (%prep).  The answer is the folder of
 * the source, in the cache or in `work`; *command builds it by the spec (%build).
 */
char *rpm_source(const struct settings *settings, const char *work, struct words *command);

#endif
