/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/rowadmin.h"

#include "base/json.h"
#include "consumer/aws/tableapi.h"

void row_admin_release(struct buf *buf, struct str table, const struct row_view *lease)
{
	row_open_request(buf, table, lease->row.key);
	buf_str(buf,
		STR(",\"UpdateExpression\":\"SET leaseCounter = :next REMOVE leaseOwner\","
		    "\"ConditionExpression\":\"leaseOwner = :owner AND leaseCounter = :counter\","
		    "\"ExpressionAttributeValues\":{"));
	item_put_s(buf, STR(":owner"), lease->row.owner);
	item_put_n(buf, STR(":counter"), lease->row.counter);
	item_put_n(buf, STR(":next"), lease->row.counter + 1);
	buf_str(buf, STR("}}"));
}

void row_admin_delete(struct buf *buf, struct str table, const struct row_view *lease)
{
	row_open_request(buf, table, lease->row.key);
	buf_str(buf, STR(",\"ConditionExpression\":\"leaseCounter = :counter\","
			 "\"ExpressionAttributeValues\":{"));
	item_put_n(buf, STR(":counter"), lease->row.counter);
	buf_str(buf, STR("}}"));
}

void row_admin_restore(struct buf *buf, struct str table, struct str raw_item, bool replace)
{
	struct json json;
	struct str name, value;

	row_open_request(buf, table, STR_NONE);
	buf_str(buf, STR(",\"Item\":{"));
	json_init(&json, raw_item);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &name)) {
		value = json_skip(&json);
		if (json_key_is(name, "leaseOwner"))
			continue;
		json_comma(buf);
		json_put_raw(buf, name);
		buf_c(buf, ':');
		buf_str(buf, value);
	}
	buf_c(buf, '}');
	if (!replace)
		buf_str(buf, STR(",\"ConditionExpression\":\"attribute_not_exists(leaseKey)\""));
	buf_c(buf, '}');
}
