/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap decode`: protobuf blobs to JSON, for looking into single attributes. */
#include <stdio.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/json.h"
#include "config/nearest.h"
#include "consumer/verbs/arguments.h"
#include "consumer/verbs/input.h"
#include "proto/transcode.h"

enum { INPUT_MAX = 64 << 20, OUTPUT_MAX = 512 << 20 };

struct decoding {
	const struct message *message;
	struct transcode_options options;
	struct buf out;
	bool failed; /* some blob could not be decoded */
};

/* Prints the blob as one line of JSON, or why it is none; returns 0 or the exit status to end with. */
static int put_blob(struct decoding *d, struct str wire, struct error *err)
{
	buf_clear(&d->out);
	if (err->code == ERROR_NONE)
		(void)transcode(d->message, wire, &d->options, &d->out, err);
	if (err->code != ERROR_NONE) {
		buf_clear(&d->out);
		buf_str(&d->out, STR("{\"error\":"));
		json_put(&d->out, str_of(err->text));
		buf_c(&d->out, '}');
		d->failed = true;
	}
	buf_c(&d->out, '\n');
	return verb_write(buf_view(&d->out));
}

/* Says why standard input cannot be read on. */
static int input_error(const struct error *err)
{
	return verb_error(error_exit_status(err->code), "cannot read standard input: %s",
			  err->text);
}

/* Decodes standard input as one blob. */
static int decode_whole(struct decoding *d)
{
	struct error err = {.code = ERROR_NONE};
	struct buf in;
	int status;

	buf_init(&in, INPUT_MAX + 1);
	if (!input_read(STDIN_FILENO, &in, &err)) {
		status = input_error(&err);
	} else if (in.n > INPUT_MAX) {
		error_set(&err, ERROR_DATA, "more than %d bytes", INPUT_MAX);
		status = input_error(&err);
	} else {
		status = put_blob(d, buf_view(&in), &err);
	}
	buf_release(&in);
	return status;
}

/* Decodes each line of standard input, base64, as one blob. */
static int decode_lines(struct decoding *d)
{
	struct line_reader reader;
	struct buf wire;
	struct error err;
	struct str line;
	int status = 0;

	line_reader_init(&reader, STDIN_FILENO, INPUT_MAX);
	buf_init(&wire, INPUT_MAX);
	while (status == 0 && line_reader_next(&reader, &line, &err)) {
		buf_clear(&wire);
		if (!base64_decode(&wire, str_trim(line)))
			error_set(&err, ERROR_DATA, "this line is not base64");
		status = put_blob(d, buf_view(&wire), &err);
	}
	if (status == 0 && err.code != ERROR_NONE)
		status = input_error(&err);
	line_reader_release(&reader);
	buf_release(&wire);
	return status;
}

/* Complains that there is no message `name`, with the nearest one and all that there are. */
static void complain_message(const struct schema *schema, const char *name)
{
	const struct message *message;
	struct nearest nearest;

	nearest_init(&nearest, str_of(name));
	for (size_t i = 0; (message = schema_nth(schema, i)) != NULL; i++)
		nearest_offer(&nearest, message_name(message));
	if (nearest.best.n > 0)
		verb_error(0, "there is no message '%s'; did you mean %.*s?", name,
			   STR_ARG(nearest.best));
	else
		verb_error(0, "there is no message '%s'", name);
	fputs("The messages are:\n", stderr);
	for (size_t i = 0; (message = schema_nth(schema, i)) != NULL; i++)
		fprintf(stderr, "  %.*s\n", STR_ARG(message_name(message)));
}

/* Decodes all of standard input by message `name`. */
static int decode(struct decoding *d, const char *name, bool by_lines)
{
	struct error err;
	struct schema *schema = schema_vinyldns(&err);
	int status = error_exit_status(ERROR_USAGE);

	if (schema == NULL)
		return verb_error(error_exit_status(err.code), "%s", err.text);
	d->message = schema_message(schema, str_of(name));
	buf_init(&d->out, OUTPUT_MAX);
	if (d->message == NULL)
		complain_message(schema, name);
	else
		status = by_lines ? decode_lines(d) : decode_whole(d);
	buf_release(&d->out);
	schema_free(schema);
	return status == 0 && d->failed ? error_exit_status(ERROR_DATA) : status;
}

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	struct decoding d = {0};
	const char *message = NULL;
	bool by_lines = false;
	const struct argument arguments[] = {
		{"message", .value = &message},
		{"lines", .flag = &by_lines},
		{"show-secrets", .flag = &d.options.show_secrets},
	};

	(void)program;
	if (!arguments_read(&verb_decode, &argc, argv, arguments, ARRAY_N(arguments)))
		return error_exit_status(ERROR_USAGE);
	if (argc > 1)
		return verb_usage_error(&verb_decode, "decode reads standard input, not '%s'",
					argv[1]);
	if (message == NULL)
		return verb_usage_error(&verb_decode, "decode needs --message");
	return decode(&d, message, by_lines);
}

const struct verb verb_decode = {
	.name = "decode",
	.help = "shows protobuf blobs as JSON",
	.usage = "usage: ddbtap decode --message NAME [--lines] [--show-secrets]\n"
		 "\n"
		 "Reads one blob from standard input and prints it as one JSON object.\n"
		 "\n"
		 "  --message NAME  which message of VinylDNS the blob is: RecordSetChange, "
		 "ZoneChange, ...\n"
		 "  --lines         each line of the input is a blob of its own, in base64; each "
		 "gives one\n"
		 "                  line of output\n"
		 "  --show-secrets  does not mask secrets\n"
		 "\n"
		 "A blob that cannot be decoded gives {\"error\":\"...\"}.\n"
		 "Exit status: 0, 64 for an unknown message, 65 if a blob could not be decoded.\n",
	.run = run,
};
