#!/usr/bin/env python3
"""Hold dciodvfy's errors of the output files against those of their inputs.

usage: dciodvfy_compare.py IN OUT [--receipt FILE] [--show N]

OUT holds files under the same relative names as IN (veilgate deid --names keep). An output may have no
`Error` that its input did not have; values, UIDs and byte values in the messages are left out of the
comparison, so that a replaced value with the same fault is the same error. Where dciodvfy could not read
the input to its end it says nothing about the rest of it: the output must then be readable, or fail in the
same way. With --receipt the receipt must hold one line for each input file, and each file called done must
be there. Prints counts; exit status 1 when an output is worse than its input.
"""
import concurrent.futures
import json
import os
import re
import subprocess
import sys

UNREADABLE = ("read failed", "Tags out of order", "crashed")


def errors(path):
    """The error messages of one file, values taken out."""
    run = subprocess.run(["dciodvfy", path], capture_output=True, timeout=120)
    found = set()
    for line in (run.stdout + run.stderr).decode("utf-8", "replace").splitlines():
        if line.startswith("Error"):
            found.add(normal(line))
    if run.returncode < 0:
        found.add("crashed")
    return found


def normal(line):
    value = re.match(r"Error - (Value invalid for this VR) - (\(0x\w+,0x\w+\))", line)
    if value:
        return " - ".join(value.groups())
    # Values stand in <>, and so do names: those follow "attribute" or "=".
    line = re.sub(r"(?<!=)(?<!attribute )<[^<>]*>", "<value>", line)
    line = re.sub(r"\b\d+(\.\d+)+\b", "UID", line)
    return re.sub(r"(?<!Type )\b(0x)?\d[\da-fA-F]*\b", "N", line)


def files(folder):
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            yield os.path.relpath(path, folder)


def compare(before, after):
    """(new errors, whether the input was readable)"""
    had = errors(before)
    has = errors(after)
    readable = not any(mark in error for error in had for mark in UNREADABLE)
    new = has - had
    if not readable:
        new = {error for error in new if any(mark in error for mark in UNREADABLE)}
    return new, readable, len(had), len(has)


def check_receipt(path, inputs):
    """One line for each input; the outcomes counted."""
    if not os.path.isfile(path):
        print(f"there is no receipt {path}")
        return False
    outcomes, lines = {}, 0
    with open(path, encoding="utf-8") as f:
        for line in f:
            entry = json.loads(line)
            lines += 1
            outcomes[entry.get("outcome")] = outcomes.get(entry.get("outcome"), 0) + 1
    print(f"receipt: {lines} lines for {inputs} files:", ", ".join(f"{n} {k}" for k, n in sorted(outcomes.items(), key=str)))
    return lines == inputs


def main(args):
    def option(name):
        if name not in args:
            return None
        at = args.index(name)
        value = args[at + 1]
        del args[at:at + 2]
        return value

    receipt, show = option("--receipt"), int(option("--show") or 40)
    if len(args) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    source, target = args
    inputs, outputs = sorted(files(source)), sorted(files(target))
    orphans = sorted(set(outputs) - set(inputs))
    pairs = [name for name in outputs if name in set(inputs)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda name: compare(os.path.join(source, name), os.path.join(target, name)), pairs))
    worse = 0
    for name, (new, _, _, _) in zip(pairs, results):
        worse += bool(new)
        for error in sorted(new):
            if show > 0:
                print(f"{name}: {error}")
                show -= 1
    before, after = sum(r[2] for r in results), sum(r[3] for r in results)
    unread = sum(not r[1] for r in results)
    print(f"dciodvfy: {len(inputs)} inputs, {len(pairs)} outputs compared, {unread} of them unreadable to dciodvfy before; "
          f"kinds of error {before} before, {after} after; {worse} outputs with a new error")
    for name in orphans:
        print(f"{name}: an output without an input of that name")
    whole = check_receipt(receipt, len(inputs)) if receipt else True
    if not pairs:
        print("nothing was compared")
    return 1 if worse or orphans or not whole or not pairs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
