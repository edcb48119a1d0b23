#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a certificate authority and servers' certificates in the folder $1: good, expired, other (for
# another name); each as NAME.pem, all with key.pem. For clients: client.pem with client.key, locked.key
# being the same behind the password "open sesame", and stranger.pem of nobody's authority with key.pem. lax.cnf makes OpenSSL speak old TLS.
set -eu
cd "$1"
exec 2>log
openssl ecparam -name prime256v1 -genkey -noout -out key.pem
openssl req -new -x509 -key key.pem -subj '/CN=Test CA' -days 30 -out ca.pem
openssl req -new -key key.pem -subj '/CN=server' -out server.csr
: >index.txt

# $1 name, $2 subjectAltName, $3 and $4 the time that it is valid in
issue() {
	printf 'subjectAltName=%s\n' "$2" >"$1.ext"
	openssl ca -batch -config ca.cnf -in server.csr -out "$1.pem" -notext -startdate "$3" \
		-enddate "$4" -extfile "$1.ext" -create_serial
}
cat >ca.cnf <<'EOF'
[ca]
default_ca = test
[test]
database = index.txt
new_certs_dir = .
serial = serial
certificate = ca.pem
private_key = key.pem
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
EOF
issue good IP:127.0.0.1 20200101000000Z 20991231000000Z
issue other DNS:other.example 20200101000000Z 20991231000000Z
issue expired IP:127.0.0.1 20200101000000Z 20200201000000Z
openssl ecparam -name prime256v1 -genkey -noout -out client.key
openssl ec -in client.key -aes256 -passout 'pass:open sesame' -out locked.key
openssl req -new -key client.key -subj '/CN=tap' -out server.csr
issue client DNS:tap 20200101000000Z 20991231000000Z
openssl req -new -x509 -key key.pem -subj '/CN=Stranger' -days 30 -out stranger.pem
cat >lax.cnf <<'EOF'
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = lax
[lax]
MinProtocol = TLSv1
CipherString = DEFAULT@SECLEVEL=0
EOF
