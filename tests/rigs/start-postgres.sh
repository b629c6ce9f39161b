#!/usr/bin/env bash
# Start a throw-away PostgreSQL on 127.0.0.1, with one empty database.
#
# usage: start-postgres.sh PORT [DIR] [--durable]
#   DIR        data, log, socket and pid file (default: a new temporary one)
#   --durable  keep fsync on (for crash tests; default is off, for speed)
# Started by root it runs as the system user 'postgres' (PostgreSQL refuses
# root); DIR must then be in a folder that user can enter (not under /root).
# Prints one line "ready postgres postgres://rig:rig@127.0.0.1:PORT/rig pid=N dir=DIR"
# and returns. Stop it with: stop-rig.sh N   (or kill -INT N, its fast shutdown).
# A DIR that was used before is started again with its data (also after kill -9).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

port=${1:-}; need_port "$port"; shift
dir= durable=off
while [ $# -gt 0 ]; do
    case "$1" in
        --durable) durable=on; shift ;;
        *) dir=$1; shift ;;
    esac
done
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -x "${bin:-}/initdb" ] || die "PostgreSQL server is missing: run tests/rigs/install.sh apt"

as=()
if [ -n "$dir" ]; then mkdir -p "$dir"; else dir=$(mktemp -d -t rig-pg.XXXXXX); fi
dir=$(cd "$dir" && pwd)
if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups --inh-caps=-all env HOME="$dir")
    chown postgres:postgres "$dir"
    "${as[@]}" test -w "$dir" || die "user postgres cannot enter $dir; choose another DIR"
fi

if [ ! -f "$dir/data/PG_VERSION" ]; then
    printf rig > "$dir/pw"; chmod 644 "$dir/pw"
    "${as[@]}" "$bin/initdb" -D "$dir/data" -U rig --pwfile="$dir/pw" -A scram-sha-256 \
        -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; die "initdb failed"; }
fi
# After a kill -9 the lock file stays; where the dead process was not reaped yet,
# PostgreSQL takes it for a running one.
if [ -f "$dir/data/postmaster.pid" ]; then
    old=$(head -1 "$dir/data/postmaster.pid")
    if [ ! -d "/proc/$old" ] || grep -q '^State:[[:space:]]*Z' "/proc/$old/status"; then
        rm -f "$dir/data/postmaster.pid" "$dir"/.s.PGSQL.*
    fi
fi
"${as[@]}" setsid "$bin/postgres" -D "$dir/data" -p "$port" -k "$dir" \
    -c listen_addresses=127.0.0.1 -c max_connections=60 -c shared_buffers=64MB \
    -c fsync=$durable -c synchronous_commit=$durable -c full_page_writes=$durable \
    >"$dir/postgres.log" 2>&1 </dev/null &
pid=$!
echo "$pid" > "$dir/pid"
export PGPASSWORD=rig
wait_ready "$pid" "$dir/postgres.log" 30 "$bin/pg_isready" -h 127.0.0.1 -p "$port" -U rig -d postgres
"$bin/psql" -qAt -h 127.0.0.1 -p "$port" -U rig -d postgres -c "select 1 from pg_database where datname='rig'" | grep -q 1 ||
    "$bin/createdb" -h 127.0.0.1 -p "$port" -U rig rig
echo "ready postgres postgres://rig:rig@127.0.0.1:$port/rig pid=$pid dir=$dir"
