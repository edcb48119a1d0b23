#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing, and only those: deps.sh build|demo|models|dev|peers|clean-room
# Needs root or sudo, asks nothing, says nothing unless it fails.
set -eu
build='gcc make pkg-config libc6-dev libcurl4-openssl-dev libssl-dev libmicrohttpd-dev libprotobuf-c-dev
protobuf-c-compiler libprotobuf-dev libyaml-dev libdeflate-dev libzstd-dev librdkafka-dev openssl
ca-certificates'
demo="$build python3 python3-boto3 python3-protobuf"
models='gcc libc6-dev spin'
dev="$demo $models clang clang-tidy clang-format libclang-rt-14-dev llvm valgrind shellcheck git procps
python3-venv python3-jsonschema python3-prometheus-client python3-yaml strace systemd util-linux zstd"
peers="$demo debootstrap systemd-container python3-venv openjdk-17-jdk-headless maven kcat postgresql
prometheus"
case ${1:-} in
build) want=$build ;;
demo) want=$demo ;;
models) want=$models ;;
dev) want=$dev ;;
peers) want=$peers ;;
clean-room) want='debootstrap git make' ;;
*) echo "usage: $0 build|demo|models|dev|peers|clean-room" >&2; exit 64 ;;
esac

missing=
for package in $want; do
	dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' ok installed$' ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=
[ "$(id -u)" -eq 0 ] || sudo='sudo -n'
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o DPkg::Lock::Timeout=300 \
		-o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@" >"$log" 2>&1
}
# shellcheck disable=SC2086 # a list of packages
install() { apt install --no-install-recommends $missing; }
install || { apt update && install; } || {
	cat "$log" >&2
	echo "$0: could not install:$missing" >&2
	exit 1
}
