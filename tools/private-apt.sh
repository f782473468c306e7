# SPDX-License-Identifier: Apache-2.0
# Sourced by tools/fetch-*: apt with a configuration of its own, so that the machine's own archives stay as they are. Needs $name (the
# caller's) and $suites; sets $work (removed at the end), $options (apt-cache takes them too) and the function apt.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

for program in apt-get dpkg; do
        command -v "$program" >/dev/null || { echo "$name: $program is missing; this works on Debian and its relatives" >&2; exit 3; }
done
[ -r "$keyring" ] || { echo "$name: $keyring is missing; install debian-archive-keyring" >&2; exit 3; }

# The mirror that this machine is configured for, past the security and update archives.
mirror=${MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p; s/^URIs: *\([^ ]*\).*/\1/p' | grep -v -e security -e '^cdrom' | head -n 1)}
[ -n "$mirror" ] || { echo "$name: no Debian mirror is configured; say MIRROR=URL" >&2; exit 3; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/etc"
for suite in $suites; do
        echo "deb [signed-by=$keyring] $mirror $suite main"
done >"$work/sources.list"

# Where the machine's apt is told to keep no digest of its lists, each call would read them all again.
options="-o Dir::State=$work/state -o Dir::State::status=/dev/null -o Dir::Cache=$work/cache
        -o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=
        -o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null
        -o Dir::Etc::preferencesparts=/dev/null"
apt() {
        apt-get -qq $options -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=0 "$@"
}

# version PACKAGE[/SUITE]: what would be downloaded; empty when there is none
version() {
        apt --print-uris download "$1" 2>/dev/null | sed -n "s/^'[^']*' ${1%%/*}_\([^ ]*\)_[a-z0-9]*\.deb .*/\1/p"
}
