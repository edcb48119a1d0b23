/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/estimate.h"

#include "base/time.h"

/* What the rows of the checkpoint table weigh, and how often they are read: see row.h, peers.c, sweep.c. */
enum {
	ROW_BYTES = 450,
	ROW_SINK_BYTES = 70,
	WRITE_UNIT_BYTES = 1024,
	READ_UNIT_BYTES = 2 * 4096, /* eventually consistent */
	LOOKS_PER_HEARTBEAT = 3,
	SWEEP_UNITS_PER_S = 2,
};

enum { USD = 1000000, USD_DECIMALS = 6 };

void tariff_init(struct tariff *tariff)
{
	*tariff = (struct tariff){
		.free_reads = 2500000,
		.reads_usd = 20000,
		.write_units_usd = 625000,
		.read_units_usd = 125000,
	};
}

int64_t estimate_reads(int64_t shards, int64_t every_ms, int64_t hours)
{
	return shards * hours * HOUR_MS / every_ms;
}

/* How many units of `size` so many bytes take. */
static int64_t units(int64_t bytes, int64_t size)
{
	return (bytes + size - 1) / size;
}

/* The write units: heartbeats, and rows whose position moved. */
static int64_t write_units(const struct estimate_load *load, int64_t row_bytes)
{
	int64_t beats = estimate_reads(load->workers, load->heartbeat_ms, load->hours);

	if (load->checkpoint_ms == 0)
		return beats;
	return beats + estimate_reads(load->shards, load->checkpoint_ms, load->hours) *
			       units(row_bytes, WRITE_UNIT_BYTES);
}

/* The read units: each worker looks at all workers' rows, half a unit each, and sweeps over all rows. */
static int64_t read_units(const struct estimate_load *load, int64_t row_bytes)
{
	int64_t looks = estimate_reads(load->workers, load->heartbeat_ms, load->hours) *
			LOOKS_PER_HEARTBEAT * (load->workers + 1) / 2;
	int64_t sweep = units(load->shards * row_bytes, READ_UNIT_BYTES);
	int64_t sweep_ms = sweep * SECOND_MS / SWEEP_UNITS_PER_S;

	if (sweep_ms < load->heartbeat_ms)
		sweep_ms = load->heartbeat_ms;
	return looks + estimate_reads(load->workers * sweep, sweep_ms, load->hours);
}

/* What `n` of something cost of which `per` cost `usd`; as much as can be said when that is absurdly much. */
static int64_t cost_of(int64_t n, int64_t usd, int64_t per)
{
	const int64_t most = INT64_MAX / 8;

	if (usd != 0 && n / per >= most / usd)
		return most;
	return n / per * usd + n % per * usd / per;
}

struct estimate estimate_month(const struct estimate_load *load, const struct tariff *tariff)
{
	int64_t row_bytes = ROW_BYTES + ROW_SINK_BYTES * load->sinks;
	/* The ration is for the longest month. */
	int64_t most = load->max_reads / ESTIMATE_HOURS_MAX * load->hours +
		       load->max_reads % ESTIMATE_HOURS_MAX * load->hours / ESTIMATE_HOURS_MAX;
	struct estimate out = {.reads = load->reads};

	if (load->max_reads != 0 && out.reads > most) {
		out.limited = true;
		out.reads = most;
	}
	if (out.reads > tariff->free_reads)
		out.billed_reads = out.reads - tariff->free_reads;
	out.write_units = write_units(load, row_bytes);
	out.read_units = read_units(load, row_bytes);
	out.reads_usd = cost_of(out.billed_reads, tariff->reads_usd, 100000);
	out.write_units_usd = cost_of(out.write_units, tariff->write_units_usd, 1000000);
	out.read_units_usd = cost_of(out.read_units, tariff->read_units_usd, 1000000);
	out.usd = out.reads_usd + out.write_units_usd + out.read_units_usd;
	return out;
}

bool usd_parse(struct str text, int64_t *out)
{
	struct str rest = text, whole = str_cut(&rest, '.');
	bool point = whole.n < text.n;
	uint64_t dollars, part = 0;

	if (whole.n == 0 || whole.n > 6 || !str_to_u64(whole, &dollars))
		return false;
	if (point && (rest.n == 0 || rest.n > USD_DECIMALS || !str_to_u64(rest, &part)))
		return false;
	for (size_t i = rest.n; point && i < USD_DECIMALS; i++)
		part *= 10;
	*out = (int64_t)(dollars * USD + part);
	return true;
}

void usd_put(struct buf *out, int64_t usd, int decimals)
{
	int64_t unit = 1;

	for (int i = decimals; i < USD_DECIMALS; i++)
		unit *= 10;
	usd = (usd + unit / 2) / unit;
	unit = USD / unit;
	buf_fmt(out, "%lld.%0*lld", (long long)(usd / unit), decimals, (long long)(usd % unit));
}
