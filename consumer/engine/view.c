/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/view.h"

/* The images that a view type has; -1: a word that is not known here, or none. */
static int images_of(struct str view_type)
{
	static const struct {
		struct str word;
		int images;
	} words[] = {
		{STR_INIT("KEYS_ONLY"), 0},
		{STR_INIT("NEW_IMAGE"), IMAGES_NEW},
		{STR_INIT("OLD_IMAGE"), IMAGES_OLD},
		{STR_INIT("NEW_AND_OLD_IMAGES"), IMAGES_NEW | IMAGES_OLD},
	};

	for (size_t i = 0; i < ARRAY_N(words); i++) {
		if (str_eq(view_type, words[i].word))
			return words[i].images;
	}
	return -1;
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
static void describe(const struct table *table, size_t i, struct str view_type, int missing,
		     struct error *err)
{
	error_set(err, ERROR_CONFIG,
		  "table %.*s: the view type of its stream is %.*s, so sink %.*s does not get %s; "
		  "only a new stream can have another one: disable the stream and enable it with "
		  "NEW_AND_OLD_IMAGES",
		  STR_ARG(table->options->name), STR_ARG(view_type), STR_ARG(table->sinks.names[i]),
		  images_word(missing));
}

bool view_check(struct table *table, struct str view_type, struct error *err)
{
	int images = images_of(view_type);
	bool known = table->view_known;

	if (images < 0 || (known && table->images == images))
		return true;
	table->view_known = true;
	table->images = images;
	for (size_t i = 0; i < table->sinks.n; i++) {
		const struct encoder *encoder = table->encoders[i];
		int missing = encoder->images_wanted & ~images;
		bool lost = encoder->images_needed != 0 && (encoder->images_needed & images) == 0;

		if (missing == 0 && !lost)
			continue;
		describe(table, i, view_type, lost ? encoder->images_needed : missing, err);
		if (lost && !known)
			return false;
		io_log(table->engine->io, lost ? IO_ERROR : IO_WARN,
		       "table.poor_view table=%.*s sink=%.*s advice=\"%s\"",
		       STR_ARG(table->options->name), STR_ARG(table->sinks.names[i]), err->text);
	}
	return true;
}
