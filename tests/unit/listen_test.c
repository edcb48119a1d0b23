/* SPDX-License-Identifier: Apache-2.0 */
#include "config/listen.h"

#include "base/mem.h"
#include "config/syntax.h"
#include "tests/check.h"

static void addresses_and_ports_are_taken_apart(void)
{
	static const struct {
		const char *text, *address;
		int port;
	} good[] = {
		{"9464", "127.0.0.1", 9464},
		{"0", "127.0.0.1", 0},
		{"127.0.0.1:9464", "127.0.0.1", 9464},
		{"0.0.0.0:80", "0.0.0.0", 80},
		{"10.1.2.3:65535", "10.1.2.3", 65535},
		{"[::1]:9464", "::1", 9464},
		{"[::]:1", "::", 1},
		{"[2001:db8::1]:0", "2001:db8::1", 0},
	};
	struct listen listen;

	for (size_t i = 0; i < ARRAY_N(good); i++) {
		memset(&listen, 0, sizeof(listen));
		if (!check_note(listen_parse(str_of(good[i].text), &listen), good[i].text, __FILE__,
				__LINE__))
			continue;
		CHECK_STR(str_of(listen.address), good[i].address);
		CHECK_INT(listen.port, good[i].port);
		CHECK(syntax_listen(str_of(good[i].text)) == NULL);
	}
}

static void anything_else_is_refused(void)
{
	static const char *const bad[] = {
		"",
		":",
		":9464",
		"localhost:9464",
		"127.0.0.1",
		"127.0.0.1:",
		"1.2.3:80",
		"1.2.3.4.5:80",
		"127.0.0.1:65536",
		"65536",
		"-1",
		"+1",
		" 9464",
		"9464 ",
		"94a",
		"999999",
		"::1:9464",
		"[::1]",
		"[::1]9464",
		"[::1",
		"[]:80",
		"[127.0.0.1]:80",
		"[::1%lo]:80",
		"http://127.0.0.1:80",
		"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa]:80",
	};
	struct listen listen;

	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		check_note(!listen_parse(str_of(bad[i]), &listen), bad[i], __FILE__, __LINE__);
		CHECK(syntax_listen(str_of(bad[i])) != NULL);
	}
}

int main(void)
{
	CHECK_RUN(addresses_and_ports_are_taken_apart);
	CHECK_RUN(anything_else_is_refused);
	return check_end();
}
