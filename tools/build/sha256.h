/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sha256: a name for some bytes that no others have (FIPS 180-4). */
#ifndef NSB_BUILD_SHA256_H
#define NSB_BUILD_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_HEX = 65 };	/* 64 digits and a NUL */

void sha256(const void *bytes, size_t size, char hex[SHA256_HEX]);

#endif
