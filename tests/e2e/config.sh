#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command line as users meet it: check, decode, help, version, their outputs and exit statuses.
#   tests/e2e/config.sh [PROGRAM]     ./ddbtap by default
set -u
program=$(realpath "${1:-./ddbtap}")
[ -x "$program" ] || { echo "not ok config.sh: there is no $program"; exit 1; }
cd "$(dirname "$0")/../.." || exit 1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# Runs the program: its output is in $scratch/out, its errors in $scratch/err, its status in $status.
run() {
	"$program" "$@" >"$scratch/out" 2>"$scratch/err"
	status=$?
}

# Says that the last run went wrong, and how.
bad() {
	echo "$name: $1" >&2
	sed 's/^/  out: /' "$scratch/out" | head -20 >&2
	sed 's/^/  err: /' "$scratch/err" | head -20 >&2
	fine=no
}

want_status() { [ "$status" -eq "$1" ] || bad "status $status, not $1"; }
want_out() { grep -qF -- "$1" "$scratch/out" || bad "output lacks: $1"; }
want_err() { grep -qF -- "$1" "$scratch/err" || bad "errors lack: $1"; }
want_no_out() { [ ! -s "$scratch/out" ] || bad "unexpected output"; }
want_no_err() { [ ! -s "$scratch/err" ] || bad "unexpected errors"; }

# Ends a test.
end() {
	if [ "$fine" = yes ]; then
		echo "ok $name"
	else
		echo "not ok $name"
		failed=1
	fi
}
begin() {
	name=$1
	fine=yes
}

begin the_example_passes_check
run check config/examples/audit.yaml
want_status 0
want_no_err
want_out 'application dns-audit, checkpoints in table ddbtap-dns-audit'
want_out '  recordChange: vinyldns record_set_change, from the oldest change'
want_out '  audit: file, all tables'
want_out '  screen: stdout, recordChange zoneChange groupChanges userChange'
[ "$(grep -c ': vinyldns ' "$scratch/out")" -eq 8 ] || bad 'not all eight tables'
end

begin the_other_example_passes_check
run check config/examples/stream.yaml
want_status 0
want_no_err
want_out '  kafka: kafka, all tables, debezium, dead letters to letters'
want_out '  letters: file, dead letters only'
end

begin the_reference_is_current
run help --reference
want_status 0
cmp -s "$scratch/out" config/reference.md || bad 'config/reference.md is old: make docs'
end

begin no_option_of_a_sink_is_one_of_a_form_too
/usr/bin/python3 - config/reference.md <<'PY' || bad 'an option has two meanings in one sink'
import re, sys
chapters = {}
for line in open(sys.argv[1]):
    head = re.match(r"#+ `(.*)`$", line)
    option = re.match(r"\| `([a-z_]+)` \|", line)
    if head:
        chapter = chapters[head[1]] = []
    elif option and chapters:
        chapter.append(option[1])
kinds = {word: [set(names) for head, names in chapters.items() if head.startswith(word + ":")]
         for word in ("type", "format")}
common = set(chapters["sinks"])
assert len(kinds["type"]) > 3 and len(kinds["format"]) > 3 and "tables" in common
sys.exit(any(a & b or a & common or b & common for a in kinds["type"] for b in kinds["format"]))
PY
end

begin every_option_is_in_the_help
run help --config
want_status 0
want_no_err
# shellcheck disable=SC2016 # Markdown, not a substitution
sed -n 's/^| `\([a-z_]*\)` | .* | .* | .* |$/\1/p' config/reference.md >"$scratch/options"
[ "$(wc -l <"$scratch/options")" -ge 30 ] || bad 'the reference has few options'
while read -r option; do
	grep -q "\b$option: " "$scratch/out" || bad "help --config lacks $option"
done <"$scratch/options"
end

begin check_reads_standard_input
"$program" check - <config/examples/audit.yaml >"$scratch/out" 2>"$scratch/err"
status=$?
want_status 0
want_out 'application dns-audit'
end

begin check_tells_all_errors_with_places
run check tests/golden/config/many_at_once.yaml
want_status 78
want_no_out
want_err 'tests/golden/config/many_at_once.yaml:3:1: error: unknown option '"'reigon'"
want_err 'did you mean region?'
want_err 'many_at_once.yaml:18:12: error: '
end

begin check_says_why_it_cannot_read
run check "$scratch/none.yaml"
want_status 78
want_err "ddbtap: cannot read $scratch/none.yaml: No such file or directory"
run check "$scratch"
want_status 78
want_err 'Is a directory'
end

begin check_warns_of_a_low_floor
sed 's/^sinks:/engine: {poll_floor: 100ms}\n&/' config/examples/audit.yaml >"$scratch/low.yaml"
run check "$scratch/low.yaml"
want_status 0
want_out 'application dns-audit'
want_err 'ddbtap: warning: poll_floor (100ms) is less than 250ms: AWS may throttle'
end

begin check_warns_of_a_password_in_clear
cat >"$scratch/clear.yaml" <<'END'
application: audit
region: eu-west-1
tables: [{name: orders}]
sinks:
  clear: {type: kafka, brokers: ["a:9092"], sasl: plain, username: u, password_file: /run/password}
  covered: {type: kafka, brokers: ["a:9092"], sasl: plain, username: u, password_file: /run/password, tls: true}
END
run check "$scratch/clear.yaml"
want_status 0
want_err 'ddbtap: warning: sink clear: sasl: plain without tls: true sends the password in clear'
[ "$(wc -l <"$scratch/err")" -eq 1 ] || bad 'more than one warning'
end

begin check_refuses_headers_where_there_are_none
cat >"$scratch/headers.yaml" <<'END'
application: audit
region: eu-west-1
tables: [{name: orders}]
sinks:
  none: {type: stdout, format: cloudevents, content_mode: binary}
  some: {type: kafka, brokers: ["a:9092"], format: cloudevents, content_mode: binary}
  joined: {type: file, path: /tmp/j, format: cloudevents}
END
run check "$scratch/headers.yaml"
want_status 78
want_err ':5:45: error: with this content_mode records need headers beside them, and a sink of type stdout has none'
[ "$(wc -l <"$scratch/err")" -eq 3 ] || bad 'more than one error'
sed -i '/none:/d' "$scratch/headers.yaml"
run check "$scratch/headers.yaml"
want_status 0
end

begin check_takes_one_file
run check
want_status 64
want_err "Try 'ddbtap help check'."
run check a b
want_status 64
run check --bogus a
want_status 64
want_err "there is no option '--bogus'"
end

begin help_and_version_go_to_standard_output
for arguments in help --help -h 'help decode' 'decode --help' 'check -h' version --version -V; do
	# shellcheck disable=SC2086 # words
	run $arguments
	want_status 0
	want_no_err
	[ -s "$scratch/out" ] || bad "no output of $arguments"
done
want_out "ddbtap $(cat VERSION)"
[ "$(wc -l <"$scratch/out")" -eq 2 ] || bad 'not two lines'
for verb in $("$program" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	run help "$verb"
	want_out "usage: ddbtap $verb"
	run "$verb" --help
	want_out "usage: ddbtap $verb"
done
end

begin a_wrong_command_line_is_64
run
want_status 64
want_no_out
want_err 'usage: ddbtap VERB'
run chekc x
want_status 64
want_no_out
want_err "there is no verb 'chekc'; did you mean check?"
run --verbose
want_status 64
run help nothing
want_status 64
run help --config --reference
want_status 64
run version x
want_status 64
end

begin decode_gives_json
printf '\012\002id\022\004name' | "$program" decode --message Group >"$scratch/out" 2>"$scratch/err"
status=$?
want_status 0
want_no_err
want_out '{"id":"id","name":"name"}'
end

begin decode_reads_base64_lines
printf 'CgJpZA==\n\nCgJpZA==\r\nCgJpZA==' |
	"$program" decode --lines --message=Group >"$scratch/out" 2>"$scratch/err"
status=$?
want_status 0
[ "$(grep -c '^{"id":"id"}$' "$scratch/out")" -eq 3 ] || bad 'not three blobs'
[ "$(sed -n 2p "$scratch/out")" = '{}' ] || bad 'an empty line is no empty blob'
end

begin decode_goes_on_after_a_bad_blob
printf 'CgJpZA==\n*\nCg==\nCgJpZA==\n' |
	"$program" decode --lines --message Group >"$scratch/out" 2>"$scratch/err"
status=$?
want_status 65
[ "$(wc -l <"$scratch/out")" -eq 4 ] || bad 'not four lines'
[ "$(grep -c '^{"error":"' "$scratch/out")" -eq 2 ] || bad 'not two errors'
/usr/bin/python3 -c 'import json, sys; [json.loads(line) for line in sys.stdin]' \
	<"$scratch/out" || bad 'output is no JSON'
printf '\012\377' | "$program" decode --message Group >"$scratch/out" 2>"$scratch/err"
status=$?
want_status 65
want_out '{"error":"'
end

begin decode_masks_secrets_unless_told
secret='\012\001n\022\001k\032\006secret\042\001p'
# shellcheck disable=SC2059 # an escaped blob
printf "$secret" | "$program" decode --message ZoneConnection >"$scratch/out" 2>"$scratch/err"
status=$?
want_status 0
want_out '"key":"***"'
# shellcheck disable=SC2059
printf "$secret" | "$program" decode --message ZoneConnection --show-secrets \
	>"$scratch/out" 2>"$scratch/err"
status=$?
want_status 0
want_out '"key":"secret"'
end

begin decode_knows_its_messages
run decode --message RecordSetChnage </dev/null
want_status 64
want_no_out
want_err 'did you mean RecordSetChange?'
want_err '  ZoneChange'
run decode </dev/null
want_status 64
run decode --message </dev/null
want_status 64
run decode --message Group file </dev/null
want_status 64
run decode --message Group --lines=yes </dev/null
want_status 64
end

begin decode_refuses_too_much
head -c 67108865 /dev/zero | "$program" decode --message Group >"$scratch/out" 2>"$scratch/err"
status=$?
want_status 65
want_err 'more than 67108864 bytes'
head -c 67108865 /dev/zero |
	"$program" decode --message Group --lines >"$scratch/out" 2>"$scratch/err"
status=$?
want_status 65
want_err 'a line is longer than 67108864 bytes'
end

letter() {
	printf '{"dead_letter":{"sink":"%s","reason":"HTTP 400 \\"no\\"","attempts":3,"table":"%s",' "$1" "$2"
	printf '"stream":"a","shard":"s","seq":"1","id":"i","time":"2026-01-02T03:04:05Z"},'
	printf '"event":{"id":"i","op":"modify","key":{"id":"%s"},"after":{"x":[1,{}],"y":[]}}}\n' "$3"
}

begin dead_letters_are_listed_and_shown
{ letter hook orders 1; letter hook users 2; letter bus users 3; } >"$scratch/letters"
run dlq list "$scratch/letters"
want_status 0
want_no_err
want_out '1  2026-01-02T03:04:05Z  hook  orders  modify  {"id":"1"}  attempts=3  HTTP 400 \"no\"'
[ "$(wc -l <"$scratch/out")" -eq 3 ] || bad 'not three letters'
run dlq list --sink hook --table=users "$scratch/letters"
[ "$(cut -d' ' -f1 "$scratch/out")" = 2 ] || bad 'not the second letter alone'
run dlq show "$scratch/letters" 3 1
want_status 0
want_out '    "sink": "bus",'
want_out '        {}'
want_out '      "y": []'
[ "$(grep -c '"reason"' "$scratch/out")" -eq 2 ] || bad 'not two letters'
/usr/bin/python3 - "$scratch/letters" "$scratch/out" <<'PY' || bad 'shown letters differ from those in the file'
import json, sys
lines = open(sys.argv[1]).read().splitlines()
decoder, text, shown = json.JSONDecoder(), open(sys.argv[2]).read(), []
while text:
    value, n = decoder.raw_decode(text)
    shown, text = shown + [value], text[n:].lstrip()
sys.exit(shown != [json.loads(lines[0]), json.loads(lines[2])])
PY
"$program" dlq list - <"$scratch/letters" >"$scratch/out" 2>"$scratch/err"
status=$?
want_status 0
[ "$(wc -l <"$scratch/out")" -eq 3 ] || bad 'not three letters from standard input'
end

begin what_is_no_dead_letter_is_told
{ letter hook orders 1; echo '{"op":"insert"}'; echo '{"dead'; } >"$scratch/letters"
run dlq list "$scratch/letters"
want_status 65
want_err 'line 2 is no dead letter'
want_err 'line 3 is no dead letter'
[ "$(wc -l <"$scratch/out")" -eq 1 ] || bad 'the good letter is missing'
run dlq show "$scratch/letters" 4
want_status 65
run dlq show "$scratch/letters" one
want_status 64
run dlq show "$scratch/letters"
want_status 64
run dlq lsit "$scratch/letters"
want_status 64
run dlq list "$scratch/letters" x
want_status 64
run dlq list "$scratch/none"
want_status 74
want_err 'No such file or directory'
end

begin a_full_disk_is_74
"$program" help >/dev/full 2>"$scratch/err"
status=$?
want_status 74
want_err 'cannot write to standard output: No space left on device'
yes CgJpZA== | head -1000 | "$program" decode --lines --message Group >/dev/full 2>"$scratch/err"
status=$?
want_status 74
[ "$(wc -l <"$scratch/err")" -eq 1 ] || bad 'said more than once'
end

begin a_closed_pipe_is_quiet
: >"$scratch/out"
yes CgJpZA== | {
	"$program" decode --lines --message Group 2>"$scratch/err"
	echo $? >"$scratch/status"
} | head -1 >/dev/null
status=$(cat "$scratch/status")
want_status 141
want_no_err
end

exit "$failed"
