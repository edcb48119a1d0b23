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

# part NAME FILE...: true when the part must be made anew: its descriptions are not those it was made from.
part() {
	local name=$1
	shift
	cat "$@" | cmp -s - "$cache/$name/made-from" && return 1
	echo "# installing $name"
	rm -rf "${cache:?}/$name"
	mkdir -p "$cache/$name"
}

# made NAME FILE...: the part is complete.
made() {
	local name=$1
	shift
	cat "$@" >"$cache/$name/made-from"
}

# jars NAME POM [KAFKA-VERSION]: a folder of jars with all that they need.
jars() {
	part "$1" "$2" || return 0
	# Even a quiet Maven writes colours, without a line's end.
	mvn -q -B -Dmaven.repo.local="$cache/maven" ${3:+"-Dkafka.version=$3"} -f "$2" \
		dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$cache/$1" \
		>"$cache/maven.log" 2>&1 || { cat "$cache/maven.log"; missing "Maven could not get $1"; }
	made "$1" "$2"
}

# classes NAME JARS FILE...: a folder of compiled Java, whose libraries are in another part.
classes() {
	local name=$1 jars=$2
	shift 2
	part "$name" "$cache/$jars/made-from" "$@" || return 0
	javac -nowarn -proc:none -d "$cache/$name" -cp "$cache/$jars/*" "$@" >"$cache/javac.log" 2>&1 || {
		cat "$cache/javac.log"
		missing "javac could not make $name"
	}
	made "$name" "$cache/$jars/made-from" "$@"
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
for line in 1 3; do
	jars kcl$line $here/java/kcl$line.xml
	classes kcl$line-app kcl$line $here/java/Journal.java $here/java/Kcl${line}App.java
done
