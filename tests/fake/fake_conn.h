/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client's connection: reads requests, has them answered one after the other, and writes the
 * answers, spoiled where a fault is planned. Never blocks; a connection belongs to its loop and frees
 * itself when it ends.
 */
#ifndef FAKE_CONN_H
#define FAKE_CONN_H

#include "base/heap.h"
#include "base/list.h"
#include "tests/fake/fake.h"
#include "tests/fake/fake_link.h"

/* What connections share. */
struct fake_loop {
	struct fake *fake;
	int epoll_fd;
	struct heap timers; /* of connections, by fake_clock_mono() */
	struct list conns;
};

/* What an event of epoll is about; its data points to the first member of what is watched. */
enum fake_watch { FAKE_WATCH_CONN, FAKE_WATCH_LISTENER, FAKE_WATCH_SIGNAL };

struct fake_conn;

/* Takes over a connected socket and starts serving it; `tls` is NULL for HTTP in the clear. */
void fake_conn_open(struct fake_loop *loop, int fd, SSL_CTX *tls);

/* Goes on after epoll reported `events`; may free the connection. */
void fake_conn_event(struct fake_conn *conn, uint32_t events);

/* Goes on with each connection whose timer is due. */
void fake_conn_run_timers(struct fake_loop *loop, int64_t now_ms);

/* Closes all connections. */
void fake_conn_close_all(struct fake_loop *loop);

#endif
