#!/usr/bin/env bash
# Start a throw-away Orthanc with DICOMweb on 127.0.0.1.
#
# usage: start-orthanc.sh PORT [DIR] [--user NAME:PASSWORD]
#                         [--server NAME URL ["Header: value"]]
#   PORT  HTTP port; DICOMweb is at http://127.0.0.1:PORT/dicom-web
#   DIR   data, configuration, log and pid file (default: a new temporary one)
#   --user  HTTP Basic is required (default: no authentication)
#   --server  a DICOMweb server this Orthanc can push to and pull from, as a client:
#           POST /dicom-web/servers/NAME/stow      {"Resources": [ORTHANC-ID], "Synchronous": true}
#           POST /dicom-web/servers/NAME/qido      {"Uri": "/studies", "Arguments": {...}}
#           POST /dicom-web/servers/NAME/retrieve  {"Resources": [{"Study": UID}], "Synchronous": true}
# Prints one line "ready orthanc http://127.0.0.1:PORT/dicom-web pid=N dir=DIR"
# and returns; the server runs on. Stop it with: stop-rig.sh N
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

port=${1:-}; need_port "$port"; shift
dir= user= servers=
while [ $# -gt 0 ]; do
    case "$1" in
        --user) user=${2:?}; shift 2 ;;
        --server)
            name=${2:?} url=${3:?} head=; shift 3
            if [[ "${1:-}" == *:\ * ]]; then head=", \"HttpHeaders\": {\"${1%%:*}\": \"${1#*: }\"}"; shift; fi
            servers+="${servers:+, }\"$name\": {\"Url\": \"${url%/}/\", \"HasDelete\": false$head}" ;;
        *) dir=$1; shift ;;
    esac
done
command -v Orthanc >/dev/null || die "Orthanc is missing: run install.sh apt"
[ -f "$RIGS_SHIM" ] || die "loopback shim is missing: run install.sh shim"
[ -n "$dir" ] || dir=$(mktemp -d -t rig-orthanc.XXXXXX)
mkdir -p "$dir/data"; dir=$(cd "$dir" && pwd)

auth='"AuthenticationEnabled": false,'
[ -z "$user" ] || auth="\"AuthenticationEnabled\": true, \"RegisteredUsers\": {\"${user%%:*}\": \"${user#*:}\"},"

# DICOM port, WebDAV and worklists are off; PublicRoot absent, so links follow
# the request's Host header (and Forwarded, as a reverse proxy sets it).
cat > "$dir/orthanc.json" <<JSON
{
  "Name": "rig",
  "StorageDirectory": "$dir/data",
  "IndexDirectory": "$dir/data",
  "TemporaryDirectory": "$dir/data",
  "HttpPort": $port,
  "RemoteAccessAllowed": false,
  $auth
  "DicomServerEnabled": false,
  "WebDavEnabled": false,
  "OverwriteInstances": true,
  "SyncStorageArea": false,
  "StableAge": 1,
  "ConcurrentJobs": 1,
  "HttpThreadsCount": 16,
  "SaveJobs": false,
  "HttpDescribeErrors": true,
  "DefaultEncoding": "Utf8",
  "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"],
  "DicomWeb": {
    "Enable": true, "Root": "/dicom-web/", "EnableWado": true, "WadoRoot": "/wado",
    "StudiesMetadata": "Full", "SeriesMetadata": "Full",
    "Servers": {$servers}
  }
}
JSON

# The packaged 1.10.1 listens on every address (RemoteAccessAllowed=false only
# refuses strangers); the shim makes it listen on loopback alone.
LD_PRELOAD="$RIGS_SHIM" setsid Orthanc "$dir/orthanc.json" >"$dir/orthanc.log" 2>&1 </dev/null &
pid=$!
echo "$pid" > "$dir/pid"
cred=(); [ -z "$user" ] || cred=(-u "$user")
wait_ready "$pid" "$dir/orthanc.log" 30 curl -sf "${cred[@]}" "http://127.0.0.1:$port/dicom-web/studies?limit=1"
echo "ready orthanc http://127.0.0.1:$port/dicom-web pid=$pid dir=$dir"
