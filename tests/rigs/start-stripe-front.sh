#!/usr/bin/env bash
# Start the stand-in for what localstripe lacks (Checkout sessions with a payable
# page, prices, meters, meter events, portal, signed webhooks of the current API
# version), with localstripe behind it for everything else if it is installed.
#
# usage: start-stripe-front.sh PORT [DIR] [--webhook URL SECRET] [--alone]
#   DIR        log and pid files (default: a new temporary one)
#   --webhook  deliver every event there, signed with SECRET
#   --alone    no localstripe behind it (else it is started on PORT+1)
# What it serves and its test controls: stripe_front.py --help
# Prints one line "ready stripe http://127.0.0.1:PORT pid=N dir=DIR [localstripe-pid=M]"
# and returns. Stop it with: stop-rig.sh N M
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

port=${1:-}; need_port "$port"; shift
dir= alone= hook=()
while [ $# -gt 0 ]; do
    case "$1" in
        --webhook) hook=(--webhook "${2:?}" "${3:?}"); shift 3 ;;
        --alone) alone=1; shift ;;
        *) dir=$1; shift ;;
    esac
done
[ -n "$dir" ] || dir=$(mktemp -d -t rig-stripe.XXXXXX)
mkdir -p "$dir"; dir=$(cd "$dir" && pwd)

behind=() note=
if [ -z "$alone" ]; then
    line=$("$RIGS_SRC/start-localstripe.sh" "$((port + 1))" "$dir/localstripe")
    behind=(--localstripe "http://127.0.0.1:$((port + 1))")
    note=" localstripe-$(grep -o 'pid=[0-9]*' <<<"$line")"
fi
setsid python3 "$RIGS_SRC/stripe_front.py" "$port" "${behind[@]}" "${hook[@]}" >"$dir/front.log" 2>&1 </dev/null &
pid=$!
echo "$pid" > "$dir/pid"
wait_ready "$pid" "$dir/front.log" 20 curl -sf -u sk_test_rig: "http://127.0.0.1:$port/v1/prices"
echo "ready stripe http://127.0.0.1:$port pid=$pid dir=$dir$note"
