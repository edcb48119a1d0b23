/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/file_pack.h"

#include <libdeflate.h>
#include <zstd.h>

enum {
	FRAME_BYTES_MAX = 1 << 20, /* of what goes in */
	PACKED_BYTES_MAX = 1 << 30, /* a group is 16 MiB, and one record more at most */
	GZIP_LEVEL = 6,
	ZSTD_LEVEL = 3,
};

struct pack {
	struct libdeflate_compressor *gzip; /* NULL: zstd it is */
	ZSTD_CCtx *zstd;
	struct buf in, out;
};

struct pack *pack_new(enum pack_kind kind)
{
	struct pack *pack = mem_alloc(sizeof(*pack));

	buf_init(&pack->in, FRAME_BYTES_MAX);
	buf_init(&pack->out, PACKED_BYTES_MAX);
	if (kind == PACK_GZIP) {
		pack->gzip = libdeflate_alloc_compressor(GZIP_LEVEL);
		must(pack->gzip != NULL);
		return pack;
	}
	pack->zstd = ZSTD_createCCtx();
	must(pack->zstd != NULL);
	must(!ZSTD_isError(
		ZSTD_CCtx_setParameter(pack->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)));
	must(!ZSTD_isError(ZSTD_CCtx_setParameter(pack->zstd, ZSTD_c_checksumFlag, 1)));
	return pack;
}

void pack_free(struct pack *pack)
{
	if (pack == NULL)
		return;
	if (pack->gzip != NULL)
		libdeflate_free_compressor(pack->gzip);
	ZSTD_freeCCtx(pack->zstd);
	buf_release(&pack->in);
	buf_release(&pack->out);
	mem_free(pack);
}

/* Makes a frame of what was gathered. */
static void end_frame(struct pack *pack)
{
	size_t bound, n;
	char *to;

	if (pack->in.n == 0)
		return;
	bound = pack->gzip != NULL ? libdeflate_gzip_compress_bound(pack->gzip, pack->in.n)
				   : ZSTD_compressBound(pack->in.n);
	to = buf_reserve(&pack->out, bound);
	must(to != NULL);
	if (pack->gzip != NULL)
		n = libdeflate_gzip_compress(pack->gzip, pack->in.p, pack->in.n, to, bound);
	else
		n = ZSTD_compress2(pack->zstd, to, bound, pack->in.p, pack->in.n);
	must(n > 0 && (pack->gzip != NULL || !ZSTD_isError(n)));
	pack->out.n += n;
	buf_clear(&pack->in);
}

struct str pack_parts(struct pack *pack, const struct iovec *parts, size_t n)
{
	buf_clear(&pack->out);
	for (size_t i = 0; i < n; i++) {
		struct str rest = str_make(parts[i].iov_base, parts[i].iov_len);

		while (rest.n > 0) {
			struct str piece = str_head(rest, FRAME_BYTES_MAX - pack->in.n);

			buf_str(&pack->in, piece);
			rest = str_skip(rest, piece.n);
			if (pack->in.n == FRAME_BYTES_MAX)
				end_frame(pack);
		}
	}
	end_frame(pack);
	return buf_view(&pack->out);
}

struct str pack_ending(enum pack_kind kind)
{
	if (kind == PACK_NONE)
		return STR("");
	return kind == PACK_GZIP ? STR(".gz") : STR(".zst");
}
