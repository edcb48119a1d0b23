/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_link.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Chooses HTTP/1.1 for clients that ask by ALPN, and nothing for those that do not offer it. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
			   const unsigned char *in, unsigned in_n, void *arg)
{
	(void)ssl;
	(void)arg;
	for (unsigned at = 0; at < in_n && in_n - at > in[at]; at += 1U + in[at]) {
		if (in[at] != 8 || memcmp(in + at + 1, "http/1.1", 8) != 0)
			continue;
		*out = in + at + 1;
		*out_n = 8;
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

SSL_CTX *fake_link_tls(const char *cert, const char *key, struct error *err)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1)
		error_set(err, ERROR_BUG, "OpenSSL cannot make a TLS context");
	else if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1)
		error_set(err, ERROR_CONFIG, "%s is no PEM file with a certificate", cert);
	else if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
		error_set(err, ERROR_CONFIG, "%s is no PEM file with the certificate's key", key);
	else {
		SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
					      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					      SSL_MODE_RELEASE_BUFFERS);
		SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
		return tls;
	}
	ERR_clear_error();
	SSL_CTX_free(tls);
	return NULL;
}

bool fake_link_init(struct fake_link *link, int fd, SSL_CTX *tls)
{
	*link = (struct fake_link){.fd = fd, .wants = EPOLLIN};
	if (tls == NULL)
		return true;
	link->ssl = SSL_new(tls);
	if (link->ssl == NULL || SSL_set_fd(link->ssl, fd) != 1)
		return false;
	SSL_set_accept_state(link->ssl);
	return true;
}

/* What a call of OpenSSL that returned `n` means. */
static ssize_t tls_result(struct fake_link *link, int n)
{
	switch (n > 0 ? SSL_ERROR_NONE : SSL_get_error(link->ssl, n)) {
	case SSL_ERROR_NONE:
		return n;
	case SSL_ERROR_WANT_READ:
		link->wants = EPOLLIN;
		return FAKE_LINK_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		link->wants = EPOLLOUT;
		return FAKE_LINK_AGAIN;
	default: /* OpenSSL's are no enum */
		return FAKE_LINK_END;
	}
}

/* What a system call that returned `n` means. */
static ssize_t plain_result(struct fake_link *link, ssize_t n, uint32_t wants)
{
	if (n >= 0)
		return n;
	link->wants = wants;
	return errno == EAGAIN || errno == EINTR ? FAKE_LINK_AGAIN : FAKE_LINK_END;
}

ssize_t fake_link_read(struct fake_link *link, void *p, size_t n)
{
	ssize_t got;

	if (link->ssl != NULL) {
		ERR_clear_error();
		return tls_result(link, SSL_read(link->ssl, p, n > INT32_MAX ? INT32_MAX : (int)n));
	}
	got = recv(link->fd, p, n, 0);
	return got == 0 ? FAKE_LINK_END : plain_result(link, got, EPOLLIN);
}

ssize_t fake_link_write(struct fake_link *link, struct str head, struct str body)
{
	struct iovec parts[2] = {{.iov_len = head.n}, {.iov_len = body.n}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	if (link->ssl != NULL) {
		struct str first = head.n > 0 ? head : body;

		ERR_clear_error();
		return tls_result(link, SSL_write(link->ssl, first.p,
						  first.n > INT32_MAX ? INT32_MAX : (int)first.n));
	}
	/* iovec has no const, for it serves reading too. */
	mem_copy(&parts[0].iov_base, &head.p, sizeof(head.p));
	mem_copy(&parts[1].iov_base, &body.p, sizeof(body.p));
	return plain_result(link, sendmsg(link->fd, &message, MSG_NOSIGNAL), EPOLLOUT);
}

void fake_link_finish(struct fake_link *link)
{
	if (link->ssl != NULL && SSL_is_init_finished(link->ssl)) {
		ERR_clear_error();
		SSL_shutdown(link->ssl);
	}
	shutdown(link->fd, SHUT_WR);
}

void fake_link_close(struct fake_link *link, bool reset)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	if (reset)
		setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	SSL_free(link->ssl);
	close(link->fd);
	*link = (struct fake_link){.fd = -1};
}
