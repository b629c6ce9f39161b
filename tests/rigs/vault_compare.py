#!/usr/bin/env python3
"""dcm-anon-vault from PyPI and Veilgate, side by side: 200 CT slices of 513 KiB as forms in, ZIP archives out.

usage: vault_compare.py [--veilgate PROGRAM] [--turns N]
  PROGRAM   what is compared (default: target/release/veilgate; build it with cargo build --release)
  N         how often each is measured, in turns; the median counts (default: 5)

Installs the package, unchanged, into a Python environment of its own below RIGS_HOME. It takes no more than 50 files a key
and 100 MiB a request, so the slices go in four requests of 50, to it under a new key each. Both get the same bytes from the
same client over one connection a turn. Prints a table in Markdown; exit status 1 if a goal is missed.
"""
import argparse
import contextlib
import http.client
import io
import os
import pathlib
import random
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zipfile

PACKAGES = ["dcm-anon-vault==0.2.1", "dcm-anonymizer==0.4.0", "uvicorn==0.54.0", "pydicom==3.0.2"]
FILES, REQUEST, DISTINCT = 200, 50, 16
BOUNDARY = "veilgate-compare-7f3a"
MIB = 1 << 20
# What issue and README promise: how many times as fast, and the archive's size beside its.
GOALS = {"fast": (6, 1.03), "stored": (25, None)}


def environment():
    """Python with the package in it."""
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    home = pathlib.Path(os.environ.get("RIGS_HOME") or pathlib.Path(cache) / "veilgate-rigs")
    python = home / "vault-venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", home / "vault-venv"], check=True)
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES]
    subprocess.run(pip, check=True)
    return python


def element(group, number, vr, value):
    if len(value) % 2:
        value += b"\0" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def ct(number, pixels):
    """The instance that `cargo bench` pushes: 12 bits of 512 × 512, Explicit VR Little Endian."""
    uid = b"1.2.826.0.1.3680043.9.1.%d" % number
    meta = element(2, 2, b"UI", b"1.2.840.10008.5.1.4.1.1.2") + element(2, 3, b"UI", uid)
    meta += element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
    head = b"".join(
        element(*it)
        for it in [
            (8, 0x05, b"CS", b"ISO_IR 100"), (8, 0x08, b"CS", b"ORIGINAL\\PRIMARY\\AXIAL"),
            (8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.2"), (8, 0x18, b"UI", uid), (8, 0x20, b"DA", b"20260102"),
            (8, 0x30, b"TM", b"101112"), (8, 0x50, b"SH", b"A123456"), (8, 0x60, b"CS", b"CT"),
            (8, 0x70, b"LO", b"ACME"), (8, 0x80, b"LO", b"General Hospital"), (8, 0x90, b"PN", b"Doctor^Refers"),
            (8, 0x103E, b"LO", b"Thorax 1.0"), (0x10, 0x10, b"PN", b"Doe^Jane"), (0x10, 0x20, b"LO", b"PID-4711"),
            (0x10, 0x30, b"DA", b"19700102"), (0x10, 0x40, b"CS", b"F"),
            *((0x18, 0x9300 + nth, b"DS", b"1.25") for nth in range(40)),
            (0x20, 0x0D, b"UI", b"1.2.826.0.1.3680043.9.2"), (0x20, 0x0E, b"UI", b"1.2.826.0.1.3680043.9.3"),
            (0x20, 0x13, b"IS", b"%d" % number), (0x28, 0x02, b"US", struct.pack("<H", 1)),
            (0x28, 0x10, b"US", struct.pack("<H", 512)), (0x28, 0x11, b"US", struct.pack("<H", 512)),
            (0x28, 0x100, b"US", struct.pack("<H", 16)), (0x28, 0x101, b"US", struct.pack("<H", 12)),
            (0x28, 0x102, b"US", struct.pack("<H", 11)),
        ]
    )
    bulk = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, len(pixels)) + pixels
    return bytes(128) + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + head + bulk


def noise(seed):
    """Pixels that zlib at level 6 deflates to 39 %."""
    gauss = random.Random(seed).gauss
    return struct.pack("<262144H", *(round(gauss(1024, 6)) for _ in range(512 * 512)))


def form(files):
    """A body with one part a file."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        f"Content-Type: application/dicom\r\n\r\n".encode() + file + b"\r\n"
        for name, file in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A process that serves the interface, and the keys it takes."""

    def __init__(self, name, command, folder, port, variables):
        self.name, self.port, self.keys = name, port, []
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=os.environ | variables, stdout=log, stderr=log)
        self.until_up(folder)

    def until_up(self, folder):
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.1)
        sys.exit(f"{self.name} does not start: {(folder / 'log').read_text()}")

    def upload(self, connection, body, key):
        """One request; its archive."""
        headers = {"X-API-Key": key, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        connection.request("POST", "/v1/anonymize", body, headers)
        answer = connection.getresponse()
        archive = answer.read()
        if answer.status != 200:
            sys.exit(f"{self.name}: {answer.status} {archive[:300]!r}")
        return archive

    def measure(self, bodies):
        """All requests one after the other: seconds, and their archives."""
        keys = [self.keys.pop() for _ in bodies]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        with contextlib.closing(connection):
            begun = time.perf_counter()
            archives = [self.upload(connection, body, key) for body, key in zip(bodies, keys)]
            return time.perf_counter() - begun, archives

    def memory(self, field):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{field}:")[1].split()[0]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def vault(python, folder, keys):
    folder.mkdir()
    port, names = free_port(), [f"k{number}" for number in range(keys)]
    variables = {
        "DCM_API_KEYS": ",".join(f"customer{name}:{name}" for name in names),
        "DCM_DB_URL": f"sqlite:///{folder / 'vault.db'}",
    }
    command = [python, "-m", "uvicorn", "dcm_anon_vault.app:app", "--port", str(port), "--log-level", "warning"]
    server = Server("dcm-anon-vault", command, folder, port, variables)
    server.keys = names
    return server


def veilgate(program, folder, compression, keys):
    folder.mkdir()
    port = free_port()
    command = [program, "serve", "--listen", f"127.0.0.1:{port}", "--data", folder / "data"]
    server = Server(f"veilgate, {compression}", command, folder, port, {"VEILGATE_VAULT_COMPRESSION": compression})
    server.keys = [(folder / "data" / "first-api-key").read_text().strip()] * keys
    return server


def check(name, archives, pixels):
    """Every file came back with its pixels, and none names the patient."""
    seen = 0
    for archive in archives:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            for entry in opened.namelist():
                if not entry.endswith(".dcm"):
                    continue
                file, number = opened.read(entry), int(entry.rsplit("IM", 1)[1].removesuffix(".dcm"))
                if pixels[number % DISTINCT] not in file or b"Doe^Jane" in file:
                    sys.exit(f"{name}: {entry} is not what it should be")
                seen += 1
    if seen != FILES:
        sys.exit(f"{name}: {seen} files of {FILES} came back")


def report(theirs, ours):
    """The table; false if a goal is missed."""
    size = lambda archives: sum(map(len, archives)) / MIB
    (their_time, their_archives, their_peak), good = theirs, True
    print(f"| 200 × 513 KiB CT in four forms | time | archives | peak memory above idle | ratio | goal |")
    print("|---|---|---|---|---|---|")
    print(f"| dcm-anon-vault 0.2.1 | {their_time:.2f} s | {size(their_archives):.1f} MiB | +{their_peak:.0f} MiB | | |")
    for compression, (seconds, archives, peak) in ours.items():
        ratio, share = their_time / seconds, size(archives) / size(their_archives)
        faster, larger = GOALS[compression]
        good = good and ratio >= faster and (larger is None or share <= larger)
        goal = f"≥ {faster} times" + (f", ≤ {larger:.0%} of its size" if larger else "")
        print(
            f"| veilgate, {compression} | {seconds:.3f} s | {size(archives):.1f} MiB | +{peak:.0f} MiB | "
            f"{ratio:.1f} times as fast, {share:.1%} of its size | {goal} |"
        )
    return good


def main():
    arguments = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    root = pathlib.Path(__file__).resolve().parents[2]
    arguments.add_argument("--veilgate", default=root / "target" / "release" / "veilgate", type=pathlib.Path)
    arguments.add_argument("--turns", default=5, type=int)
    given = arguments.parse_args()
    program = given.veilgate.resolve()
    if not program.is_file():
        sys.exit(f"{program.name} is not there: cargo build --release makes it")
    python, folder = environment(), pathlib.Path(tempfile.mkdtemp(prefix="vault-compare."))
    pixels = [noise(seed) for seed in range(DISTINCT)]
    files = [(f"IM{number}.dcm", ct(number, pixels[number % DISTINCT])) for number in range(FILES)]
    bodies = [form(files[at : at + REQUEST]) for at in range(0, FILES, REQUEST)]
    # Two files more at first, so that nobody is measured while it wakes up.
    keys = given.turns * len(bodies) + 1
    servers = [vault(python, folder / "vault", keys)]
    servers += [veilgate(program, folder / name, name, keys) for name in GOALS]
    try:
        idle = []
        for server in servers:
            server.measure([form(files[:2])])
            idle.append(server.memory("VmRSS"))
        times, last = [[] for _ in servers], [None] * len(servers)
        for _ in range(given.turns):
            for place, server in enumerate(servers):
                seconds, last[place] = server.measure(bodies)
                times[place].append(seconds)
        for server, archives in zip(servers, last):
            check(server.name, archives, pixels)
        results = [
            (statistics.median(seconds), archives, server.memory("VmHWM") - before)
            for seconds, archives, server, before in zip(times, last, servers, idle)
        ]
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(folder)
    sys.exit(0 if report(results[0], dict(zip(GOALS, results[1:]))) else 1)


if __name__ == "__main__":
    main()
