/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration: it is either usable and silent, or refused in printable words. */
#include "base/utf8.h"
#include "config/config.h"
#include "tests/sample_sinks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Whether what the rest of the program relies on holds. */
static void check_config(const struct config *config)
{
	must(config->application != NULL && config->checkpoint.table != NULL);
	must(config->n_tables > 0 && config->n_tables <= CONFIG_TABLES_MAX);
	must(config->n_sinks > 0 && config->n_sinks <= CONFIG_SINKS_MAX);
	must(config->worker.heartbeat_ms * 2 < config->worker.lease_ms);
	must(config->engine.window_bytes <= config->engine.budget_bytes / 2);
	for (size_t i = 0; i < config->n_tables; i++) {
		const struct config_table *table = &config->tables[i];

		must(table->name != NULL);
		must((table->profile == NULL) == (table->role == NULL));
		must((table->profile == NULL) == (table->profile_name == NULL));
	}
	for (size_t i = 0; i < config->n_sinks; i++) {
		const struct config_sink *sink = &config->sinks[i];

		must(sink->type != NULL && sink->name[0] != '\0');
		if (sink->type == &sample_file)
			must(((struct sample_options *)sink->options)->path[0] == '/');
	}
}

/* Parses the bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf out;
	struct config *config;

	buf_init(&out, 1 << 20);
	config = config_parse(STR("fuzz"), str_make((const char *)data, n), &sample_known, &out);
	must(!out.failed && (config == NULL) == (out.n > 0));
	must(utf8_valid(buf_view(&out)));
	if (config != NULL)
		check_config(config);
	config_free(config);
	buf_release(&out);
	return 0;
}
