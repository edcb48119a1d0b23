/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that this tree does without, as compile errors. Included into every file by the
 * Makefile (-include), so nobody has to remember it. Instead of
 *
 *	strcpy, strcat, strncpy, strncat	struct buf or mem_copy: these overflow, or do not terminate
 *	sprintf, vsprintf			buf_fmt, buf_vfmt: these overflow
 *	strtok					str_cut: it shares static memory
 *	atoi, atol, atoll, strtol, strtoul	str_to_i64, str_to_u64: these hide errors
 *	strtod, atof				numbers never pass through floating point
 *	strerror				error_errno: it shares static memory
 *
 * assert() is not used either, as it disappears under NDEBUG (base/mem.h has must()); but generated
 * code does use it.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

/* Their own declarations come first: after the pragma the bare name is an error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fortified, clang's libc has these as macros too. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok
#pragma GCC poison atoi atol atoll strtol strtoul strtod atof strerror

#endif
