/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that this tree does without, as compile errors. Included into every file by the
 * Makefile (-include), so nobody has to remember it.
 *
 * The unbounded string functions overflow, atoi and friends hide errors, strtok, gmtime, ctime and
 * strerror share static memory, assert() disappears under NDEBUG (base/mem.h has must()).
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BANNED(fn, instead) extern __typeof(fn) fn __attribute__((error(instead)))

BANNED(strcpy, "strcpy is banned: use struct buf or mem_copy");
BANNED(strcat, "strcat is banned: use struct buf");
BANNED(strncpy, "strncpy is banned: use struct buf or mem_copy");
BANNED(strncat, "strncat is banned: use struct buf");
BANNED(sprintf, "sprintf is banned: use buf_fmt");
BANNED(vsprintf, "vsprintf is banned: use buf_vfmt");
BANNED(strtok, "strtok is banned: use str_cut");
BANNED(atoi, "atoi is banned: use str_to_i64");
BANNED(atol, "atol is banned: use str_to_i64");
BANNED(atoll, "atoll is banned: use str_to_i64");
BANNED(strtol, "strtol is banned: use str_to_i64");
BANNED(strtod, "strtod is banned: numbers never pass through floating point");
BANNED(atof, "atof is banned: numbers never pass through floating point");
BANNED(strerror, "strerror is banned: use error_errno");

#endif
