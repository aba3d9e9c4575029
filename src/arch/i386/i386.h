/* SPDX-License-Identifier: GPL-2.0-or-later */
/* i386: the struct arch of 32-bit x86 (System V psABI Intel386). */
#ifndef NSB_I386_H
#define NSB_I386_H

#include "../../arch.h"

extern const struct arch arch_i386;

#endif
