/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that resolve to what a test says, and an address of the internet that is this machine: the C
 * library's functions, replaced for the whole program, libcurl included.
 */
#ifndef UNIT_SCRIPTED_NAMES_H
#define UNIT_SCRIPTED_NAMES_H

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define PUBLIC_ADDRESS "93.184.216.34"

static struct {
	const char *first, *second; /* what "scripted.test" resolves to; NULL: nothing */
	atomic_int slow_ms; /* how long that takes */
	atomic_int asked, asking; /* how often it was, and is at this moment */
	atomic_int connects; /* to the address of the internet */
	atomic_bool honest; /* who looks again is told where it is */
	atomic_bool public[1024]; /* descriptors that are connected to it */
} names;

typedef int resolve_fn(const char *node, const char *service, const struct addrinfo *hints,
		       struct addrinfo **out);
typedef int connect_fn(int fd, const struct sockaddr *to, socklen_t n);
typedef int peer_fn(int fd, struct sockaddr *out, socklen_t *n);

/* The C library's own function. */
static inline void *original(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	must(p != NULL);
	return p;
}

/* Replaces the C library's. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	resolve_fn *real = (resolve_fn *)original("getaddrinfo");
	struct addrinfo numeric = *hints, *more = NULL;
	int rc;

	if (strcmp(node, "scripted.test") != 0)
		return real(node, service, hints, out);
	names.asking++;
	names.asked++;
	usleep((useconds_t)names.slow_ms * 1000);
	numeric.ai_flags = AI_NUMERICHOST;
	numeric.ai_family = AF_UNSPEC;
	rc = names.first == NULL ? EAI_NONAME : real(names.first, service, &numeric, out);
	if (rc == 0 && names.second != NULL && real(names.second, service, &numeric, &more) == 0)
		(*out)->ai_next = more;
	names.asking--;
	return rc;
}

/* Replaces the C library's. */
int connect(int fd, const struct sockaddr *to, socklen_t n)
{
	connect_fn *real = (connect_fn *)original("connect");
	struct sockaddr_in in;

	if (to->sa_family != AF_INET)
		return real(fd, to, n);
	memcpy(&in, to, sizeof(in));
	must((size_t)fd < ARRAY_N(names.public));
	names.public[fd] = in.sin_addr.s_addr == inet_addr(PUBLIC_ADDRESS);
	if (names.public[fd]) {
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		names.connects++;
	}
	return real(fd, (const struct sockaddr *)&in, sizeof(in));
}

/* Replaces the C library's. */
int getpeername(int fd, struct sockaddr *out, socklen_t *n)
{
	peer_fn *real = (peer_fn *)original("getpeername");
	int rc = real(fd, out, n);

	if (rc == 0 && out->sa_family == AF_INET && names.public[fd] && !names.honest)
		((struct sockaddr_in *)(void *)out)->sin_addr.s_addr = inet_addr(PUBLIC_ADDRESS);
	return rc;
}

#endif
