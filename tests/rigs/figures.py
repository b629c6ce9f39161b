#!/usr/bin/env python3
"""Size, cold start and idle memory of a build, beside their goals.

usage: figures.py [BINARY] [--starts N]     BINARY: default target/release/veilgate

Starts it N times (10) on new data folders, and N times on one that is there, each time to its ready line; takes the
median. Idle memory is what is resident 3 s after one request for /ready. Exit status 1 when a goal is missed.
"""
import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

# name, unit, goal (less than)
SIZE, START, AGAIN, IDLE = ("size of the binary", "MB", 40), ("first start to the ready line, median", "ms", 150), \
    ("start on data that are there, median", "ms", 150), ("idle resident memory", "MB", 30)


class Server:
    """A gateway on a free port; `took` is the time to its ready line in milliseconds."""

    def __init__(self, binary, data):
        environment = {name: text for name, text in os.environ.items() if not name.startswith("VEILGATE_")}
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0", "--data", data], env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        self.took = (time.perf_counter() - begun) * 1000
        if "ready on " not in line:
            self.stop()
            sys.exit(f"{binary} did not become ready")
        self.url = line.split("ready on ")[1].split("/dicom-web")[0]

    def resident(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def start(binary, data):
    server = Server(binary, data)
    server.stop()
    return server.took


def idle(binary, data):
    server = Server(binary, data)
    try:
        urllib.request.urlopen(server.url + "/ready", timeout=10).read()
        time.sleep(3)
        return server.resident()
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary", nargs="?", default=os.path.join(ROOT, "target", "release", "veilgate"))
    parser.add_argument("--starts", type=int, default=10)
    given = parser.parse_args()
    binary = os.path.abspath(given.binary)
    with tempfile.TemporaryDirectory() as folder:
        fresh = [start(binary, os.path.join(folder, str(number))) for number in range(given.starts)]
        again = [start(binary, os.path.join(folder, "0")) for _ in range(given.starts)]
        memory = idle(binary, os.path.join(folder, "0"))
    found = [
        (SIZE, os.path.getsize(binary) / 1e6),
        (START, statistics.median(fresh)),
        (AGAIN, statistics.median(again)),
        (IDLE, memory / 1e6),
    ]
    print("| measured | found | goal | |\n|---|---|---|---|")
    for (name, unit, goal), value in found:
        print(f"| {name} | {value:.1f} {unit} | < {goal} {unit} | {'met' if value < goal else 'missed'} |")
    return 0 if all(value < goal for (_, _, goal), value in found) else 1


if __name__ == "__main__":
    sys.exit(main())
