/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as any message. The first byte chooses the message and whether secrets are shown, the rest is
 * the wire. Whatever comes: no fault, valid JSON or nothing, the same again the second time.
 */
#include "base/json.h"
#include "proto/transcode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Loaded once: it takes longer than everything else, and a fuzzer lives by its speed. */
static struct schema *schema;

/* The JSON text must be one whole value. */
static void check_json(struct str text)
{
	struct json json;

	json_init(&json, text);
	json_skip(&json);
	must(json_end(&json));
}

/* Checks the pointers by making them an array. */
static void check_pointers(const struct buf *masked)
{
	struct buf array;

	buf_init(&array, masked->max + 2);
	buf_c(&array, '[');
	buf_str(&array, buf_view(masked));
	buf_c(&array, ']');
	check_json(buf_view(&array));
	buf_release(&array);
}

/* Transcodes into emptied buffers; checks that failure leaves nothing. */
static bool run(const struct message *message, struct str wire, bool show, struct buf *out,
		struct buf *masked)
{
	struct transcode_options options = {
		.show_secrets = show, .masked = masked, .pointer = STR("/new/blob")};
	struct error err = {.code = ERROR_NONE};
	bool ok;

	buf_clear(out);
	buf_clear(masked);
	ok = transcode(message, wire, &options, out, &err);
	must(ok || (out->n == 0 && masked->n == 0 && err.code == ERROR_DATA));
	must(!ok || (out->n >= 2 && (!show || masked->n == 0)));
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct message *message;
	struct buf out, again, masked, masked_again;
	struct error err;
	struct str wire;
	bool ok, show;
	size_t n = 0;

	if (size == 0)
		return 0;
	if (schema == NULL)
		schema = schema_vinyldns(&err);
	must(schema != NULL);
	while (schema_nth(schema, n) != NULL)
		n++;
	message = schema_nth(schema, (data[0] & 127) % n);
	show = data[0] > 127;
	wire = str_make((const char *)data + 1, size - 1);
	buf_init(&out, 1 << 24);
	buf_init(&again, 1 << 24);
	buf_init(&masked, 1 << 24);
	buf_init(&masked_again, 1 << 24);
	ok = run(message, wire, show, &out, &masked);
	must(run(message, wire, show, &again, &masked_again) == ok);
	must(str_eq(buf_view(&out), buf_view(&again)));
	must(str_eq(buf_view(&masked), buf_view(&masked_again)));
	if (ok) {
		check_json(buf_view(&out));
		check_pointers(&masked);
	}
	buf_release(&out);
	buf_release(&again);
	buf_release(&masked);
	buf_release(&masked_again);
	return 0;
}
