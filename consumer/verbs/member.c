/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/member.h"

#include "base/json.h"

/* Appends `"name":`. */
static void put_name(struct buf *out, struct str name)
{
	json_comma(out);
	json_put(out, name);
	buf_c(out, ':');
}

void member_text(struct buf *out, struct str name, struct str text)
{
	put_name(out, name);
	if (text.n == 0)
		buf_str(out, STR("null"));
	else
		json_put(out, text);
}

void member_number(struct buf *out, struct str name, int64_t v)
{
	put_name(out, name);
	buf_i64(out, v);
}

void member_bool(struct buf *out, struct str name, bool yes)
{
	put_name(out, name);
	buf_str(out, yes ? STR("true") : STR("false"));
}
