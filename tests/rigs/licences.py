#!/usr/bin/env python3
"""Check the licence of every dependency of the locked build against deny.toml.

usage: licences.py [TARGET]     TARGET: the platform that is built for (default: this one)
Exit status 1 when a dependency has another licence, is banned, or names none.
"""
import json
import os
import re
import subprocess
import sys
import tomllib

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def allowed(expression, allow):
    """SPDX: OR needs one side, AND both; "A/B" is the old way to write OR."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def any_of():
        result = all_of()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            result = all_of() or result
        return result

    def all_of():
        result = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            result = one() and result
        return result

    def one():
        token = tokens.pop(0)
        if token == "(":
            result = any_of()
            tokens.pop(0)
            return result
        if tokens and tokens[0] == "WITH":
            del tokens[:2]
        return token in allow

    return any_of()


def main():
    with open(os.path.join(ROOT, "deny.toml"), "rb") as f:
        rules = tomllib.load(f)
    allow = set(rules["licenses"]["allow"])
    banned = {ban["crate"] for ban in rules["bans"]["deny"]}
    version = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    target = sys.argv[1] if len(sys.argv) > 1 else re.search(r"^host: (.*)$", version, re.M)[1]
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        sys.exit(listed.stderr)
    packages = json.loads(listed.stdout)["packages"]
    wrong = 0
    for package in packages:
        licence = package["license"] or ""
        if package["name"] in banned:
            print(f"{package['name']} {package['version']}: banned by deny.toml")
            wrong += 1
        elif not licence or not allowed(licence, allow):
            print(f"{package['name']} {package['version']}: licence {licence or 'unknown'} is not in deny.toml")
            wrong += 1
    print(f"licences: {len(packages)} packages, {wrong} not allowed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
