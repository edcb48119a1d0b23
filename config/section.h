/* SPDX-License-Identifier: Apache-2.0 */
/* The option tables of this program's configuration, for the parser and for the reference. */
#ifndef CONFIG_SECTION_H
#define CONFIG_SECTION_H

#include "config/option.h"

/* A mapping of options at a fixed place; the offsets are those of struct config. */
struct section {
	const char *name; /* the key it stands under; NULL: the top of the file */
	const char *help; /* one line */
	const struct option_spec *options;
	size_t n_options;
};

enum { SECTIONS_N = 6 };

/* The sections; the first one is the top of the file. */
extern const struct section config_sections[SECTIONS_N];

/* One item of `tables`; the offsets are those of struct config_table. */
extern const struct section config_table_section;

/* What every sink has, whatever its type; the offsets are those of struct config_sink. */
extern const struct section config_sink_section;

#endif
