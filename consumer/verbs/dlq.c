/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap dlq`: looks into a file of dead letters. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "consumer/verbs/arguments.h"
#include "consumer/verbs/input.h"
#include "consumer/verbs/pretty.h"

/* A letter holds an event twice at most, and an event has two images of 400 KB, escaped. */
enum { LETTER_MAX_BYTES = 128 << 20, OUT_MAX_BYTES = 512 << 20 };

/* One letter, as slices of its line: raw JSON strings and values. */
struct letter_view {
	struct str sink, table, time, reason, attempts; /* string bodies; `attempts` a number */
	struct str op, key; /* of the event: a string body, an object */
};

/* What is asked for. */
struct dlq {
	const char *sink, *table; /* NULL: all */
	struct buf out;
	uint64_t line, n; /* lines read; letters shown */
	bool malformed; /* some line is no letter */
};

/* Reads the part of a letter that says what happened. */
static void read_circumstances(struct json *json, struct letter_view *view)
{
	struct str key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "sink"))
			view->sink = json_string(json);
		else if (json_key_is(key, "table"))
			view->table = json_string(json);
		else if (json_key_is(key, "time"))
			view->time = json_string(json);
		else if (json_key_is(key, "reason"))
			view->reason = json_string(json);
		else if (json_key_is(key, "attempts"))
			view->attempts = json_number(json);
		else
			json_skip(json);
	}
}

/* Reads what the list shows of the event. */
static void read_event(struct json *json, struct letter_view *view)
{
	struct str key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "op"))
			view->op = json_string(json);
		else if (json_key_is(key, "key"))
			view->key = json_skip(json);
		else
			json_skip(json);
	}
}

/* Reads one line; false when it is no letter. */
static bool read_letter(struct str line, struct letter_view *view)
{
	struct json json;
	struct str key;

	*view = (struct letter_view){.key = STR("-")};
	json_init(&json, line);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "dead_letter"))
			read_circumstances(&json, view);
		else if (json_key_is(key, "event"))
			read_event(&json, view);
		else
			json_skip(&json);
	}
	return json_end(&json) && view->sink.n > 0 && view->op.n > 0;
}

/* Whether a raw string is the wanted word, if one is wanted. */
static bool matches(const char *wanted, struct str raw)
{
	return wanted == NULL || json_key_is(raw, wanted);
}

/* Appends the line of `list`. Strings stay escaped, so that nothing in them moves a cursor. */
static void put_row(struct dlq *dlq, const struct letter_view *view)
{
	buf_fmt(&dlq->out, "%llu  %.*s  %.*s  %.*s  %.*s  %.*s  attempts=%.*s  %.*s\n",
		(unsigned long long)dlq->line, STR_ARG(view->time), STR_ARG(view->sink),
		STR_ARG(view->table), STR_ARG(view->op), STR_ARG(view->key),
		STR_ARG(view->attempts), STR_ARG(view->reason));
}

/* Takes one line of the file; `whole`: as readable JSON instead of a row. */
static void take_line(struct dlq *dlq, struct str line, bool whole)
{
	struct letter_view view;

	if (str_trim(line).n == 0)
		return;
	if (!read_letter(line, &view)) {
		verb_error(0, "line %llu is no dead letter", (unsigned long long)dlq->line);
		dlq->malformed = true;
		return;
	}
	if (!matches(dlq->sink, view.sink) || !matches(dlq->table, view.table))
		return;
	dlq->n++;
	if (whole)
		pretty_put(&dlq->out, line);
	else
		put_row(dlq, &view);
}

/* Whether line number `line` is among `numbers`, or there are none. */
static bool wanted(uint64_t line, char *const *numbers, size_t n)
{
	struct buf text;
	bool found = n == 0;

	buf_init(&text, 32);
	buf_u64(&text, line);
	for (size_t i = 0; i < n; i++)
		found = found || str_eq(buf_view(&text), str_of(numbers[i]));
	buf_release(&text);
	return found;
}

/* Reads all lines of `fd`; returns the exit status. */
static int read_letters(struct dlq *dlq, int fd, const char *name, char *const *numbers, size_t n)
{
	struct line_reader reader;
	struct error err;
	struct str line;
	int status = 0;
	bool whole = n > 0;

	line_reader_init(&reader, fd, LETTER_MAX_BYTES);
	while (status == 0 && line_reader_next(&reader, &line, &err)) {
		dlq->line++;
		if (!wanted(dlq->line, numbers, n))
			continue;
		take_line(dlq, line, whole);
		status = verb_write(buf_view(&dlq->out));
		buf_clear(&dlq->out);
	}
	if (status == 0 && err.code != ERROR_NONE)
		status = verb_error(error_exit_status(err.code), "cannot read %s: %s", name,
				    err.text);
	if (status == 0 && dlq->malformed)
		status = error_exit_status(ERROR_DATA);
	if (status == 0 && dlq->n < n)
		status = verb_error(error_exit_status(ERROR_DATA),
				    "%s has no dead letter at some of these lines", name);
	line_reader_release(&reader);
	return status;
}

/* The file to read: standard input for "-". -1 after saying why not. */
static int open_letters(const char *path)
{
	int fd = str_eq(str_of(path), STR("-")) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		verb_error(0, "cannot read %s: %s", path, error_errno(errno));
	return fd;
}

/* Whether each of `numbers` is a line's number; complains otherwise. */
static bool check_numbers(char *const *numbers, int n)
{
	for (int i = 0; i < n; i++) {
		struct str text = str_of(numbers[i]);
		bool good = text.n > 0 && text.n < 20 && text.p[0] != '0';

		for (size_t k = 0; k < text.n; k++)
			good = good && text.p[k] >= '0' && text.p[k] <= '9';
		if (!good) {
			verb_usage_error(&verb_dlq,
					 "'%s' is not the number of a line, as list shows them",
					 numbers[i]);
			return false;
		}
	}
	return true;
}

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	struct dlq dlq = {0};
	const struct argument arguments[] = {
		{"sink", .value = &dlq.sink},
		{"table", .value = &dlq.table},
	};
	struct str what;
	int fd, status;

	(void)program;
	if (!arguments_read(&verb_dlq, &argc, argv, arguments, ARRAY_N(arguments)))
		return error_exit_status(ERROR_USAGE);
	what = str_of(argc > 1 ? argv[1] : "");
	if (!str_eq(what, STR("list")) && !str_eq(what, STR("show")))
		return verb_usage_error(&verb_dlq, "dlq wants list or show");
	if (argc < 3 || (argc > 3 && str_eq(what, STR("list"))))
		return verb_usage_error(&verb_dlq, "%s wants one file%s", argv[1],
					str_eq(what, STR("show")) ? " and numbers of lines" : "");
	if (argc == 3 && str_eq(what, STR("show")))
		return verb_usage_error(&verb_dlq,
					"show wants numbers of lines, as list shows them");
	if (!check_numbers(argv + 3, argc - 3))
		return error_exit_status(ERROR_USAGE);
	fd = open_letters(argv[2]);
	if (fd < 0)
		return error_exit_status(ERROR_IO);
	buf_init(&dlq.out, OUT_MAX_BYTES);
	status = read_letters(&dlq, fd, argv[2], argv + 3, (size_t)argc - 3);
	buf_release(&dlq.out);
	if (fd != STDIN_FILENO)
		close(fd);
	return status;
}

const struct verb verb_dlq = {
	.name = "dlq",
	.help = "looks into a file of dead letters",
	.usage = "usage: ddbtap dlq list FILE [--sink NAME] [--table NAME]\n"
		 "       ddbtap dlq show FILE NUMBER...\n"
		 "\n"
		 "Reads a file that a sink of type file was given dead letters for: records that "
		 "another sink\n"
		 "refused for good. list prints a line for each: its number in the file, when it "
		 "was given up,\n"
		 "the sink that refused it, its table, operation and key, after how many attempts, "
		 "and why.\n"
		 "show prints whole letters, readably, with the change as it would have been "
		 "delivered in the\n"
		 "native form. FILE '-' is standard input: zcat letters.jsonl.gz | ddbtap dlq "
		 "list -\n"
		 "\n"
		 "  --sink NAME    only what this sink refused\n"
		 "  --table NAME   only changes of this table\n"
		 "\n"
		 "Exit status: 0, 65 if some line is no dead letter or a number has none, 74 if "
		 "the file cannot\n"
		 "be read.\n",
	.run = run,
};
