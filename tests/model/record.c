/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/model.h"

/* Whether the stream's view shows the new image. */
static bool shows_new(enum view_type view)
{
	return view == VIEW_NEW_IMAGE || view == VIEW_NEW_AND_OLD_IMAGES;
}

/* Whether it shows the old one. */
static bool shows_old(enum view_type view)
{
	return view == VIEW_OLD_IMAGE || view == VIEW_NEW_AND_OLD_IMAGES;
}

size_t record_size(const struct write *write)
{
	enum view_type view = write->shard->stream->view;
	size_t n = write->keys->size_bytes;

	if (write->new_image != NULL && shows_new(view))
		n += write->new_image->size_bytes;
	if (write->old_image != NULL && shows_old(view))
		n += write->old_image->size_bytes;
	return n;
}

/* Appends whole seconds: plainly, or as 1.46480431E9. */
static void seconds_put(int64_t seconds, bool exponent, struct buf *answer)
{
	struct buf digits;

	if (!exponent || seconds < 10) {
		buf_i64(answer, seconds);
		return;
	}
	buf_init(&digits, 24);
	buf_i64(&digits, seconds);
	buf_c(answer, digits.p[0]);
	buf_c(answer, '.');
	for (size_t i = 1, n = digits.n; i < n; i++) {
		/* Zeros at the end go away, but one digit stays. */
		while (n > 2 && digits.p[n - 1] == '0')
			n--;
		if (i < n)
			buf_c(answer, digits.p[i]);
	}
	buf_fmt(answer, "E%zu", digits.n - 1);
	buf_release(&digits);
}

/* Appends an image, if there is one to show. */
static void image_put(const char *name, const struct text *image, struct buf *answer)
{
	if (image == NULL)
		return;
	buf_c(answer, '"');
	buf_str(answer, str_of(name));
	buf_str(answer, STR("\":"));
	buf_str(answer, text_str(image));
	buf_c(answer, ',');
}

void record_put(const struct service *service, const struct write *write, struct buf *answer)
{
	enum view_type view = write->shard->stream->view;

	buf_str(answer, STR("{\"eventID\":\""));
	buf_str(answer, write->log.event_id);
	buf_str(answer, STR("\",\"eventName\":\""));
	buf_str(answer, str_of(write->log.op));
	buf_str(answer, STR("\",\"eventVersion\":\"1.1\",\"eventSource\":\"aws:dynamodb\","
			    "\"awsRegion\":\""));
	buf_str(answer, str_of(service->region));
	buf_str(answer, STR("\",\"dynamodb\":{\"ApproximateCreationDateTime\":"));
	seconds_put(write->log.wall_ms / 1000, write->exponent, answer);
	buf_str(answer, STR(",\"Keys\":"));
	buf_str(answer, write->log.keys);
	buf_c(answer, ',');
	image_put("NewImage", shows_new(view) ? write->new_image : NULL, answer);
	image_put("OldImage", shows_old(view) ? write->old_image : NULL, answer);
	buf_str(answer, STR("\"SequenceNumber\":\""));
	buf_str(answer, write->log.seqno);
	buf_str(answer, STR("\",\"SizeBytes\":"));
	buf_u64(answer, record_size(write));
	buf_str(answer, STR(",\"StreamViewType\":\""));
	buf_str(answer, str_of(view_names[view]));
	buf_str(answer, STR("\"}"));
	if (write->ttl)
		buf_str(answer, STR(",\"userIdentity\":{\"PrincipalId\":\"dynamodb.amazonaws.com\","
				    "\"Type\":\"Service\"}"));
	buf_c(answer, '}');
}
