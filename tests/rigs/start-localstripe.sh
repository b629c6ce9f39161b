#!/usr/bin/env bash
# Start localstripe (a stateful stand-in for the Stripe API) on 127.0.0.1.
#
# usage: start-localstripe.sh PORT [DIR] [--webhook URL SECRET]
#   DIR        log and pid file (default: a new temporary one)
#   --webhook  deliver every event there, signed with SECRET (it can be set later:
#              POST /_config/webhooks/NAME with url, secret and optional events[])
# Any key of the form sk_... is accepted. It has customers, products, plans,
# subscriptions, invoices, payment methods and intents and signed webhooks; it
# has no Checkout sessions, prices, meters, billing portal: see start-stripe-front.sh.
# Prints one line "ready localstripe http://127.0.0.1:PORT pid=N dir=DIR" and
# returns. Stop it with: stop-rig.sh N
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

port=${1:-}; need_port "$port"; shift
dir= hook= secret=
while [ $# -gt 0 ]; do
    case "$1" in
        --webhook) hook=${2:?} secret=${3:?}; shift 3 ;;
        *) dir=$1; shift ;;
    esac
done
[ -x "$RIGS_PY" ] && "$RIGS_PY" -c 'import localstripe' 2>/dev/null || die "localstripe is missing: run install.sh stripe"
[ -f "$RIGS_SHIM" ] || die "loopback shim is missing: run install.sh shim"
[ -n "$dir" ] || dir=$(mktemp -d -t rig-localstripe.XXXXXX)
mkdir -p "$dir"; dir=$(cd "$dir" && pwd)

# It listens on every address and has no option for that: the shim. It also
# rewrites one fixed file in the temporary folder after each write, even with
# --from-scratch; two instances do not disturb each other by it, as neither reads it.
LD_PRELOAD="$RIGS_SHIM" setsid "$RIGS_PY" -m localstripe --port "$port" --from-scratch \
    >"$dir/localstripe.log" 2>&1 </dev/null &
pid=$!
echo "$pid" > "$dir/pid"
wait_ready "$pid" "$dir/localstripe.log" 20 curl -sf -u sk_test_rig: "http://127.0.0.1:$port/v1/balance"
[ -z "$hook" ] || curl -sf "http://127.0.0.1:$port/_config/webhooks/rig" -d url="$hook" -d secret="$secret" >/dev/null ||
    { kill "$pid"; die "the webhook was refused"; }
echo "ready localstripe http://127.0.0.1:$port pid=$pid dir=$dir"
