#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The demo: a VinylDNS history is played into the fake service while its shards roll and split; ddbtap
# delivers it to two files and a webhook, is killed in the middle, and started again; so is the webhook's
# receiver. Then what arrived is held against what the service wrote down. Exit status 1 when anything is
# lost, out of order or altered.
#   KAFKA=1         also delivers it to a Kafka broker, which is fetched if need be (Java and Node 20 wanted)
#   KEEP=1          leaves everything running, and says how to go on by hand
#   CHANGES=n       how many changes are played (2000)
#   DDBTAP_TEST=1   also prints "ok NAME" and "not ok NAME" lines
set -u
cd "$(dirname "$0")/../.." || exit 70
py=/usr/bin/python3
changes=${CHANGES:-2000}
keep=${KEEP:-} kafka=${KAFKA:-}
fake='' history='' tap='' receiver='' broker='' failed=0 began=$SECONDS
all_tables='recordSet recordChange users groups membership groupChanges userChange zoneChange'

mkdir -p build
folder=build/demo
mkdir "$folder" 2>/dev/null || folder=$(mktemp -d build/demo.XXXXXX) || exit 74

# shellcheck disable=SC2317 # the trap calls it
# Ends one of our processes, if it is still there, and waits for it.
end() {
	[ -n "$1" ] || return 0
	kill "$1" 2>/dev/null
	for _ in {1..40}; do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# shellcheck disable=SC2317 # a trap
clean_up() {
	trap '' INT TERM
	[ -z "$keep" ] || [ "$failed" -ne 0 ] || return 0
	end "$history"
	end "$tap"
	end "$receiver"
	end "$broker"
	end "$fake"
	if [ "$failed" -eq 0 ]; then
		rm -rf "$folder"
	else
		echo "What it left behind is in $folder."
	fi
}
trap clean_up EXIT
trap 'keep=; exit 130' INT
trap 'keep=; exit 143' TERM

say() { printf '%3d s  %s\n' $((SECONDS - began)) "$*"; }

# fail WHAT: counts a failure, and shows the ends of the logs.
fail() {
	failed=1
	echo "FAILED: $1"
	tail -n 5 "$folder"/*.log
}

# verdict NAME STATUS: says how a part went, for the test suite.
verdict() {
	local word=ok
	[ "$2" -eq 0 ] || word='not ok'
	[ -z "${DDBTAP_TEST:-}" ] || echo "$word $1"
}

# until_true COMMAND...: waits for it, at most 30 s.
until_true() {
	for _ in {1..600}; do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}

# shellcheck disable=SC2317 # called by until_true
has_port() { grep -q 'listening on' "$folder/fake.out" 2>/dev/null; }
# shellcheck disable=SC2317
has_lines() { [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }
is_running() { kill -0 "$1" 2>/dev/null; }
# shellcheck disable=SC2317
is_gone() { ! is_running "$1" || [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat")" = Z ]; }

start_tap() {
	./ddbtap run "$folder/ddbtap.yaml" "$@" >>"$folder/ddbtap.log" 2>&1 </dev/null &
	tap=$!
}

# Starts the fake service; sets `endpoint`.
start_fake() {
	./ddbfake --shards 2 --log "$folder/writes.ndjson" >"$folder/fake.out" 2>"$folder/fake.log" \
		</dev/null &
	fake=$!
	until_true has_port || return 1
	endpoint=http://$(sed -n 's/.*listening on //p' "$folder/fake.out")
}

write_secret() {
	(umask 077 && echo whsec_ZGRidGFwLXNpZ25zLWl0cy1yZXF1ZXN0cy1oZXJl >"$folder/hook.secret")
}

# Starts what the webhook posts to, on the port that it had before.
start_receiver() {
	: >"$folder/receiver.out"
	$py tests/e2e/receiver.py --file "$folder/hook.jsonl" --secret-file "$folder/hook.secret" \
		--port "${hook_port:-0}" >"$folder/receiver.out" 2>>"$folder/receiver.log" </dev/null &
	receiver=$!
	until_true grep -q 'listening on' "$folder/receiver.out" || return 1
	hook_port=$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$folder/receiver.out")
}

# Starts a real broker; sets `brokers`.
start_broker() {
	tools/deps.sh peers && tests/peers/install.sh || return 1
	$py tests/peers/broker.py "$PWD/$folder/broker" >"$folder/broker.out" 2>"$folder/broker.log" \
		</dev/null &
	broker=$!
	until_true grep -q 'listening on' "$folder/broker.out" || return 1
	brokers=$(sed -n 's/.*listening on //p' "$folder/broker.out")
}

# The stream as Kafka has it, read back topic by topic.
read_kafka() {
	local table
	for table in $all_tables; do
		kcat -C -q -e -b "$brokers" -t "demo.$table" -o beginning 2>>"$folder/kcat.log" || return 1
	done >"$folder/kafka.jsonl"
}

# The sinks: everything, for people what was done, the same posted, and if wanted everything on Kafka.
write_config() {
	cat >"$folder/ddbtap.yaml" <<END
application: demo
region: us-east-1
endpoint: $endpoint
engine:
  discovery: 1s
tables:
  - {name: recordSet, profile: vinyldns, role: record_set}
  - {name: recordChange, profile: vinyldns, role: record_set_change}
  - {name: users, profile: vinyldns, role: user}
  - {name: groups, profile: vinyldns, role: group}
  - {name: membership, profile: vinyldns, role: membership}
  - {name: groupChanges, profile: vinyldns, role: group_change}
  - {name: userChange, profile: vinyldns, role: user_change}
  - {name: zoneChange, profile: vinyldns, role: zone_change}
sinks:
  everything:
    type: file
    path: $folder/everything.jsonl
  changes:
    type: file
    path: $folder/changes.jsonl
    tables: [recordChange, zoneChange, groupChanges, userChange]
    summary: true
  hook:
    type: webhook
    url: http://127.0.0.1:$hook_port/
    secret_file: $folder/hook.secret
    allow_http: true
    allow_private: true
    tables: [recordChange, zoneChange, groupChanges, userChange]
END
	[ -z "$kafka" ] || cat >>"$folder/ddbtap.yaml" <<END
  kafka:
    type: kafka
    brokers: ["$brokers"]
    topic: demo.{table}
    create_topics: true
    topic_partitions: 3
    topic_replication: 1
END
}

# Plays the history, and kills and restarts ddbtap meanwhile.
play() {
	local status tenth=$((changes / 10))

	$py tests/e2e/history.py --endpoint "$endpoint" --only-tables >"$folder/history.log" 2>&1
	start_tap
	say "ddbtap runs (pid $tap) with two files, a webhook${kafka:+ and Kafka}; $changes changes are" \
		"being written"
	$py tests/e2e/history.py --endpoint "$endpoint" --changes "$changes" --pace 200 --reshard 60 \
		>"$folder/history.log" 2>&1 </dev/null &
	history=$!
	until_true has_lines "$folder/everything.jsonl" $((tenth * 4)) || {
		fail "nothing arrives"
		return
	}
	is_running "$history"
	verdict demo_killed_in_the_middle $?
	kill -KILL "$tap"
	wait "$tap" 2>/dev/null
	say "kill -9 $tap after $(wc -l <"$folder/everything.jsonl") lines"
	kill -KILL "$receiver"
	wait "$receiver" 2>/dev/null
	say "kill -9 $receiver, the webhook's receiver"
	start_tap
	start_receiver || fail "the receiver does not start again"
	say "ddbtap runs again (pid $tap)"
	wait "$history"
	status=$?
	history=
	verdict demo_history_played $status
	[ $status -eq 0 ] || fail "the history could not be written"
	say "$(cat "$folder/history.log")"
	kill "$tap"
	wait "$tap"
	status=$?
	verdict demo_stops_when_asked $status
	[ $status -eq 0 ] || fail "ddbtap ended with status $status when asked to"
	start_tap --until-caught-up
	until_true is_gone "$tap" || kill -KILL "$tap"
	wait "$tap"
	status=$?
	tap=
	verdict demo_catches_up $status
	[ $status -eq 0 ] || fail "ddbtap did not catch up: status $status"
	say "ddbtap was stopped in good order, and the third one has caught up"
}

# compare SINK [ARGUMENTS...]: holds a sink's file against the service's log.
compare() {
	local sink=$1 status
	shift
	$py tests/e2e/verify.py "$folder/writes.ndjson" "$folder/$sink.jsonl" --name "  $sink" "$@"
	status=$?
	verdict "demo_${sink}_is_complete" $status
	[ $status -eq 0 ] || failed=1
}

how_to_go_on() {
	start_tap
	cat <<END

Everything keeps running. Write a change with the AWS CLI:

  AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY \\
  aws --region us-east-1 --endpoint-url $endpoint dynamodb put-item \\
    --table-name membership --item '{"user_id": {"S": "me"}, "group_id": {"S": "friends"}}'

Watch it arrive:

  tail -n 1 -f $folder/everything.jsonl

Stop it all:

  kill $tap $fake $receiver $broker && rm -r $folder
END
}

unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_CA_BUNDLE
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_REGION=us-east-1
export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
if ! start_fake; then
	fail "the fake service does not start"
	exit 1
fi
say "a fake DynamoDB runs at $endpoint"
if [ -n "$kafka" ] && ! start_broker; then
	fail "Kafka's broker does not start"
	exit 1
fi
[ -z "$kafka" ] || say "Kafka's broker runs at $brokers"
write_secret
if ! start_receiver; then
	fail "the receiver does not start"
	exit 1
fi
write_config
play
[ "$failed" -eq 0 ] || exit 1
echo
echo "Some of what was done, in words ($folder/changes.jsonl; ids are shortened here):"
$py tests/e2e/show.py "$folder/changes.jsonl"
echo
echo "What arrived, held against the service's own log of writes, after one kill -9:"
compare everything
compare changes --tables recordChange,zoneChange,groupChanges,userChange
compare hook --tables recordChange,zoneChange,groupChanges,userChange
if [ -n "$kafka" ]; then
	read_kafka || fail "the topics cannot be read back"
	compare kafka
fi
[ -z "$keep" ] || [ "$failed" -ne 0 ] || how_to_go_on
exit "$failed"
