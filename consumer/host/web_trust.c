/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/web_trust.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "consumer/host/route.h"

enum { FILE_MAX = 4 << 20 };

/* What OpenSSL asks for a key's password with. */
struct password {
	const char *given; /* NULL: none */
	bool asked;
};

/* Reads a whole file into `text`. False with `err` set, in which `option` is its option. */
static bool read_file(const char *option, const char *path, struct buf *text, struct error *err)
{
	BIO *bio = BIO_new_file(path, "r");
	int number = errno, n = 0;
	char piece[4096];

	buf_init(text, FILE_MAX);
	ERR_clear_error();
	if (bio == NULL)
		return error_set(err, ERROR_CONFIG, "`%s` %s cannot be read: %s", option, path,
				 error_errno(number));
	while (!text->failed && (n = BIO_read(bio, piece, sizeof(piece))) > 0)
		buf_add(text, piece, (size_t)n);
	OPENSSL_cleanse(piece, sizeof(piece));
	BIO_free(bio);
	ERR_clear_error();
	if (text->failed)
		return error_set(err, ERROR_CONFIG, "`%s` %s is larger than %d bytes", option, path,
				 FILE_MAX);
	return true;
}

/* The first certificate in PEM text, or NULL with `err` set. */
static X509 *read_certificate(const char *option, const char *path, struct str text,
			      struct error *err)
{
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	X509 *certificate;

	must(bio != NULL);
	certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (certificate == NULL)
		error_set(err, ERROR_CONFIG, "`%s` %s holds no certificate in PEM form", option,
			  path);
	ERR_clear_error();
	BIO_free(bio);
	return certificate;
}

/* OpenSSL's callback for a password; without it, it would ask the terminal. */
static int on_password(char *to, int max, int writing, void *arg)
{
	struct password *password = arg;
	struct str given = str_of(password->given);

	(void)writing;
	password->asked = true;
	if (given.n > (size_t)max)
		return -1;
	mem_copy(to, given.p, given.n);
	return (int)given.n;
}

/* The private key in PEM text, or NULL with `err` set. */
static EVP_PKEY *read_key(const struct web_pool_options *options, struct str text,
			  struct error *err)
{
	struct password password = {.given = options->client_key_password};
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	EVP_PKEY *key;

	must(bio != NULL);
	key = PEM_read_bio_PrivateKey(bio, NULL, on_password, &password);
	if (key == NULL && !password.asked)
		error_set(err, ERROR_CONFIG, "`client_key` %s holds no private key in PEM form",
			  options->client_key);
	else if (key == NULL && password.given == NULL)
		error_set(err, ERROR_CONFIG,
			  "`client_key` %s is encrypted; set `client_key_password_file`",
			  options->client_key);
	else if (key == NULL)
		error_set(err, ERROR_CONFIG,
			  "`client_key` %s cannot be decrypted with `client_key_password_file`",
			  options->client_key);
	ERR_clear_error();
	BIO_free(bio);
	return key;
}

/* Keeps a copy of `text`. */
static void keep(struct curl_blob *blob, struct str text)
{
	*blob = (struct curl_blob){
		.data = mem_dup(text.p, text.n), .len = text.n, .flags = CURL_BLOB_NOCOPY};
}

/* Keeps a key without its password, so that no connection has to decrypt it again. */
static void keep_key(struct curl_blob *blob, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *p = NULL;
	long n;

	must(bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	n = BIO_get_mem_data(bio, &p);
	keep(blob, str_make(p, (size_t)n));
	BIO_free(bio);
}

/* Makes certificate and key out of their files' text. */
static bool load_client(struct web_trust *trust, const struct web_pool_options *options,
			struct str cert, struct str key, struct error *err)
{
	X509 *certificate = read_certificate("client_cert", options->client_cert, cert, err);
	EVP_PKEY *pkey = certificate == NULL ? NULL : read_key(options, key, err);
	bool ok = pkey != NULL;

	if (ok && X509_check_private_key(certificate, pkey) != 1)
		ok = error_set(err, ERROR_CONFIG,
			       "`client_key` %s is not the key of the certificate in "
			       "`client_cert` %s",
			       options->client_key, options->client_cert);
	if (ok) {
		keep(&trust->cert, cert); /* whole: a chain may follow */
		keep_key(&trust->key, pkey);
	}
	ERR_clear_error();
	EVP_PKEY_free(pkey);
	X509_free(certificate);
	return ok;
}

/* Loads the client's certificate and key, if there are any. */
static bool load_client_files(struct web_trust *trust, const struct web_pool_options *options,
			      struct error *err)
{
	struct buf cert, key;
	bool ok;

	if (options->client_cert == NULL && options->client_key == NULL)
		return true;
	if (options->client_cert == NULL || options->client_key == NULL)
		return error_set(err, ERROR_CONFIG,
				 "`client_cert` and `client_key` belong together; `%s` is missing",
				 options->client_cert == NULL ? "client_cert" : "client_key");
	buf_init(&key, FILE_MAX);
	ok = read_file("client_cert", options->client_cert, &cert, err) &&
	     read_file("client_key", options->client_key, &key, err) &&
	     load_client(trust, options, buf_view(&cert), buf_view(&key), err);
	if (key.n > 0)
		OPENSSL_cleanse(key.p, key.n);
	buf_release(&key);
	buf_release(&cert);
	return ok;
}

/* Whether the file of authorities holds one. */
static bool check_authorities(const char *path, struct error *err)
{
	struct buf text;
	X509 *first = NULL;

	if (read_file("ca_file", path, &text, err))
		first = read_certificate("ca_file", path, buf_view(&text), err);
	buf_release(&text);
	X509_free(first);
	return first != NULL;
}

bool web_trust_load(struct web_trust *trust, const struct web_pool_options *options,
		    struct error *err)
{
	const char *ca_file = options->ca_file != NULL ? options->ca_file : ROUTE_CA_FILE;

	*trust = (struct web_trust){0};
	if (options->ca_file != NULL && !check_authorities(ca_file, err))
		return false;
	trust->ca_file = mem_dup(ca_file, str_of(ca_file).n);
	if (load_client_files(trust, options, err))
		return true;
	web_trust_release(trust);
	return false;
}

void web_trust_release(struct web_trust *trust)
{
	if (trust->key.data != NULL)
		OPENSSL_cleanse(trust->key.data, trust->key.len);
	mem_free(trust->key.data);
	mem_free(trust->cert.data);
	mem_free(trust->ca_file);
	*trust = (struct web_trust){0};
}
