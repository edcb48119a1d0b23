#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Shows that `make demo` and `make test` work on a new machine: each runs alone, on a bare Debian 12 with
# nothing but git and make, in a clean clone of HEAD. Packages come from where this machine gets them.
#   tests/e2e/clean-room.sh [TARGET...]     demo and test by default
#   KEEP=1      leaves the bare systems behind
#   TMPDIR=dir  where they are made; by default in build/, some 2 GB for each target
# Needs root or sudo. Mounts and processes are in name spaces of their own, which end with the script.
set -euo pipefail
cd "$(dirname "$0")/../.." || exit 70
[ "$(id -u)" -eq 0 ] || exec sudo -n -E "$0" "$@"
[ $# -gt 0 ] || set -- demo test
suite=bookworm
home=$PWD
. tools/packages.sh

mkdir -p build
rooms=$(mktemp -d "$(realpath "${TMPDIR:-build}")/clean-room.XXXXXX")
job=

# shellcheck disable=SC2317 # a trap
clean_up() {
	trap '' INT TERM
	if [ -n "$job" ]; then
		kill "$job" 2>/dev/null || true
		wait "$job" 2>/dev/null || true
	fi
	if [ -n "${KEEP:-}" ]; then
		echo "The bare systems are in $rooms."
	else
		rm -rf --one-file-system "$rooms"
	fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

minutes() { awk -v s="$1" 'BEGIN { printf "%.1f min", s / 60 }'; }

# copy PATH...: into the bare system at the same place, as far as this machine has them.
copy() {
	local path
	for path in "$@"; do
		[ -e "$path" ] || continue
		mkdir -p "$rooms/bare$(dirname "$path")"
		cp -a --no-target-directory "$path" "$rooms/bare$path"
	done
}

# A bare system with git and make, and this machine's settings for getting packages.
make_bare() {
	local uri
	uri=$(source_of_packages "$suite") || return 1
	debootstrap --variant=minbase --include=git,make "$suite" "$rooms/bare" "$uri" \
		>"$rooms/debootstrap.log" 2>&1 || {
		tail -n 20 "$rooms/debootstrap.log" >&2
		return 1
	}
	rm -f "$rooms"/bare/etc/apt/sources.list
	copy /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/keyrings \
		/etc/apt/trusted.gpg /etc/apt/trusted.gpg.d /etc/apt/preferences.d \
		/usr/share/keyrings /usr/local/share/ca-certificates \
		/etc/ssl/certs/ca-certificates.crt /etc/pip.conf /etc/resolv.conf /etc/hosts
	rm -rf "$rooms/bare/var/cache/apt/archives" "$rooms/bare/var/lib/apt/lists"
	mkdir -p "$rooms/bare/var/cache/apt/archives/partial" "$rooms/bare/var/lib/apt/lists/partial"
}

# The environment inside: nothing but how to get packages.
settings() {
	env | grep -iE '^(PIP_|npm_config_|SSL_CERT_|NODE_EXTRA_CA_CERTS=|(https?|no|all)_proxy=)' || true
}

# run_in ROOM TARGET: makes one target in name spaces of its own. The room is the root of a file system
# there, not only of a chroot: tests mount things, and make name spaces themselves.
run_in() {
	local room=$1 target=$2 words
	mapfile -t words < <(settings)
	# shellcheck disable=SC2016 # for the shell inside
	unshare --mount --pid --fork --kill-child --propagation private bash -c '
		set -e
		room=$1 target=$2
		shift 2
		mount --bind "$room" "$room"
		cd "$room"
		mount -t proc proc proc
		mount -t sysfs -o ro sys sys
		mount --rbind /dev dev
		mount -t tmpfs tmp dev/shm
		mkdir outside
		pivot_root . outside
		umount -l outside
		rmdir outside
		/usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" \
			sh -c "cd /opt/ddbtap && exec make $target" </dev/null
	' bash "$room" "$target" "${words[@]}" &
	job=$!
	wait "$job"
}

# try TARGET: in a fresh copy of the bare system, with a clean clone.
try() {
	local target=$1 room="$rooms/$1" began=$SECONDS status=0
	cp -a "$rooms/bare" "$room"
	git clone -q --no-local "file://$home" "$room/opt/ddbtap" || return 1
	git -C "$room/opt/ddbtap" checkout -q --detach "$(git rev-parse HEAD)"
	chown -R 0:0 "$room/opt/ddbtap"
	echo "== make $target"
	run_in "$room" "$target" || status=$?
	job=
	echo "== make $target: status $status after $(minutes $((SECONDS - began)))"
	[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$room"
	return "$status"
}

tools/deps.sh clean-room
apt-get indextargets >/dev/null
make_bare
echo "== a bare Debian ($suite) with git and make: $(minutes $SECONDS), $(du -sh "$rooms/bare" | cut -f1)"
failed=0
for target in "$@"; do
	try "$target" || failed=1
done
exit "$failed"
