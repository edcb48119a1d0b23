/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/forms.h"

#include "proto/schema.h"
#include "sinks/formats/native.h"

/* The forms of dead letters: all that is known of a record, with and without its secrets. */
static const struct native_options masked_letter = {.image = {.raw_always = 1, .mask = true}};
static const struct native_options open_letter = {.image = {.raw_always = 1}};

bool forms_init(struct forms *forms, const struct config *config, struct str region,
		struct error *err)
{
	*forms = (struct forms){.config = config, .region = region};
	forms->schema = schema_vinyldns(err);
	return forms->schema != NULL;
}

void forms_release(struct forms *forms)
{
	while (forms->first != NULL) {
		struct form *form = forms->first;

		forms->first = form->next;
		form->type->close(form->encoder);
		mem_free(form);
	}
	schema_free(forms->schema);
}

/* Makes an encoder and keeps it. */
static const struct encoder *add(struct forms *forms, const struct form *wanted, struct error *err)
{
	const struct config_table *table = &forms->config->tables[wanted->table];
	struct format_env env = {
		.table = str_of(table->name),
		.region = forms->region,
		.role = table->role,
		.schema = forms->schema,
	};
	struct encoder *encoder = wanted->type->open(&env, wanted->options, err);
	struct form *form;

	if (encoder == NULL) {
		error_prefix(err, "table %s", table->name);
		return NULL;
	}
	form = mem_alloc(sizeof(*form));
	*form = *wanted;
	form->encoder = encoder;
	form->next = forms->first;
	forms->first = form;
	return encoder;
}

/* The encoder that was made for the same, or a new one. */
static const struct encoder *get(struct forms *forms, const struct form *wanted, struct error *err)
{
	for (const struct form *form = forms->first; form != NULL; form = form->next) {
		if (form->table == wanted->table && form->type == wanted->type &&
		    option_same(form->type->options, form->type->n_options, form->options,
				wanted->options))
			return form->encoder;
	}
	return add(forms, wanted, err);
}

const struct encoder *forms_get(struct forms *forms, size_t table, const struct config_sink *sink,
				struct error *err)
{
	struct form wanted = {
		.table = table,
		.type = sink->format,
		.options = sink->format_options,
	};

	return get(forms, &wanted, err);
}

const struct encoder *forms_letter(struct forms *forms, size_t table,
				   const struct config_sink *sink, struct error *err)
{
	struct form wanted = {
		.table = table,
		.type = &format_native,
		.options = sink->format->shows_secrets(sink->format_options) ? &open_letter
									     : &masked_letter,
	};

	return get(forms, &wanted, err);
}
