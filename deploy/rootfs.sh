#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the root file system of the image: what ddbtap needs to run, and nothing else.
#   deploy/rootfs.sh PROGRAM FOLDER     on Debian, as root; FOLDER must not exist
# Beside the files it leaves what Debian's packages say of themselves (licences, and versions in the form that scanners
# of images read).
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 PROGRAM FOLDER" >&2; exit 64; }
program=$1 root=$2
here=$(cd "$(dirname "$0")/.." && pwd)
user=65532

mkdir "$root"
mkdir -p "$root"/usr/{bin,lib,lib64,share/doc/ddbtap} "$root"/etc/{ddbtap,ssl/certs} "$root"/var/lib/{ddbtap,dpkg/status.d}
ln -s usr/bin usr/lib usr/lib64 "$root"
install -m 755 "$program" "$root/usr/bin/ddbtap"
install -m 644 "$here/LICENSE" "$root/usr/share/doc/ddbtap/copyright"

# package_of FILE: the Debian package that a library came with, which may know it by its name before /usr was merged.
package_of() {
	{ dpkg -S "$1" || dpkg -S "${1#/usr}"; } 2>/dev/null | sed 's/: .*//; s/:.*//' | head -1
}

# add_library PATH: one library under the name that it is loaded by, and what its package says of itself.
add_library() {
	local folder package
	folder=$(realpath "$(dirname "$1")")
	install -D -m 755 "$(realpath "$1")" "$root$folder/$(basename "$1")"
	package=$(package_of "$(realpath "$1")")
	[ -n "$package" ] || { echo "$0: no package has $1" >&2; return 1; }
	install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
	dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
}

libraries=$(ldd "$program" | sed -nE 's/^.* => (\/[^ ]+) .*/\1/p; s/^[[:space:]]*(\/[^ ]+) .*/\1/p')
[ -n "$libraries" ] || { echo "$0: $program loads no libraries: is it a program?" >&2; exit 65; }
for library in $libraries; do
	add_library "$library"
done
# What libc loads by itself, when a thread is cancelled or aborts.
add_library "$(gcc -print-file-name=libgcc_s.so.1)"

install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo "ddbtap:x:$user:$user:ddbtap:/var/lib/ddbtap:/nonexistent" >"$root/etc/passwd"
echo "ddbtap:x:$user:" >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
chmod 644 "$root"/etc/{passwd,group,nsswitch.conf} "$root"/var/lib/dpkg/status.d/*
chown -R 0:0 "$root"
chown $user:$user "$root/var/lib/ddbtap"
chmod 700 "$root/var/lib/ddbtap"
