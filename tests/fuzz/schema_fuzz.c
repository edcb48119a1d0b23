/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a descriptor set; what loads must work: its messages are transcoded from the same bytes,
 * which are protobuf and so make sense to some of them.
 */
#include "base/json.h"
#include "proto/transcode.h"

enum { MESSAGES_MAX = 16 }; /* how many of a schema's messages are tried */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Transcodes the bytes as one message; what comes must be JSON. */
static void try_message(const struct message *message, struct str wire)
{
	struct transcode_options options = {.show_secrets = false};
	struct error err;
	struct json json;
	struct buf out;

	buf_init(&out, 1 << 24);
	if (transcode(message, wire, &options, &out, &err)) {
		json_init(&json, buf_view(&out));
		json_skip(&json);
		must(json_end(&json));
	} else {
		must(out.n == 0);
	}
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_make((const char *)data, size);
	struct error err = {.code = ERROR_NONE};
	struct schema *schema = schema_load(bytes, NULL, 0, &err);
	const struct message *message;

	must((schema == NULL) == (err.code == ERROR_DATA));
	if (schema == NULL)
		return 0;
	for (size_t i = 0; i < MESSAGES_MAX && (message = schema_nth(schema, i)) != NULL; i++) {
		must(schema_message(schema, message_name(message)) == message);
		try_message(message, bytes);
	}
	schema_free(schema);
	return 0;
}
