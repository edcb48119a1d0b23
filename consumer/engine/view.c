/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/view.h"

/* The view types, and the images that each has. */
static const struct {
	struct str word;
	int images;
} words[] = {
	{STR_INIT("KEYS_ONLY"), 0},
	{STR_INIT("NEW_IMAGE"), IMAGES_NEW},
	{STR_INIT("OLD_IMAGE"), IMAGES_OLD},
	{STR_INIT("NEW_AND_OLD_IMAGES"), IMAGES_NEW | IMAGES_OLD},
};

/* The images that a view type has; -1: a word that is not known here, or none. */
static int images_of(struct str view_type)
{
	for (size_t i = 0; i < ARRAY_N(words); i++) {
		if (str_eq(view_type, words[i].word))
			return words[i].images;
	}
	return -1;
}

/* The view type that has these images. */
static struct str word_of(int images)
{
	for (size_t i = 0; i < ARRAY_N(words); i++) {
		if (words[i].images == images)
			return words[i].word;
	}
	return STR_NONE;
}

/* What `images` are called. */
static const char *images_word(int images)
{
	if (images == IMAGES_NEW)
		return "the new image of changed items";
	return images == IMAGES_OLD ? "the old image of changed items"
				    : "the images of changed items";
}

/* Sets `err` to what sink number `i` of the table lacks. */
static void describe(const struct table *table, size_t i, int missing, struct error *err)
{
	error_set(err, ERROR_CONFIG,
		  "table %.*s: the view type of its stream is %.*s, so sink %.*s does not get %s; "
		  "only a new stream can have another one: disable the stream and enable it with "
		  "NEW_AND_OLD_IMAGES",
		  STR_ARG(table->options->name), STR_ARG(word_of(table->images)),
		  STR_ARG(table->sinks.names[i]), images_word(missing));
}

bool view_lacks(const struct table *table, size_t i, struct error *err)
{
	int needed = table->encoders[i]->images_needed;

	if (!table->view_known || needed == 0 || (needed & table->images) != 0)
		return false;
	describe(table, i, needed, err);
	return true;
}

bool view_check(struct table *table, struct str view_type, bool begun, struct error *err)
{
	int images = images_of(view_type);

	if (images < 0 || (table->view_known && table->images == images))
		return true;
	table->view_known = true;
	table->images = images;
	for (size_t i = 0; i < table->sinks.n && !begun; i++) {
		if (view_lacks(table, i, err)) {
			table->view_known = false;
			return false;
		}
	}
	for (size_t i = 0; i < table->sinks.n; i++) {
		int missing = table->encoders[i]->images_wanted & ~images;
		bool lost = view_lacks(table, i, err);

		if (missing == 0 && !lost)
			continue;
		table->alarms_raised[ENGINE_ALARM_VIEW] += lost;
		if (!lost)
			describe(table, i, missing, err);
		io_log(table->engine->io, lost ? IO_ERROR : IO_WARN,
		       "table.poor_view table=%.*s sink=%.*s advice=\"%s\"",
		       STR_ARG(table->options->name), STR_ARG(table->sinks.names[i]), err->text);
	}
	return true;
}
