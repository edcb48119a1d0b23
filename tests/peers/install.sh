#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Brings other people's programs and libraries, in pinned versions, into build/peers-cache; quick when they
# are there. Debian's packages come from tools/deps.sh peers.
set -eu
cd "$(dirname "$0")/../.." || exit 70
here=tests/peers
. tools/packages.sh
cache=$PWD/build/peers-cache
mkdir -p "$cache"

missing() { echo "$here/install.sh: $*" >&2; exit 69; }

# Node of the needed age is not among Debian's packages, so it has to be there.
node=$(node -p process.versions.node 2>/dev/null) || missing "Node is missing: install Node 20 or newer"
[ "${node%%.*}" -ge 20 ] || missing "Node $node is too old: install Node 20 or newer"
command -v npm >/dev/null || missing "npm is missing: install the one that came with Node $node"
java=$(javac -version 2>&1 | sed -n 's/^javac //p')
[ "${java%%.*}" -ge 17 ] 2>/dev/null ||
	missing "a JDK 17 or newer is missing (javac -version: ${java:-nothing}): run tools/deps.sh peers"
for program in java mvn kcat openssl debootstrap systemd-nspawn; do
	command -v $program >/dev/null || missing "$program is missing: run tools/deps.sh peers"
done
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
	missing "PostgreSQL's server is missing: run tools/deps.sh peers"

# part NAME FILE: true when the part must be made anew: its description is not the one it was made from.
part() {
	cmp -s "$2" "$cache/$1/made-from" && return 1
	echo "# installing $1"
	rm -rf "${cache:?}/$1"
	mkdir -p "$cache/$1"
}

# made NAME FILE: the part is complete.
made() { cp "$2" "$cache/$1/made-from"; }

# jars NAME POM [KAFKA-VERSION]: a folder of jars with all that they need.
jars() {
	part "$1" "$2" || return 0
	# Even a quiet Maven writes colours, without a line's end.
	mvn -q -B -Dmaven.repo.local="$cache/maven" ${3:+"-Dkafka.version=$3"} -f "$2" \
		dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$cache/$1" \
		>"$cache/maven.log" 2>&1 || { cat "$cache/maven.log"; missing "Maven could not get $1"; }
	made "$1" "$2"
}

if part python $here/requirements.txt; then
	/usr/bin/python3 -m venv "$cache/python"
	"$cache/python/bin/pip" install --quiet --disable-pip-version-check -r $here/requirements.txt >&2
	made python $here/requirements.txt
fi
if part node $here/package.json; then
	cp $here/package.json "$cache/node/"
	(cd "$cache/node" && npm install --no-audit --no-fund --no-package-lock --loglevel=error >&2)
	# Node looks for libraries beside the program that asks for them.
	ln -s ../../../$here/judges "$cache/node/judges"
	made node $here/package.json
fi
# A bare Debian that boots; root's, and left as it was made.
if ! cmp -s $here/debian.txt "$cache/debian/made-from"; then
	sudo=
	[ "$(id -u)" -eq 0 ] || sudo='sudo -n'
	$sudo rm -rf "$cache/debian"
	part debian $here/debian.txt || true
	uri=$(source_of_packages bookworm)
	$sudo debootstrap --variant=minbase "--include=$(paste -sd, $here/debian.txt)" bookworm "$cache/debian/root" \
		"$uri" >"$cache/debian.log" 2>&1 || { tail -n 20 "$cache/debian.log" >&2; missing "debootstrap failed"; }
	made debian $here/debian.txt
fi
jars broker-4.3.1 $here/java/broker.xml 4.3.1
jars broker-3.9.1 $here/java/broker.xml 3.9.1
jars connect-4.3.1 $here/java/connect.xml 4.3.1
jars flink-2.3.0 $here/java/flink.xml
