# SPDX-License-Identifier: Apache-2.0
"""Flink reads records in Debezium's form from a file, as its tables do from a topic."""
import os
import subprocess

from peerlib import HERE, JAVA, Refused, clean_environment, classpath

# What Flink reaches into, and Java 17 keeps closed.
OPEN = ["lang", "lang.invoke", "lang.reflect", "net", "nio", "time", "util", "util.concurrent",
        "util.concurrent.atomic"]


def read_flink(folder, records, columns, **options):
    """The rows of Flink's changelog, tuples of kind and texts, from records in bytes. Options of the format
    have underscores for their dashes. Raises Refused when Flink does."""
    path = os.path.join(folder, "records.json")
    with open(path, "wb") as file:
        file.write(records)
    more = "".join(f",'debezium-json.{name.replace('_', '-')}'='{value}'" for name, value in options.items())
    done = subprocess.run(
        [*JAVA, "-Xmx1g", "-Djava.io.tmpdir=" + folder,
         *(word for package in OPEN for word in ("--add-opens", f"java.base/java.{package}=ALL-UNNAMED")),
         *classpath("flink-2.3.0"), os.path.join(HERE, "judges", "FlinkReader.java"), path, columns, more],
        capture_output=True, text=True, check=False, timeout=120, env=clean_environment())
    if done.returncode == 3:
        raise Refused("Flink: " + done.stderr.strip())
    if done.returncode != 0:
        raise RuntimeError(f"Flink ended with status {done.returncode}: {done.stderr[-3000:]}")
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]
