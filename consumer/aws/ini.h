/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialect of INI in which AWS's config and credentials files are written.
 *
 * Sections in brackets; "name = value"; comments are lines that begin with # or ;, and what follows
 * a blank and one of these; a name without value may be followed by deeper indented "name = value"
 * lines of its own. Names are compared without case. A later setting replaces an earlier one, also
 * where a section comes twice. Values are slices of the text.
 */
#ifndef AWS_INI_H
#define AWS_INI_H

#include "base/err.h"
#include "base/str.h"

/* A section's header: "[profile x]" or "[profile "x"]" has kind "profile", "[x]" has an empty one. */
struct ini_section {
	struct str kind, name;
};

/* What is looked for: a setting, or (with `sub`) one that is nested under it. */
struct ini_path {
	struct ini_section section;
	struct str name;
	struct str sub; /* empty: the setting itself */
};

/* Whether the text is well formed; else ERROR_CONFIG, naming `file` and the line. */
bool ini_check(struct str text, struct str file, struct error *err);

/* Whether there is such a section, even an empty one. */
bool ini_has(struct str text, struct ini_section section);

/* The value, trimmed; empty when there is none. Malformed lines are passed over. */
struct str ini_get(struct str text, struct ini_path path);

#endif
