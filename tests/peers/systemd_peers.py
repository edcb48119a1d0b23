#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The unit ddbtap@.service under systemd itself, in a bare Debian that is booted for it. Needs root."""
import json
import os
import subprocess
import sys

from peerlib import CACHE, ENDS_WITH_US, TOP, run_tests, scratch  # the first: it knows where the others are
from fakelib import ACCESS, SECRET, Fake, make_table
from taplib import FAKE, PROGRAM, configuration

SYSTEM = os.path.join(CACHE, "debian", "root")
RECORDS = 50

# What is done inside. Each line that it prints is a fact, for the tests to judge.
INSIDE = r"""#!/bin/bash
exec >/t/said 2>&1
fact() { echo "fact $1 $(systemctl show --value -p "$2" "$3")"; }
wait_for() { for _ in $(seq 600); do "$@" && return; sleep 0.1; done; echo "fact waited-in-vain $*"; }
all_there() { [ "$(cat /var/lib/ddbtap/*/sink.jsonl 2>/dev/null | wc -l)" -eq 50 ]; }
told() { systemctl show -p StatusText ddbtap@1 ddbtap@2 | grep -q ' [1-9][0-9]* records delivered'; }
began_anew() { [ "$(systemctl show --value -p NRestarts ddbtap@1)" -gt 0 ] && systemctl -q is-active ddbtap@1; }

systemctl start ddbtap@1 ddbtap@2
echo "fact start $?"
echo "fact host $(hostname)"
wait_for all_there
wait_for told
for i in 1 2; do
	fact "state$i" ActiveState ddbtap@$i
	fact "status$i" StatusText ddbtap@$i
	pid=$(systemctl show --value -p MainPID ddbtap@$i)
	for what in CapEff NoNewPrivs Seccomp Uid; do
		echo "fact $what$i $(awk -v what="$what:" '$1 == what { print $2 }' "/proc/$pid/status")"
	done
	echo "fact name$i $(tr '\0' ' ' <"/proc/$pid/cmdline" | sed 's/.*--worker-id \([^ ]*\) .*/\1/')"
done
systemctl reload ddbtap@1
echo "fact reload $?"

kill -STOP "$(systemctl show --value -p MainPID ddbtap@1)"
wait_for began_anew
echo "fact watchdog $(journalctl -u ddbtap@1 | grep -c 'Watchdog timeout')"
systemctl stop ddbtap@1 ddbtap@2
echo "fact stop $?"
fact result Result ddbtap@1
fact exit ExecMainStatus ddbtap@1

echo 'nonsense: [' >>/etc/ddbtap/ddbtap.yaml
systemctl start ddbtap@1
echo "fact bad-start $?"
sleep 3
fact bad-result Result ddbtap@1
fact bad-exit ExecMainStatus ddbtap@1
fact bad-state ActiveState ddbtap@1
journalctl --no-pager -u ddbtap@1 -u ddbtap@2
echo over
systemctl --force --force poweroff
"""

# The waits of the unit are for production.
DROP_IN = "[Service]\nWatchdogSec=3s\nRestartSec=1s\n"
ONCE = "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/t/inside\n"


def put(folder, name, text, mode=0o644):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def boot(folder, url):
    """Boots the system with the unit in it, on a file system that is forgotten; returns what was said inside."""
    etc = os.path.join(folder, "etc")
    os.mkdir(etc)
    config = configuration(url, ["things"], {"sink": "sink.jsonl"})
    put(etc, "ddbtap.yaml", json.dumps(config, indent=1) + "\n")
    put(etc, "environment", f"AWS_ACCESS_KEY_ID={ACCESS}\nAWS_SECRET_ACCESS_KEY={SECRET}\n", 0o600)
    put(folder, "inside", INSIDE, 0o755)
    files = {PROGRAM: "/usr/local/bin/ddbtap",
             os.path.join(TOP, "deploy", "ddbtap@.service"): "/etc/systemd/system/ddbtap@.service",
             put(folder, "quick.conf", DROP_IN): "/etc/systemd/system/ddbtap@.service.d/quick.conf",
             put(folder, "once.service", ONCE): "/etc/systemd/system/once.service",
             put(folder, "once.conf", "[Unit]\nWants=once.service\n"):
                 "/etc/systemd/system/multi-user.target.d/once.conf"}
    command = ["systemd-nspawn", "--quiet", "--boot", "--register=no",
               "--directory=" + SYSTEM, "--volatile=overlay", "--bind=" + folder + ":/t",
               "--bind=" + etc + ":/etc/ddbtap"]
    command += [f"--bind-ro={path}:{place}" for path, place in files.items()]
    if not os.path.isdir("/run/systemd/system"):
        command.append("--keep-unit")  # there is nobody to ask for one
    with open(os.path.join(folder, "console"), "wb") as console:
        subprocess.run([*ENDS_WITH_US, *command], stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                       timeout=240, check=False)
    with open(os.path.join(folder, "said"), encoding="utf-8") as file:
        return file.read()


def the_unit_under_systemd():
    """Two workers start, deliver, are watched and restarted, stop; a bad configuration is not tried again."""
    assert os.getuid() == 0, "systemd-nspawn needs root"
    folder = scratch("systemd")
    with Fake(FAKE, "--shards", 4) as fake:
        client = fake.client()
        make_table(client, "things")
        for n in range(RECORDS):
            client.put_item(TableName="things", Item={"pk": {"S": str(n)}})
        said = boot(folder, fake.url)
    facts = dict(line.split(" ", 2)[1:] for line in said.splitlines() if line.startswith("fact ")
                 and line.count(" ") > 1)
    assert "\nover\n" in said and "waited-in-vain" not in facts, said
    for i in ("1", "2"):
        want = {"state": "active", "CapEff": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2",
                "name": facts["host"] + "-" + i}
        assert {name: facts[name + i] for name in want} == want, said
        assert facts["Uid" + i] != "0" and "records delivered" in facts["status" + i], said
    assert facts["Uid1"] == facts["Uid2"], "all workers are one user"
    want = {"start": "0", "reload": "0", "watchdog": "1", "stop": "0", "result": "success", "exit": "0",
            "bad-start": "1", "bad-result": "exit-code", "bad-exit": "78", "bad-state": "failed"}
    assert {name: facts[name] for name in want} == want, said


if __name__ == "__main__":
    sys.exit(run_tests([the_unit_under_systemd]))
