#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the image's root file system as the Dockerfile does, without an engine, and runs ddbtap in it as the image would:
# as nobody in particular, with nothing but what the image has. Prints "ok NAME" and "not ok NAME".
#   deploy/check-image.sh     ./ddbtap and ./ddbfake must be built; needs root or sudo
# shellcheck disable=SC2317 # the tests are called by name
set -u
cd "$(dirname "$0")/.." || exit 70
[ "$(id -u)" -eq 0 ] || exec sudo -n -E "$0" "$@"
user=65532:65532
scratch=$(mktemp -d)
root=$scratch/root
fake=
failed=0

clean_up() {
	[ -z "$fake" ] || { kill "$fake" && wait "$fake"; } 2>/dev/null
	rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT

# inside COMMAND...: runs it in the image's file system, as the image's user, with the image's environment and keys that
# ddbfake takes.
inside() {
	env -i HOME=/var/lib/ddbtap AWS_ACCESS_KEY_ID=AKIDEXAMPLE \
		AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY \
		/usr/sbin/chroot --userspec="$user" "$root" "$@"
}

# check NAME FUNCTION: runs one test, whose output is shown if it fails.
check() {
	if (set -e -o pipefail; "$1") >"$scratch/log" 2>&1; then
		echo "ok image_$1"
	else
		echo "not ok image_$1"
		sed 's/^/# /' "$scratch/log"
		failed=1
	fi
}

is_made() { deploy/rootfs.sh ./ddbtap "$root"; }

# The program, and libc's loader of libraries: nothing else can be started.
has_no_shell() {
	find "$root" -type f -perm /111 ! -name '*.so*' -printf '%P\n' >"$scratch/programs"
	cat "$scratch/programs"
	[ "$(cat "$scratch/programs")" = usr/bin/ddbtap ]
	[ -z "$(find "$root" -name '*sh' -o -name 'busybox*' -o -name 'perl*' -o -name 'apt*')" ]
}

has_one_place_to_write() {
	find "$root" ! -type l \( ! -uid 0 -o ! -gid 0 -o -perm /6000 -o -perm /022 \) \
		-printf '%P %U:%G %m\n' >"$scratch/loose"
	cat "$scratch/loose"
	[ "$(cat "$scratch/loose")" = "var/lib/ddbtap $user 700" ]
}

says_its_version() {
	inside /usr/bin/ddbtap version | tee "$scratch/version"
	./ddbtap version | cmp - "$scratch/version"
}

knows_what_it_runs() {
	grep -q '^Version: ' "$root"/var/lib/dpkg/status.d/libssl3
	[ -s "$root"/usr/share/doc/libssl3/copyright ]
	[ "$(find "$root/usr/share/doc" -name copyright | wc -l)" -gt 5 ]
}

# port WORDS: the port that ddbfake listens on, once it says so.
port() {
	local _
	for _ in $(seq 200); do
		sed -n "s/^ddbfake: $1 on 127.0.0.1:\\([0-9]*\\)$/\\1/p" "$scratch/fake" | grep . && return
		sleep 0.1
	done
	return 1
}

# A whole run, over TLS and with a name to resolve, with the configuration where the image's command has it.
delivers() {
	local plain tls here=/var/lib/ddbtap/here.jsonl.gz
	plain=$(port listening)
	tls=$(port 'listening with TLS')
	PYTHONPATH=tests/e2e /usr/bin/python3 - "$plain" <<-'EOF'
		import sys
		import boto3
		from fakelib import ACCESS, REGION, SECRET, make_table
		client = boto3.client("dynamodb", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", region_name=REGION,
		                      aws_access_key_id=ACCESS, aws_secret_access_key=SECRET)
		make_table(client, "things")
		client.put_item(TableName="things", Item={"pk": {"S": "from the image"}})
	EOF
	install -m 644 "$scratch/pki/ca.pem" "$root/etc/ddbtap/"
	cat >"$root/etc/ddbtap/ddbtap.yaml" <<-EOF
		application: image
		region: us-east-1
		endpoint: https://localhost:$tls
		ca_file: /etc/ddbtap/ca.pem
		tables: [{name: things}]
		sinks:
		  here: {type: file, path: $here, compress: gzip}
	EOF
	grep -qF 'CMD ["run", "/etc/ddbtap/ddbtap.yaml"]' deploy/Dockerfile
	inside /usr/bin/ddbtap run /etc/ddbtap/ddbtap.yaml --until-caught-up
	gzip -dc "$root$here" | grep 'from the image'
}

check is_made
check has_no_shell
check has_one_place_to_write
check says_its_version
check knows_what_it_runs
./ddbfake --make-cert "$scratch/pki" >"$scratch/fake" 2>&1 &
fake=$!
check delivers
exit "$failed"
