/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap version`: the program's version and those of the libraries it runs with. */
#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>

#include "base/err.h"
#include "config/yaml_tree.h"
#include "consumer/verbs/arguments.h"

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	struct buf out;
	int status;

	(void)program;
	if (!arguments_read(&verb_version, &argc, argv, NULL, 0))
		return error_exit_status(ERROR_USAGE);
	if (argc > 1)
		return verb_usage_error(&verb_version, "version takes no arguments");
	buf_init(&out, 1000);
	buf_fmt(&out, "ddbtap %s\nOpenSSL %s, libyaml %s, protobuf-c %s\n", DDBTAP_VERSION,
		OpenSSL_version(OPENSSL_VERSION_STRING), yaml_tree_libyaml(), protobuf_c_version());
	status = verb_write(buf_view(&out));
	buf_release(&out);
	return status;
}

const struct verb verb_version = {
	.name = "version",
	.help = "prints the version",
	.usage = "usage: ddbtap version\n"
		 "\n"
		 "Prints the version, and in a second line those of the libraries it runs with.\n",
	.run = run,
};
