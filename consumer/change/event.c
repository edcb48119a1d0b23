/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/change/event.h"

struct str event_op_word(enum event_op op)
{
	switch (op) {
	case EVENT_INSERT:
		return STR("insert");
	case EVENT_MODIFY:
		return STR("modify");
	case EVENT_REMOVE:
		return STR("remove");
	case EVENT_GAP:
		return STR("gap");
	}
	return STR_NONE;
}

struct str gap_reason_word(enum gap_reason reason)
{
	switch (reason) {
	case GAP_TRIMMED:
		return STR("trimmed");
	case GAP_SHARD_LOST:
		return STR("shard_lost");
	case GAP_STREAM_NEW:
		return STR("stream_replaced");
	case GAP_START_UNSURE:
		return STR("start_unsure");
	}
	return STR_NONE;
}
