/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a file sink's journal. Whatever comes: no fault; what is good of it is the same when it is
 * read without the rest; and what was read can be written and read again.
 */
#include "base/mem.h"
#include "sinks/file_journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 64 << 20 };

/* Writes a ledger down. */
static void write_down(const struct ledger *ledger, struct buf *out)
{
	buf_init(out, BYTES_MAX);
	ledger_put_all(ledger, out);
	must(!out->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_make((const char *)data, size);
	struct ledger ledger, again;
	struct buf all, all_again;
	struct error err;
	int64_t good, good_again;
	uint64_t frames, frames_again;

	ledger_init(&ledger);
	if (journal_scan(bytes, &ledger, &good, &frames, &err)) {
		must(good > 0 && (size_t)good <= size && frames > 0);
		ledger_init(&again);
		must(journal_scan(str_head(bytes, (size_t)good), &again, &good_again, &frames_again,
				  &err));
		must(good_again == good && frames_again == frames);
		write_down(&ledger, &all);
		ledger_release(&again);
		ledger_init(&again);
		must(ledger_apply(&again, buf_view(&all)));
		write_down(&again, &all_again);
		must(str_eq(buf_view(&all), buf_view(&all_again)));
		buf_release(&all);
		buf_release(&all_again);
		ledger_release(&again);
	}
	ledger_release(&ledger);
	/* Entries without frames: a fuzzer seldom finds a checksum. */
	ledger_init(&ledger);
	if (ledger_apply(&ledger, bytes)) {
		write_down(&ledger, &all);
		ledger_init(&again);
		must(ledger_apply(&again, buf_view(&all)));
		ledger_release(&again);
		buf_release(&all);
	}
	ledger_release(&ledger);
	return 0;
}
