#!/usr/bin/env bash
# Stop what a start script started, and wait until it is gone.
#
# usage: stop-rig.sh PID|DIR...    (the pid, or the dir, of a ready line)
set -u
alive() { [ -d "/proc/$1" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }
for what in "$@"; do
    pid=$what; [ -d "$what" ] && pid=$(cat "$what/pid")
    alive "$pid" || { echo "no process $pid"; continue; }
    kill -s TERM "$pid"
    for _ in $(seq 150); do alive "$pid" || break; sleep 0.1; done
    if alive "$pid"; then echo "process $pid still runs after 15 s, killing it"; kill -s KILL "$pid"; else echo "stopped $pid"; fi
done
