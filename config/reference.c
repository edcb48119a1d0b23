/* SPDX-License-Identifier: Apache-2.0 */
/* The option tables, as a page to read and as a list for the terminal. */
#include "config/config.h"
#include "config/section.h"
#include "consumer/engine/sink.h"

/* Appends one row of a Markdown table. */
static void put_row(const struct option_spec *spec, struct buf *out)
{
	buf_fmt(out, "| `%s` | ", spec->name);
	option_put_kind(spec, out);
	if (spec->required)
		buf_str(out, STR(" | required"));
	else if (spec->fallback != NULL)
		buf_fmt(out, " | `%s`", spec->fallback);
	else
		buf_str(out, STR(" | "));
	buf_fmt(out, " | %s |\n", spec->help);
}

/* Appends options as a Markdown table. */
static void put_table(const struct option_spec *specs, size_t n, struct buf *out)
{
	buf_str(out, STR("\n| option | value | default | meaning |\n|---|---|---|---|\n"));
	for (size_t i = 0; i < n; i++)
		put_row(&specs[i], out);
}

/* Appends the chapter of a section. */
static void put_section(const struct section *section, struct buf *out)
{
	if (section->name == NULL)
		buf_fmt(out, "\n## The top\n\n%s\n", section->help);
	else
		buf_fmt(out, "\n## `%s`\n\n%s\n", section->name, section->help);
	put_table(section->options, section->n_options, out);
}

/* Appends "a, b or c". */
static void put_name(size_t i, size_t n, const char *name, struct buf *out)
{
	if (i > 0)
		buf_str(out, i + 1 < n ? STR(", ") : STR(" or "));
	buf_str(out, str_of(name));
}

/* Appends the names of the sink types. */
static void put_types(const struct config_known *known, struct buf *out)
{
	for (size_t i = 0; i < known->n_sinks; i++)
		put_name(i, known->n_sinks, known->sinks[i]->name, out);
}

/* Appends the names of the formats. */
static void put_formats(const struct config_known *known, struct buf *out)
{
	for (size_t i = 0; i < known->n_formats; i++)
		put_name(i, known->n_formats, known->formats[i]->name, out);
}

/* Appends the chapters of the sink types and formats. */
static void put_kinds(const struct config_known *known, struct buf *out)
{
	for (size_t i = 0; i < known->n_sinks; i++) {
		const struct sink_type *type = known->sinks[i];

		buf_fmt(out, "\n### `type: %s`\n\nA sink of this type %s.\n", type->name,
			type->help);
		if (type->n_options > 0)
			put_table(type->options, type->n_options, out);
	}
	for (size_t i = 0; i < known->n_formats; i++) {
		const struct format_type *format = known->formats[i];

		buf_fmt(out, "\n### `format: %s`\n\nThis form is %s.\n", format->name,
			format->help);
		if (format->n_options > 0)
			put_table(format->options, format->n_options, out);
	}
}

void config_reference(const struct config_known *known, struct buf *out)
{
	buf_str(out,
		STR("# The configuration, option by option\n\n"
		    "This page is made from the option tables of the program (`make docs`). "
		    "`ddbtap check FILE` checks a\nconfiguration without starting anything.\n\n"
		    "Durations are written `500ms`, `30s`, `5m`, `1h30m`; sizes `512`, `64KiB`, "
		    "`8MiB`, `10MB`. The only\nbooleans are `true` and `false`. The file is "
		    "YAML in UTF-8 without anchors, aliases, tags and merge keys;\n`$` is plain "
		    "text.\n"));
	for (size_t i = 0; i < SECTIONS_N; i++)
		put_section(&config_sections[i], out);
	put_section(&config_table_section, out);
	for (size_t p = 0; profile_nth(p) != NULL; p++) {
		const struct profile *profile = profile_nth(p);

		buf_fmt(out, "\nThe roles of profile `%s`:\n\n| role | table |\n|---|---|\n",
			profile->name);
		for (size_t i = 0; i < profile->n_roles; i++)
			buf_fmt(out, "| `%s` | %s |\n", profile->roles[i].name,
				profile->roles[i].help);
	}
	put_section(&config_sink_section, out);
	buf_str(out, STR("| `type` | "));
	put_types(known, out);
	buf_str(out, STR(" | required | The kind of sink; each has options of its own. |\n"));
	buf_str(out, STR("| `format` | "));
	put_formats(known, out);
	buf_fmt(out, " | `%s` | How changes look; each form has options of its own. |\n",
		known->formats[0]->name);
	put_kinds(known, out);
}

/* Appends one option for the terminal, its name after `prefix`. */
static void put_help(const char *prefix, const struct option_spec *spec, struct buf *out)
{
	buf_fmt(out, "%s%s: ", prefix, spec->name);
	option_put_kind(spec, out);
	if (spec->required)
		buf_str(out, STR(" (required)"));
	else if (spec->fallback != NULL)
		buf_fmt(out, " (default %s)", spec->fallback);
	buf_fmt(out, "\n    %s\n", spec->help);
}

/* Appends the options of a section for the terminal, their names after `prefix`. */
static void put_section_help(const char *prefix, const struct section *section, struct buf *out)
{
	for (size_t i = 0; i < section->n_options; i++)
		put_help(prefix, &section->options[i], out);
}

void config_help(const struct config_known *known, struct buf *out)
{
	for (size_t i = 0; i < SECTIONS_N; i++) {
		struct buf prefix;
		char *text;

		buf_init(&prefix, 100);
		if (config_sections[i].name != NULL)
			buf_fmt(&prefix, "%s.", config_sections[i].name);
		text = buf_detach(&prefix);
		put_section_help(text, &config_sections[i], out);
		mem_free(text);
	}
	put_section_help("tables[].", &config_table_section, out);
	buf_str(out, STR("sinks.NAME.type: "));
	put_types(known, out);
	buf_str(out, STR(" (required)\n    The kind of sink; each has options of its own.\n"));
	buf_str(out, STR("sinks.NAME.format: "));
	put_formats(known, out);
	buf_fmt(out, " (default %s)\n    How changes look; each form has options of its own.\n",
		known->formats[0]->name);
	put_section_help("sinks.NAME.", &config_sink_section, out);
	for (size_t i = 0; i < known->n_sinks; i++) {
		buf_fmt(out, "With type %s, which %s:\n", known->sinks[i]->name,
			known->sinks[i]->help);
		for (size_t j = 0; j < known->sinks[i]->n_options; j++)
			put_help("sinks.NAME.", &known->sinks[i]->options[j], out);
	}
	for (size_t i = 0; i < known->n_formats; i++) {
		buf_fmt(out, "With format %s, %s:\n", known->formats[i]->name,
			known->formats[i]->help);
		for (size_t j = 0; j < known->formats[i]->n_options; j++)
			put_help("sinks.NAME.", &known->formats[i]->options[j], out);
	}
}
