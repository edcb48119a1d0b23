/* SPDX-License-Identifier: Apache-2.0 */
/* What VinylDNS's schema does not say of its messages. */
#include "proto/schema.h"
#include "proto/vinyldns_desc.h"

static const struct overlay overlays[] = {
	/* A key for zone updates: in clear, or encrypted without a check sum. */
	{.kind = OVERLAY_MASKED, .message = "ZoneConnection", .field = "key"},
	{.kind = OVERLAY_MASKED, .message = "User", .field = "accessKey"},
	{.kind = OVERLAY_MASKED, .message = "User", .field = "secretKey"},
	/* A digest is read in hexadecimal everywhere else. */
	{.kind = OVERLAY_HEX, .message = "DSData", .field = "digest"},
	/* "AAAA" means AAAAData, and so on. */
	{.kind = OVERLAY_BY_TYPE,
	 .message = "RecordData",
	 .field = "data",
	 .type_message = "RecordSet",
	 .type_field = "typ",
	 .suffix = "Data"},
	/* Between v0.9.5 and v0.20.3 this number was a string, the full domain name. */
	{.kind = OVERLAY_EITHER, .message = "RecordSet", .field = "recordSetGroupChange"},
};

struct schema *schema_vinyldns(struct error *err)
{
	return schema_load(str_make((const char *)vinyldns_desc, vinyldns_desc_n), overlays,
			   ARRAY_N(overlays), err);
}
