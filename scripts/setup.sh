#!/bin/bash
# Installs what is missing, and nothing else, with Debian's apt-get.
# setup.sh: what building and running need. setup.sh test: also the clients that the tests use.
set -euo pipefail

missing=()

# need PACKAGE CHECK...: the package is wanted unless CHECK succeeds.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

compiles() {
    local out
    out=$(mktemp) || return 1
    echo 'int main(void) { return 0; }' | cc -x c -o "$out" - || { rm -f "$out"; return 1; }
    rm -f "$out"
}

need gcc command -v cc
need libc6-dev compiles
need make command -v make
need pkg-config command -v pkg-config
need libssl-dev pkg-config --exists openssl
need sqlite3 command -v sqlite3
if [ "${1:-}" = test ]; then
    need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
    # The status page is drawn in a browser.
    need chromium command -v chromium
    need curl command -v curl
    need iproute2 command -v ip
    need mpop command -v mpop
    need nodejs command -v node
    need openssl command -v openssl
    # Tests run clusters of their own.
    need postgresql ls /usr/lib/postgresql/*/bin/initdb
    need python3 test -x /usr/bin/python3
    need python3-pip /usr/bin/python3 -m pip --version
    need swaks command -v swaks
    need systemd command -v systemd-analyze
    need telnet command -v telnet
    # Tests of mail servers need root, or else ids of their own (tests/support/privileged.rs).
    [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null || need uidmap command -v newuidmap
fi

if [ ${#missing[@]} -gt 0 ]; then
    echo "setup: installing ${missing[*]}"
    root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "setup: ${missing[*]} must be installed, and there is neither root nor sudo" >&2
            exit 1
        }
        root=(sudo)
    fi
    # The lists may be old or absent; if they cannot be had, what is there may still do.
    "${root[@]}" apt-get update -qq || true
    # PostgreSQL would make and start a cluster of the system's; nobody wants one.
    clusters=/etc/postgresql-common/createcluster.d/pillarbox-setup.conf
    case " ${missing[*]} " in *" postgresql "*)
        "${root[@]}" mkdir -p "${clusters%/*}"
        echo 'create_main_cluster = false' | "${root[@]}" tee "$clusters" >/dev/null
        trap '"${root[@]}" rm -f "$clusters"' EXIT ;;
    esac
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"
fi

command -v cargo >/dev/null || {
    echo "setup: there is no cargo; https://rustup.rs installs Rust" >&2
    exit 1
}

if [ "${1:-}" = test ]; then
    "$(dirname "$0")/interop.sh"
fi
