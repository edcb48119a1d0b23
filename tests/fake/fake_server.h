/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets, and the one loop that serves everything.
 */
#ifndef FAKE_SERVER_H
#define FAKE_SERVER_H

#include "tests/fake/fake.h"

/*
 * Listens, prints where to standard output, and serves until SIGTERM or SIGINT. False with `err` when
 * it cannot begin.
 */
bool fake_server_run(struct fake *fake, struct error *err);

#endif
