/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include "base/mem.h"
#include "tests/check.h"

/* Whether an address is what `words` says; NULL: public. */
static void judge(const char *text, const char *words)
{
	const char *what = address_text_is_not_public(text);

	if (!CHECK((what == NULL) == (words == NULL)))
		fprintf(stderr, "  %s: %s\n", text, what == NULL ? "public" : what);
	else if (what != NULL && !CHECK(strstr(what, words) != NULL))
		fprintf(stderr, "  %s: %s\n", text, what);
}

static void addresses_of_the_internet_are_public(void)
{
	static const char *const texts[] = {
		"1.1.1.1",
		"8.8.8.8",
		"9.255.255.255",
		"11.0.0.0",
		"52.94.5.1",
		"100.63.255.255",
		"100.128.0.0",
		"126.255.255.255",
		"128.0.0.0",
		"168.63.129.15",
		"169.253.255.255",
		"169.255.0.0",
		"172.15.255.255",
		"172.32.0.0",
		"191.255.255.255",
		"192.0.1.0",
		"192.0.3.0",
		"192.88.98.255",
		"192.88.100.0",
		"192.167.255.255",
		"192.169.0.0",
		"198.17.255.255",
		"198.20.0.0",
		"198.51.99.255",
		"198.51.101.0",
		"203.0.112.255",
		"203.0.114.0",
		"223.255.255.255",
		"2600:1f18::1",
		"2a00:1450:4001:800::200e",
		"2001:200::1",
		"2001:db7:ffff::1",
		"2001:db9::1",
		"3ffe:ffff::1",
		"3fff:1000::1",
		"::ffff:8.8.8.8",
		"::ffff:0:8.8.8.8",
		"64:ff9b::8.8.8.8",
		"2002:808:808::1",
		/* Teredo: server 65.54.227.120, client 192.0.1.45 */
		"2001:0:4136:e378:8000:63bf:3fff:fed2",
	};

	for (size_t i = 0; i < ARRAY_N(texts); i++)
		judge(texts[i], NULL);
}

static void ipv4_ranges_are_known_from_end_to_end(void)
{
	static const char *const rows[][2] = {
		{"0.0.0.0", "unspecified"},	   {"0.0.0.1", "this network"},
		{"0.255.255.255", "this network"}, {"10.0.0.0", "private"},
		{"10.255.255.255", "private"},	   {"100.64.0.0", "carrier"},
		{"100.127.255.255", "carrier"},	   {"100.100.100.200", "metadata"},
		{"127.0.0.0", "loopback"},	   {"127.0.0.1", "loopback"},
		{"127.255.255.255", "loopback"},   {"168.63.129.16", "metadata"},
		{"169.254.0.0", "link-local"},	   {"169.254.169.254", "metadata"},
		{"169.254.170.2", "metadata"},	   {"169.254.170.23", "metadata"},
		{"169.254.255.255", "link-local"}, {"172.16.0.0", "private"},
		{"172.31.255.255", "private"},	   {"192.0.0.0", "protocols"},
		{"192.0.0.192", "protocols"},	   {"192.0.2.255", "documentation"},
		{"192.88.99.1", "6to4"},	   {"192.168.0.0", "private"},
		{"192.168.255.255", "private"},	   {"198.18.0.0", "benchmarks"},
		{"198.19.255.255", "benchmarks"},  {"198.51.100.7", "documentation"},
		{"203.0.113.7", "documentation"},  {"224.0.0.1", "multicast"},
		{"239.255.255.255", "multicast"},  {"240.0.0.0", "reserved"},
		{"255.255.255.254", "reserved"},   {"255.255.255.255", "broadcast"},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++)
		judge(rows[i][0], rows[i][1]);
}

static void ipv6_ranges_are_known_from_end_to_end(void)
{
	static const char *const rows[][2] = {
		{"::", "unspecified"},
		{"::1", "loopback"},
		{"fe80::1", "link-local"},
		{"febf:ffff::1", "link-local"},
		{"fec0::1", "site-local"},
		{"feff::1", "site-local"},
		{"fc00::", "private"},
		{"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"},
		{"fd00:ec2::254", "metadata"},
		{"fd00:ec2::253", "private"},
		{"ff02::1", "multicast"},
		{"ffff::", "multicast"},
		{"100::1", "reserved"},
		{"5f00::1", "reserved"},
		{"1fff:ffff::1", "reserved"},
		{"4000::", "reserved"},
		{"2001:db8::1", "documentation"},
		{"3fff:fff::1", "documentation"},
		{"2001:2::1", "protocols"},
		{"2001:20::1", "protocols"},
		{"2001:1ff:ffff::1", "protocols"},
		{"64:ff9b:1::808:808", "NAT64"},
		{"64:ff9b:2::808:808", "reserved"},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++)
		judge(rows[i][0], rows[i][1]);
}

static void ipv6_does_not_hide_ipv4(void)
{
	static const char *const rows[][2] = {
		{"::ffff:127.0.0.1", "loopback"},
		{"::ffff:169.254.169.254", "metadata"},
		{"::ffff:0.0.0.0", "unspecified"},
		{"::ffff:0:10.0.0.1", "private"},
		{"::127.0.0.1", "loopback"},
		{"::10.0.0.1", "private"},
		{"::0.0.0.2", "this network"},
		{"64:ff9b::10.1.2.3", "private"},
		{"64:ff9b::a9fe:a9fe", "metadata"},
		{"2002:7f00:1::1", "loopback"},
		{"2002:c0a8:101::", "private"},
		{"2002:a9fe:a9fe::1", "metadata"},
		/* Teredo with the server 10.0.0.1, then with the client 127.0.0.1 */
		{"2001:0:a00:1:8000:63bf:3fff:fed2", "private"},
		{"2001:0:4136:e378:8000:63bf:80ff:fffe", "loopback"},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++)
		judge(rows[i][0], rows[i][1]);
}

static void what_is_no_address_is_not_public(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/secret"};

	judge("", "no address");
	judge("localhost", "no address");
	judge("8.8.8", "no address");
	judge("fe80::1%eth0", "no address");
	CHECK(address_is_not_public((const struct sockaddr *)&un) != NULL);
}

static void addresses_are_shown(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(443)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char text[ADDRESS_TEXT_MAX];

	in.sin_addr.s_addr = htonl(0x7f000001);
	address_text((const struct sockaddr *)&in, text);
	CHECK_STR(str_of(text), "127.0.0.1");
	inet_pton(AF_INET6, "fd00:ec2::254", &in6.sin6_addr);
	address_text((const struct sockaddr *)&in6, text);
	CHECK_STR(str_of(text), "fd00:ec2::254");
	address_text((const struct sockaddr *)&un, text);
	CHECK_STR(str_of(text), "?");
	CHECK(address_is_not_public((const struct sockaddr *)&in) != NULL);
	CHECK(address_is_not_public((const struct sockaddr *)&in6) != NULL);
}

int main(void)
{
	CHECK_RUN(addresses_of_the_internet_are_public);
	CHECK_RUN(ipv4_ranges_are_known_from_end_to_end);
	CHECK_RUN(ipv6_ranges_are_known_from_end_to_end);
	CHECK_RUN(ipv6_does_not_hide_ipv4);
	CHECK_RUN(what_is_no_address_is_not_public);
	CHECK_RUN(addresses_are_shown);
	return check_end();
}
