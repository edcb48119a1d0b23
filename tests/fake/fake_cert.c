/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_cert.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY_SECONDS = 86400 };

bool fake_cert_kind_of(struct str name, enum fake_cert_kind *kind_out)
{
	static const struct {
		const char *name;
		enum fake_cert_kind kind;
	} kinds[] = {
		{"good", FAKE_CERT_GOOD},
		{"expired", FAKE_CERT_EXPIRED},
		{"wrong-host", FAKE_CERT_WRONG_HOST},
	};

	for (size_t i = 0; i < ARRAY_N(kinds); i++) {
		if (!str_eq(name, str_of(kinds[i].name)))
			continue;
		*kind_out = kinds[i].kind;
		return true;
	}
	return false;
}

/* Adds one X.509 extension, written as in OpenSSL's configuration files. */
static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

/* A certificate of that name for `key`, valid around now, not signed yet; NULL on failure. */
static X509 *new_cert(const char *name, EVP_PKEY *key, bool expired)
{
	X509 *cert = X509_new();
	X509_NAME *subject = cert == NULL ? NULL : X509_get_subject_name(cert);
	uint32_t serial = 0;

	if (subject != NULL && RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
	    X509_set_version(cert, 2) == 1 &&
	    ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), (uint64_t)serial + 1) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), -2 * DAY_SECONDS) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), expired ? -DAY_SECONDS : 10 * DAY_SECONDS) !=
		    NULL &&
	    X509_set_pubkey(cert, key) == 1 &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
				       -1, 0) == 1)
		return cert;
	X509_free(cert);
	return NULL;
}

/* The self-signed CA; NULL on failure. */
static X509 *make_ca(EVP_PKEY *key)
{
	X509 *ca = new_cert("ddbfake test CA", key, false);

	if (ca != NULL && X509_set_issuer_name(ca, X509_get_subject_name(ca)) == 1 &&
	    add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE") &&
	    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    add_extension(ca, ca, NID_subject_key_identifier, "hash") &&
	    X509_sign(ca, key, EVP_sha256()) != 0)
		return ca;
	X509_free(ca);
	return NULL;
}

/* The server's certificate by that CA; NULL on failure. */
static X509 *make_server(X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, enum fake_cert_kind kind)
{
	const char *hosts = kind == FAKE_CERT_WRONG_HOST ? "DNS:wrong.example.com"
							 : "IP:127.0.0.1,DNS:localhost";
	X509 *cert = new_cert("ddbfake", key, kind == FAKE_CERT_EXPIRED);

	if (cert != NULL && X509_set_issuer_name(cert, X509_get_subject_name(ca)) == 1 &&
	    add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") &&
	    add_extension(cert, ca, NID_ext_key_usage, "serverAuth") &&
	    add_extension(cert, ca, NID_subject_alt_name, hosts) &&
	    add_extension(cert, ca, NID_subject_key_identifier, "hash") &&
	    add_extension(cert, ca, NID_authority_key_identifier, "keyid") &&
	    X509_sign(cert, ca_key, EVP_sha256()) != 0)
		return cert;
	X509_free(cert);
	return NULL;
}

/* Writes a certificate, or a private key when `cert` is NULL, as a new file DIR/NAME. */
static bool write_pem(const char *dir, const char *name, X509 *cert, EVP_PKEY *key,
		      struct error *err)
{
	char path[4096];
	FILE *file = NULL;
	int fd, n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	bool ok;

	if (n < 0 || (size_t)n >= sizeof(path))
		return error_set(err, ERROR_IO, "the name of %s is too long", name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, cert != NULL ? 0644 : 0600);
	if (fd >= 0)
		file = fdopen(fd, "w");
	if (file == NULL)
		return error_set(err, ERROR_IO, "cannot write %s: %s", path, error_errno(errno));
	ok = cert != NULL ? PEM_write_X509(file, cert) == 1
			  : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (fclose(file) != 0 || !ok)
		return error_set(err, ERROR_IO, "cannot write %s", path);
	return true;
}

bool fake_cert_make(const char *dir, enum fake_cert_kind kind, struct error *err)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = ca_key == NULL ? NULL : make_ca(ca_key);
	X509 *cert = ca == NULL || key == NULL ? NULL : make_server(ca, ca_key, key, kind);
	bool ok = false;

	if (cert == NULL)
		error_set(err, ERROR_BUG, "OpenSSL cannot make a certificate");
	else if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		error_set(err, ERROR_IO, "cannot make the folder %s: %s", dir, error_errno(errno));
	else
		ok = write_pem(dir, "ca.pem", ca, NULL, err) &&
		     write_pem(dir, "cert.pem", cert, NULL, err) &&
		     write_pem(dir, "key.pem", NULL, key, err);
	X509_free(cert);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return ok;
}
