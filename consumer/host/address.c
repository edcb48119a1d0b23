/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"

enum { V4_BYTES = 4, V6_BYTES = 16 };

/* Addresses that begin with the first `bits` bits of `bytes`. */
struct range {
	uint8_t bytes[V6_BYTES];
	unsigned bits;
	const char *what; /* completes "which is ..."; NULL: public */
};

static const char metadata[] = "a cloud's metadata service";

/* The first row that fits counts. */
static const struct range v4_ranges[] = {
	{{169, 254, 169, 254}, 32, metadata},
	{{169, 254, 170, 2}, 32, metadata},
	{{169, 254, 170, 23}, 32, metadata},
	{{100, 100, 100, 200}, 32, metadata},
	{{168, 63, 129, 16}, 32, metadata},
	{{0, 0, 0, 0}, 32, "the unspecified address"},
	{{0}, 8, "an address of this network"},
	{{10}, 8, "a private address"},
	{{100, 64}, 10, "an address of a carrier's own network"},
	{{127}, 8, "a loopback address"},
	{{169, 254}, 16, "a link-local address"},
	{{172, 16}, 12, "a private address"},
	{{192, 0, 0}, 24, "an address for protocols' own use"},
	{{192, 0, 2}, 24, "an address for documentation"},
	{{192, 88, 99}, 24, "the address of a 6to4 relay"},
	{{192, 168}, 16, "a private address"},
	{{198, 18}, 15, "an address for benchmarks"},
	{{198, 51, 100}, 24, "an address for documentation"},
	{{203, 0, 113}, 24, "an address for documentation"},
	{{224}, 4, "a multicast address"},
	{{255, 255, 255, 255}, 32, "the broadcast address"},
	{{240}, 4, "a reserved address"},
	{{0}, 0, NULL},
};

/* The same for IPv6; what is not in 2000::/3 is not public, whatever it may become. */
static const struct range v6_ranges[] = {
	{{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}, 128, metadata},
	{{0}, 128, "the unspecified address"},
	{{[15] = 1}, 128, "a loopback address"},
	{{0xfe, 0x80}, 10, "a link-local address"},
	{{0xfe, 0xc0}, 10, "a site-local address"},
	{{0xfc}, 7, "a private address"},
	{{0xff}, 8, "a multicast address"},
	{{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, "an address of a local NAT64"},
	{{0x20, 0x01, 0x0d, 0xb8}, 32, "an address for documentation"},
	{{0x3f, 0xff}, 20, "an address for documentation"},
	{{0x20, 0x01}, 23, "an address for protocols' own use"},
	{{0x20}, 3, NULL},
	{{0}, 0, "a reserved address"},
};

/* Addresses that carry an IPv4 address, all of whose bits are flipped by `mask`. */
static const struct carrier {
	uint8_t bytes[V6_BYTES];
	unsigned bits;
	unsigned at; /* where the IPv4 address begins */
	uint8_t mask;
} carriers[] = {
	{{[10] = 0xff, [11] = 0xff}, 96, 12, 0}, /* ::ffff:a.b.c.d, mapped: RFC 4291 */
	{{[8] = 0xff, [9] = 0xff}, 96, 12, 0}, /* ::ffff:0:a.b.c.d, translated: RFC 2765 */
	{{0}, 96, 12, 0}, /* ::a.b.c.d, compatible: RFC 4291 */
	{{0x00, 0x64, 0xff, 0x9b}, 96, 12, 0}, /* NAT64: RFC 6052 */
	{{0x20, 0x02}, 16, 2, 0}, /* 6to4: RFC 3056 */
	{{0x20, 0x01, 0, 0}, 32, 4, 0}, /* Teredo's server, and its client: RFC 4380 */
	{{0x20, 0x01, 0, 0}, 32, 12, 0xff},
};

/* Whether two addresses agree in their first `bits` bits. */
static bool same_start(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

/* Looks an address up in a table, whose last row fits all. */
static const char *look_up(const struct range *range, const uint8_t *address)
{
	while (!same_start(address, range->bytes, range->bits))
		range++;
	return range->what;
}

/* Judges an IPv6 address by the IPv4 addresses that it carries, or by itself when it carries none. */
static const char *judge_v6(const uint8_t *address)
{
	const char *what;
	bool carries = false;

	/* Neither of these two carries 0.0.0.0 or 0.0.0.1. */
	if (same_start(address, (const uint8_t[V6_BYTES]){0}, 127))
		return look_up(v6_ranges, address);
	for (size_t i = 0; i < ARRAY_N(carriers); i++) {
		const struct carrier *carrier = &carriers[i];
		uint8_t v4[V4_BYTES];

		if (!same_start(address, carrier->bytes, carrier->bits))
			continue;
		carries = true;
		for (size_t k = 0; k < V4_BYTES; k++)
			v4[k] = address[carrier->at + k] ^ carrier->mask;
		what = look_up(v4_ranges, v4);
		if (what != NULL)
			return what;
	}
	return carries ? NULL : look_up(v6_ranges, address);
}

const char *address_is_not_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
		uint8_t v4[V4_BYTES];

		memcpy(v4, &in->sin_addr, sizeof(v4));
		return look_up(v4_ranges, v4);
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

		return judge_v6(in6->sin6_addr.s6_addr);
	}
	return "no address of the internet";
}

const char *address_text_is_not_public(const char *text)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_in in = {.sin_family = AF_INET};

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return address_is_not_public((const struct sockaddr *)&in);
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		return address_is_not_public((const struct sockaddr *)&in6);
	return "no address of the internet";
}

void address_text(const struct sockaddr *address, char text[ADDRESS_TEXT_MAX])
{
	const void *bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;

	if (address->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	if (inet_ntop(address->sa_family, bytes, text, ADDRESS_TEXT_MAX) == NULL)
		memcpy(text, "?", sizeof("?"));
}
