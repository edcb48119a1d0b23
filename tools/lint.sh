#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The rules that a machine can check: format, tidy, layers, headers, comments, sizes, banned calls, shellcheck,
# and what is in deploy/.
#   tools/lint.sh            everything
#   tools/lint.sh RULE...    only these
# shellcheck disable=SC2317 # the rules are called by name
set -u
cd "$(dirname "$0")/.." || exit 70
bad=0
complain() { echo "lint: $*" >&2; bad=1; }
mapfile -t sources < <(git ls-files '*.c')
mapfile -t headers < <(git ls-files '*.h')
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
flags=$(make -s print-flags)

format() {
	local file
	for file in "${sources[@]}" "${headers[@]}"; do
		clang-format --dry-run -Werror "$file" >/dev/null 2>&1 ||
			complain "$file: not as clang-format has it (make format)"
	done
}

# The analyzer is left out: it takes ten seconds a file. Tests may call the shell and pass integers
# through pointers.
tidy() {
	local tests='-performance-no-int-to-ptr,-cert-env33-c,-cert-err34-c'
	tests+=',-readability-inconsistent-declaration-parameter-name'
	{
		printf '%s\n' "${sources[@]}" | grep -v '^tests/' | tidy_files '-clang-analyzer-*'
		printf '%s\n' "${sources[@]}" | grep '^tests/' | tidy_files "-clang-analyzer-*,$tests"
	} >build/tidy.log
	if [ -s build/tidy.log ]; then
		cat build/tidy.log >&2
		complain "clang-tidy has complaints"
	fi
}

# tidy_files CHECKS: complaints about the files named on standard input, each once.
tidy_files() {
	# shellcheck disable=SC2016,SC2086 # the inner shell expands $@; flags are words
	xargs -P2 -n4 sh -c 'clang-tidy --quiet --checks='"'$1'"' "$@" -- '"$flags"' 2>/dev/null' sh |
		grep -E 'warning:|error:' | sort -u
}

# Who may include whom: the folder of the file, then the folders that it may include from.
layers() {
	local file from to allowed include
	while read -r file include; do
		from=$(layer "$file")
		to=$(layer "$include")
		allowed=$(sed -n "s|^$from: ||p" tools/layers)
		case " $allowed $from " in
		*" $to "*) ;;
		*) complain "$file: $from may not include $include" ;;
		esac
	done < <(git grep -hoE '^#include "[^"]+"' --no-index -- /dev/null 2>/dev/null
		for file in "${sources[@]}" "${headers[@]}"; do
			sed -nE "s|^#include \"([^\"]+)\".*|$file \1|p" "$file"
		done)
	only 'curl/' consumer/host tests/bench
	only 'microhttpd.h' consumer/host
	only 'yaml.h' config consumer/verbs/version.c
	only 'librdkafka/' sinks/kafka tests
	only 'pthread.h' consumer/host sinks tests
	only 'time.h' consumer/host sinks tests
}

# only HEADER FOLDERS...: a system header that only these may include.
only() {
	local header=$1 hits allowed
	shift
	allowed=$(printf '^%s|' "$@" | sed 's/|$//')
	hits=$(grep -lE "^#include <$header" "${sources[@]}" "${headers[@]}" | grep -vE "$allowed")
	[ -z "$hits" ] || complain "<$header> is not for: $hits"
}

# The layer that a path belongs to.
layer() {
	case $1 in
	consumer/engine/io.h) echo io ;;
	consumer/engine/sink.h | consumer/engine/format.h | consumer/engine/web.h) echo contract ;;
	config/option.h) echo option ;;
	consumer/main.c) echo main ;;
	consumer/*/*) echo "$1" | cut -d/ -f1-2 ;;
	sinks/formats/*) echo sinks/formats ;;
	tests/check.h) echo check ;;
	tests/*/*) echo "$1" | cut -d/ -f1-2 ;;
	google/*) echo generated ;;
	*) echo "$1" | cut -d/ -f1 ;;
	esac
}

one_header() {
	local header=$1
	# shellcheck disable=SC2086
	gcc $flags -Wall -Wextra -Werror -x c -fsyntax-only "$header" 2>/dev/null ||
		complain "$header: does not compile alone"
	head -1 "$header" | grep -q SPDX || complain "$header: no SPDX line"
}

headers() {
	local header source
	for header in "${headers[@]}"; do
		one_header "$header"
	done
	for source in "${sources[@]}"; do
		head -1 "$source" | grep -q SPDX || complain "$source: no SPDX line"
	done
	for source in $(printf '%s\n' "${sources[@]}" "${headers[@]}" | sed 's|.*/||' | sort | uniq -d); do
		complain "$source: a file name that is used twice"
	done
}

sizes() {
	local file
	for file in "${sources[@]}" "${headers[@]}"; do
		awk -v file="$file" '
			length($0) > 112 { print file ":" NR ": longer than 100 columns" }
			/^[a-z].*\)$/ { name = $0; sub(/\(.*/, "", name) }
			/^{$/ { start = NR; documented = 0 }
			/^}$/ && start && NR - start - 1 > 60 {
				print file ":" start ": " name " has " NR - start - 1 " lines" }
			END { if (NR > 600) print file ": " NR " lines" }' "$file"
	done >build/sizes.log
	if [ -s build/sizes.log ]; then
		cat build/sizes.log >&2
		complain "too large: find the missing idea"
	fi
}

# A sentence above every function: above the prototype if a header has one. The names of unit tests, and
# their fixtures', speak for themselves.
comments() {
	local file
	for file in "${sources[@]}" "${headers[@]}"; do
		case $file in tests/unit/* | tests/check.h) continue ;; esac
		awk -v file="$file" '
			/^static .*\*$/ { next } # the type of what the next line declares
			file ~ /h$/ && /^[a-z].*[a-z0-9_]\(/ && !/^(typedef|enum|struct [a-z_]+ \{)/ && above !~ /\*\/$/ {
				print file ":" NR ": no sentence above: " $0 }
			file ~ /c$/ && /^static .*[a-z0-9_]\(/ && above !~ /\*\/$/ { bare = NR ": " $0 }
			/;$/ { bare = "" } # a declaration
			/^{$/ && bare { print file ":" bare ": no sentence above"; bare = "" }
			{ above = $0 }' "$file"
	done >build/comments.log
	if [ -s build/comments.log ]; then
		cat build/comments.log >&2
		complain "say in one sentence what each is for"
	fi
}

banned() {
	local words='strcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|strtok_r|atoi|atol|atof|strtod|strtol|strtoul|gets|gmtime|localtime|ctime|strerror|alloca|setlocale'
	if grep -nE "(^|[^a-zA-Z0-9_])($words)\(" "${sources[@]}" "${headers[@]}" |
		grep -vE '^base/banned.h|: *\*|/\*'; then
		complain "banned calls: see base/banned.h"
	fi
	if grep -nE '\b(TODO|FIXME|XXX)\b' "${sources[@]}" "${headers[@]}"; then
		complain "open ends belong into DESIGN.md"
	fi
}

shell() {
	shellcheck -x "${scripts[@]}" || complain "shellcheck has complaints"
}

# Other people's programs, in pinned versions, in build/lint-tools; quick when they are there.
lint_tools() {
	local home=build/lint-tools
	cmp -s tools/lint-requirements.txt "$home/made-from" && return
	rm -rf "$home"
	/usr/bin/python3 -m venv "$home" &&
		"$home/bin/pip" install --quiet --disable-pip-version-check -r tools/lint-requirements.txt >&2 &&
		cp tools/lint-requirements.txt "$home/made-from"
}

# What is in deploy/, by those who know: hadolint, cfn-lint, systemd-analyze.
deploy() {
	local unit='build/lint/ddbtap@.service' said
	lint_tools || { complain "the tools of tools/lint-requirements.txt could not be installed"; return; }
	build/lint-tools/bin/hadolint deploy/Dockerfile || complain "hadolint has complaints"
	build/lint-tools/bin/cfn-lint deploy/cloudformation.yaml || complain "cfn-lint has complaints"
	# A unit's program must be there to be verified; which one does not matter.
	mkdir -p build/lint
	sed 's|^ExecStart=/usr/local/bin/ddbtap|ExecStart=/bin/true|' 'deploy/ddbtap@.service' >"$unit"
	grep -q '^ExecStart=/bin/true' "$unit" || complain "ddbtap@.service: the program is not where make install has it"
	said=$(systemd-analyze verify --man=no "$unit" 2>&1)
	[ -z "$said" ] || complain "ddbtap@.service: $said"
	said=$(systemd-analyze security --offline=yes --threshold=15 --no-pager "$unit" 2>&1) ||
		complain "ddbtap@.service: $(echo "$said" | tail -n 1), which is above 1.5"
}

mkdir -p build
for rule in "${@:-}"; do
	case $rule in
	'') for r in format layers headers comments sizes banned shell deploy tidy; do $r; done ;;
	format | tidy | layers | headers | comments | sizes | banned | shell | deploy) $rule ;;
	*) echo "usage: $0 [format|tidy|layers|headers|comments|sizes|banned|shell|deploy]..." >&2; exit 64 ;;
	esac
done
[ "$bad" -eq 0 ] && echo "lint: clean"
exit "$bad"
