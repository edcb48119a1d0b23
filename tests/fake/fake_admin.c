/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_admin.h"

#include "base/arena.h"
#include "base/json.h"

enum { WRITES_MAX_BYTES = 16 * 1024 * 1024 };

/* One administrative request. */
struct admin {
	struct fake *fake;
	struct str query;
	struct arena arena; /* of decoded parameters */
	struct fake_reply *reply;
};

/* Answers that something is wrong with the request; returns false. */
static bool admin_error(struct admin *admin, unsigned status, const char *words, struct str what)
{
	struct buf *body = &admin->reply->body;

	admin->reply->status = status;
	buf_clear(body);
	buf_fmt(body, "{\"error\":\"%s\",\"about\":", words);
	json_put(body, what);
	buf_str(body, STR("}\n"));
	return false;
}

/* The value of a hexadecimal digit, or 16. */
static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* A parameter without its URL encoding, or STR_NONE when it is missing. */
static struct str param(struct admin *admin, const char *name)
{
	struct str raw = fake_query_value(admin->query, name);
	char *to, *at;

	if (raw.p == NULL)
		return STR_NONE;
	at = to = arena_alloc(&admin->arena, raw.n + 1);
	for (size_t i = 0; i < raw.n; i++) {
		unsigned high = raw.n - i > 2 ? hex_digit(raw.p[i + 1]) : 16;
		unsigned low = raw.n - i > 2 ? hex_digit(raw.p[i + 2]) : 16;

		*at = raw.p[i];
		if (raw.p[i] == '+')
			*at = ' ';
		if (raw.p[i] == '%' && high < 16 && low < 16) {
			*at = (char)(high * 16 + low);
			i += 2;
		}
		at++;
	}
	return str_make(to, (size_t)(at - to));
}

/* A parameter that is a number up to `most`; `otherwise` when it is missing. */
static bool number(struct admin *admin, const char *name, uint64_t otherwise, uint64_t most,
		   uint64_t *out)
{
	struct str text = param(admin, name);

	*out = otherwise;
	if (text.p == NULL || (str_to_u64(text, out) && *out <= most))
		return true;
	return admin_error(admin, 400, "no number, or too large", str_of(name));
}

/* Answers for what needs a table: whether there was one. */
static bool for_table(struct admin *admin, bool found)
{
	return found ||
	       admin_error(admin, 404, "no such table, or it has no stream", param(admin, "table"));
}

/* Says that the service lives, and what time it has there. */
static bool admin_ping(struct admin *admin)
{
	buf_fmt(&admin->reply->body, "{\"ok\":true,\"now_ms\":%lld}\n",
		(long long)fake_clock_model(&admin->fake->clock));
	return false;
}

/* Rolls every open shard of a table. */
static bool admin_roll(struct admin *admin)
{
	return for_table(admin, service_roll(admin->fake->service, param(admin, "table"),
					     fake_clock_model(&admin->fake->clock)));
}

/* Splits an open shard of a table. */
static bool admin_split(struct admin *admin)
{
	return for_table(admin, service_split(admin->fake->service, param(admin, "table"),
					      fake_clock_model(&admin->fake->clock)));
}

/* Trims the records of a table before a time. */
static bool admin_trim(struct admin *admin)
{
	struct fake *fake = admin->fake;
	uint64_t before = 0;

	fake_tick(fake);
	if (str_eq(param(admin, "before"), STR("now")))
		/* What was written in this millisecond goes too. */
		before = (uint64_t)fake_clock_model(&fake->clock) + 1;
	else if (!number(admin, "before", 0, INT64_MAX, &before))
		return false;
	return for_table(admin,
			 service_trim(fake->service, param(admin, "table"), (int64_t)before));
}

/* Deletes an item as expiry does. */
static bool admin_ttl(struct admin *admin)
{
	struct fake *fake = admin->fake;
	struct str key = param(admin, "key");

	return service_ttl_delete(fake->service, param(admin, "table"), key,
				  fake_clock_model(&fake->clock)) ||
	       admin_error(admin, 404, "no such table or item", key);
}

/* Makes all shard iterators expired. */
static bool admin_expire_iterators(struct admin *admin)
{
	service_expire_iterators(admin->fake->service);
	return true;
}

/* Sets one of the limits and lies; false with an answer when the value is wrong. */
static bool set_one(struct admin *admin, struct str name, struct str value)
{
	struct service_options *options = service_options(admin->fake->service);
	const int64_t most = 10LL * 366 * 86400;
	const struct {
		const char *name;
		unsigned *percent; /* or: */
		int64_t *to;
		int64_t least, most, unit;
	} settings[] = {
		{"lie_open_parent", &options->lie_open_parent, NULL, 0, 100, 1},
		{"lie_missing_child", &options->lie_missing_child, NULL, 0, 100, 1},
		{"empty_page", &options->empty_page, NULL, 0, 100, 1},
		{"short_page", &options->short_page, NULL, 0, 100, 1},
		{"partial_batch", &options->partial_batch, NULL, 0, 100, 1},
		{"shard_life", NULL, &options->shard_life_ms, 0, most, 1000},
		{"retention", NULL, &options->retention_ms, 0, most, 1000},
		{"iterator_life", NULL, &options->iterator_life_ms, 0, most, 1000},
		{"clock_offset", NULL, &admin->fake->clock.offset_ms, -most * 1000, most * 1000, 1},
	};
	int64_t v;
	size_t i = 0;

	while (i < ARRAY_N(settings) && !str_eq(name, str_of(settings[i].name)))
		i++;
	if (i == ARRAY_N(settings))
		return admin_error(admin, 400, "no such setting", name);
	if (!str_to_i64(value, &v) || v < settings[i].least || v > settings[i].most)
		return admin_error(admin, 400, "no number, or out of range", value);
	if (settings[i].percent != NULL)
		*settings[i].percent = (unsigned)v;
	else if (settings[i].to != NULL)
		*settings[i].to = v * settings[i].unit;
	return true;
}

/* Changes limits and lies. */
static bool admin_set(struct admin *admin)
{
	struct str rest = admin->query;

	while (rest.n > 0) {
		struct str value = str_cut(&rest, '&'), name = str_cut(&value, '=');

		if (!set_one(admin, name, value))
			return false;
	}
	return true;
}

/* Copies a word of letters and digits into a rule; false with an answer when it is none. */
static bool rule_word(struct admin *admin, const char *name, char to[64])
{
	struct str word = param(admin, name);

	if (word.n >= 64)
		return admin_error(admin, 400, "too long", str_of(name));
	for (size_t i = 0; i < word.n; i++) {
		char folded = (char)(word.p[i] | 0x20);

		if (!(folded >= 'a' && folded <= 'z') && !(word.p[i] >= '0' && word.p[i] <= '9'))
			return admin_error(admin, 400, "no word", word);
		to[i] = word.p[i];
	}
	return true;
}

/* Adds a fault. */
static bool admin_fault(struct admin *admin)
{
	struct fake_fault_rule rule = {.kind = fake_fault_of(param(admin, "kind"))};
	bool forever = fake_query_value(admin->query, "percent").p != NULL;
	struct str target = param(admin, "target");
	uint64_t percent, ms;

	if (rule.kind == FAKE_FAULT_NONE)
		return admin_error(admin, 400, "no such kind of fault", param(admin, "kind"));
	if (!number(admin, "count", forever ? UINT64_MAX : 1, UINT64_MAX, &rule.left) ||
	    !number(admin, "percent", 100, 100, &percent) ||
	    !number(admin, "ms", rule.kind == FAKE_FAULT_DELAY ? 100 : 1, FAKE_FAULT_MS_MAX, &ms) ||
	    !rule_word(admin, "code", rule.code))
		return false;
	if (rule.kind == FAKE_FAULT_ERROR && rule.code[0] == '\0')
		return admin_error(admin, 400, "this kind needs an error", STR("code"));
	if (!str_eq(target, STR("all")) && !rule_word(admin, "target", rule.target))
		return false;
	rule.percent = (unsigned)percent;
	rule.ms = (int64_t)ms;
	return fake_faults_add(&admin->fake->faults, &rule) ||
	       admin_error(admin, 400, "too many faults", STR_NONE);
}

/* Takes all faults away. */
static bool admin_stop_faults(struct admin *admin)
{
	fake_faults_stop(&admin->fake->faults);
	return true;
}

/* Denies an operation. */
static bool admin_deny(struct admin *admin)
{
	return fake_deny(admin->fake, param(admin, "operation")) ||
	       admin_error(admin, 400, "too many denied", STR_NONE);
}

/* Allows an operation again. */
static bool admin_allow(struct admin *admin)
{
	fake_allow(admin->fake, param(admin, "operation"));
	return true;
}

/* Adds credentials. */
static bool admin_credentials(struct admin *admin)
{
	return fake_auth_add(&admin->fake->auth, param(admin, "add")) ||
	       admin_error(admin, 400, "not ACCESS:SECRET[:TOKEN], or too many", STR("add"));
}

/* Makes credentials expired, or (with valid=1) good again. */
static bool admin_expire_credentials(struct admin *admin)
{
	bool expired = fake_query_value(admin->query, "valid").p == NULL;
	struct str access = param(admin, "access");

	return fake_auth_expire(&admin->fake->auth, access, expired) ||
	       admin_error(admin, 404, "no such access key", access);
}

/* Answers with the log of writes, from number `from` on: as many lines as fit. */
static bool admin_writes(struct admin *admin)
{
	const struct service_write *write;
	uint64_t n, count;

	if (!number(admin, "from", 0, UINT64_MAX, &n) ||
	    !number(admin, "count", UINT64_MAX, UINT64_MAX, &count))
		return false;
	admin->reply->content_type = STR("application/x-ndjson");
	for (; count > 0 && admin->reply->body.n < WRITES_MAX_BYTES; count--, n++) {
		write = service_write(admin->fake->service, n);
		if (write == NULL)
			break;
		fake_log_add_line(&admin->reply->body, write);
	}
	return false;
}

/* Appends the number of hits of each kind of fault. */
static void add_fault_hits(struct buf *body, const struct fake_faults *faults)
{
	buf_str(body, STR(",\"faults\":{"));
	for (int kind = FAKE_FAULT_NONE + 1; kind < FAKE_FAULT_N; kind++) {
		json_comma(body);
		buf_fmt(body, "\"%s\":%llu", fake_fault_name((enum fake_fault_kind)kind),
			(unsigned long long)faults->hits[kind]);
	}
	buf_c(body, '}');
}

/* Appends capacity units as the service writes them, with one decimal. */
static void add_units(struct buf *body, const char *name, uint64_t half_units)
{
	buf_fmt(body, "\"%s\":%llu.%s", name, (unsigned long long)half_units / 2,
		half_units % 2 == 1 ? "5" : "0");
}

/* Appends what the requests for each table have consumed. */
static void add_capacity(struct buf *body, const struct service *service)
{
	struct service_capacity capacity;

	buf_str(body, STR(",\"capacity\":{"));
	for (size_t at = 0; service_capacity_next(service, &at, &capacity);) {
		json_comma(body);
		json_put(body, capacity.table);
		buf_str(body, STR(":{"));
		add_units(body, "read_units", capacity.read_half_units);
		buf_c(body, ',');
		add_units(body, "write_units", capacity.write_half_units);
		buf_c(body, '}');
	}
	buf_c(body, '}');
}

/* Answers with what was counted. */
static bool admin_stats(struct admin *admin)
{
	struct fake *fake = admin->fake;
	struct buf *body = &admin->reply->body;
	const struct fake_tally *tally;
	size_t at = 0;

	buf_fmt(body, "{\"now_ms\":%lld,\"requests\":%llu,\"writes\":%llu",
		(long long)fake_clock_model(&fake->clock), (unsigned long long)fake->requests,
		(unsigned long long)fake->writes);
	buf_fmt(body, ",\"connections\":%llu,\"open_connections\":%llu,\"operations\":{",
		(unsigned long long)fake->connections, (unsigned long long)fake->open_connections);
	while ((tally = map_next(&fake->tallies, &at)) != NULL) {
		json_comma(body);
		json_put(body, str_of(tally->operation));
		buf_fmt(body, ":{\"requests\":%llu,\"errors\":%llu}",
			(unsigned long long)tally->requests, (unsigned long long)tally->errors);
	}
	buf_str(body, STR("},\"hits\":{"));
	for (const struct service_hit *hit = service_hits(fake->service); hit->name != NULL;
	     hit++) {
		json_comma(body);
		json_put(body, str_of(hit->name));
		buf_fmt(body, ":%llu", (unsigned long long)hit->n);
	}
	buf_c(body, '}');
	add_capacity(body, fake->service);
	add_fault_hits(body, &fake->faults);
	buf_str(body, STR("}\n"));
	return false;
}

/* Answers who called what. */
static bool admin_calls(struct admin *admin)
{
	fake_calls_put(&admin->fake->calls, &admin->reply->body);
	return false;
}

/* The commands. Each returns true for a plain "ok", false when it wrote the answer itself. */
static const struct {
	const char *name;
	bool (*run)(struct admin *admin);
} commands[] = {
	{"ping", admin_ping},
	{"stats", admin_stats},
	{"calls", admin_calls},
	{"writes", admin_writes},
	{"roll", admin_roll},
	{"split", admin_split},
	{"trim", admin_trim},
	{"ttl", admin_ttl},
	{"expire-iterators", admin_expire_iterators},
	{"set", admin_set},
	{"fault", admin_fault},
	{"stop-faults", admin_stop_faults},
	{"deny", admin_deny},
	{"allow", admin_allow},
	{"credentials", admin_credentials},
	{"expire-credentials", admin_expire_credentials},
};

void fake_admin(struct fake *fake, const struct fake_request *request, struct fake_reply *reply)
{
	struct admin admin = {.fake = fake, .query = request->query, .reply = reply};
	struct str name = str_skip(request->path, sizeof("/_admin/") - 1);

	reply->content_type = STR("application/json");
	arena_init(&admin.arena);
	for (size_t i = 0; i < ARRAY_N(commands); i++) {
		if (!str_eq(name, str_of(commands[i].name)))
			continue;
		if (commands[i].run(&admin))
			buf_str(&reply->body, STR("{\"ok\":true}\n"));
		goto out;
	}
	admin_error(&admin, 404, "no such command", name);
out:
	arena_release(&admin.arena);
}
