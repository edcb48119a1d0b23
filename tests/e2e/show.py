#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shows some lines of a sink with summaries to people: show.py FILE"""
import collections
import json
import re
import shutil
import sys

EACH = 4  # sentences of a table
UUID = re.compile(r"\b([0-9a-f]{6})[0-9a-f]{2}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def some(lines):
    """A few lines of every table, of different kinds, in order of time."""
    found = collections.defaultdict(dict)
    for line in lines:
        deed = re.sub(r"^(user )?\S+ ", "", line.get("summary", ""))
        found[line["table"]].setdefault(deed.split(" ")[0], line)
    few = [line for kinds in found.values() for line in list(kinds.values())[:EACH]]
    return sorted(few, key=lambda line: line["time"])


def full(lines):
    """The shortest update of a record set in a zone with a masked key, if there is one."""
    def rank(line):
        update = (line["table"] == "recordChange" and
                  line["after"]["record_set_change_blob"].get("typ") == "Update")
        return not update, "masked" not in line, len(json.dumps(line))
    return min(lines, key=rank)


def pretty(value, width, indent=2, first=0):
    """The lines of a value; what fits into one line stays in one."""
    text = json.dumps(value, ensure_ascii=False)
    if indent + first + len(text) < width or not isinstance(value, (dict, list)):
        return [text]
    heads = [f"{json.dumps(name)}: " for name in value] if isinstance(value, dict) else [""] * len(value)
    values = list(value.values()) if isinstance(value, dict) else value
    lines = ["{" if isinstance(value, dict) else "["]
    for i, (head, inner) in enumerate(zip(heads, values)):
        shown = pretty(inner, width, indent + 2, len(head) + 1)
        shown[-1] += "," if i + 1 < len(values) else ""
        lines += [f"  {head}{shown[0]}", *(f"  {line}" for line in shown[1:])]
    return [*lines, "}" if isinstance(value, dict) else "]"]


def main():
    width = shutil.get_terminal_size((100, 40)).columns
    cut = lambda text: text if len(text) <= width else text[:width - 3] + "..."
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    for line in some(lines):
        sentence = UUID.sub(r"\1..", line.get("summary", ""))
        print(cut(f"  {line['time'][11:19]} {line['table']:<12} {sentence}"))
    print("\nOne of them in full:")
    for text in pretty(full(lines), width):
        print(cut("  " + text))


if __name__ == "__main__":
    main()
