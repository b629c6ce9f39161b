#!/usr/bin/env bash
# Start moto, an S3 server in memory, on 127.0.0.1. It verifies signatures and rights as S3 does.
#
# usage: start-s3.sh PORT [DIR]
#   DIR   log, pid and key files (default: a new temporary one)
# There is a bucket `rig`, a user who may do anything with any bucket, and one who may only read. Prints one line
#   ready s3 http://127.0.0.1:PORT pid=N dir=DIR key=ID:SECRET reader=ID:SECRET
# and returns. What lies in the bucket tells s3_look.py. Stop it with: stop-rig.sh N
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

port=${1:-}; need_port "$port"
dir=${2:-$(mktemp -d -t rig-s3.XXXXXX)}
[ -x "$RIGS_S3_PY" ] || die "moto is missing: run install.sh s3"
mkdir -p "$dir"; dir=$(cd "$dir" && pwd)

rm -f "$dir/keys"
setsid "$RIGS_S3_PY" "$RIGS_SRC/s3_server.py" "$port" "$dir/keys" >"$dir/s3.log" 2>&1 </dev/null &
pid=$!
echo "$pid" > "$dir/pid"
wait_ready "$pid" "$dir/s3.log" 60 test -s "$dir/keys"
echo "ready s3 http://127.0.0.1:$port pid=$pid dir=$dir $(cat "$dir/keys")"
