/* SPDX-License-Identifier: GPL-2.0-or-later */
/* amd64: the struct arch of 64-bit x86 (System V psABI AMD64). */
#ifndef NSB_AMD64_H
#define NSB_AMD64_H

#include "../../arch.h"

extern const struct arch arch_amd64;

#endif
