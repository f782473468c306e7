# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts in tools/: where things are, and saying what is being done. Sourced, never run.
set -eu

TOP=$(cd "$(dirname "$0")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/secure-vm
BEGIN=${SECURE_VM_BEGIN:-$(date +%s)}

# One line on stderr with the time since the beginning: everything that takes time says so first.
say() {
        now=$(date +%s)
        printf '[%3ds] %s\n' "$((now - BEGIN))" "$*" >&2
}

die() {
        printf '%s: error: %s\n' "$(basename "$0")" "$*" >&2
        exit 3
}

# Run as root: directly, or through sudo.
as_root() {
        if [ "$(id -u)" = 0 ]; then
                "$@"
        elif command -v sudo >/dev/null; then
                sudo -- "$@"
        else
                die "\"$1\" needs root: run as root, or install sudo"
        fi
}

# Run a command whose output matters only when it fails.
quietly() {
        log=$(mktemp)
        status=0
        "$@" >"$log" 2>&1 || status=$?
        [ "$status" = 0 ] || cat "$log" >&2
        rm -f "$log"
        return "$status"
}

# This machine's Debian release ("bookworm").
codename() {
        sed -n 's/^VERSION_CODENAME=//p' /etc/os-release | tr -d '"'
}

# The package archives apt is configured with, as apt understands its own files: "URI SUITE COMPONENT" a line.
# No archive is ever named in this repository.
archives() {
        apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null | sort -u
}

# The keyring that Debian's own archives are signed by.
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# What apt on this machine is told about reaching its archives (proxies, clocks), as an apt.conf for another root.
apt_reach() {
        apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date|Retries|https?::Timeout|Force)' || true
}
