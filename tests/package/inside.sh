#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In a fresh Debian that has what the packages depend on, and nothing of them: install, use, remove, install again, purge.
#
# usage: inside.sh FOLDER VERSION      the packages' folder
set -eu
packages=$1
version=$2

fail() {
        echo "packages: $*" >&2
        exit 1
}

# Every file, and what is in those of /etc. Left out: dpkg's and apt's own, and what the tools for users keep as their last copy.
list_files() {
        find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/lib/dpkg -o -path /var/cache \
                -o -path /var/log -o -path "$packages" -o -path '/etc/*-' -o -path /etc/.pwd.lock \) -prune -o -print | sort
        find /etc -type f ! -name '*-' ! -name .pwd.lock -exec sha256sum {} + | sort -k 2
}

installed() {
        dpkg -i "$packages"/*.deb >/dev/null
        for program in secure-vm secure-vm-agent secure-vm-broker; do
                [ "$($program --version)" = "$program $version" ] || fail "$program --version: $($program --version), expected $version"
        done
}

list_files >/tmp/before
installed
for unit in timers.target.wants/secure-vm-agent-report.timer multi-user.target.wants/secure-vm-agent-end.service; do
        [ -e /etc/systemd/system/$unit ] || fail "$unit is not enabled"
done
[ -x /lib/systemd/system-shutdown/secure-vm-agent ] || fail "nothing reports the end of a guest"
[ "$(stat -c %a /var/lib/secure-vm)" = 711 ] || ! command -v systemd-tmpfiles >/dev/null || fail "there is no folder for guests"
getent passwd secure-vm-broker >/dev/null || fail "there is no user secure-vm-broker"

# The host: an initramfs with the agent of the other package, a prediction with the distribution's firmware, a CA for vTPMs.
secure-vm image initrd --out /tmp/initrd.img >/dev/null
secure-vm measure --tee sev-snp --cpu EPYC-v4 --firmware /usr/share/ovmf/OVMF.fd >/dev/null
secure-vm host vtpm-ca >/dev/null
# What it keeps in its user's cache is theirs, and no purge knows whose.
XDG_CACHE_HOME=/tmp/cache /usr/libexec/secure-vm/fetch-kernel no-such-kernel 2>/tmp/said && fail "a kernel of no package was fetched"
grep -q 'apt knows no package no-such-kernel' /tmp/said || fail "fetch-kernel: $(cat /tmp/said)"
# The broker: a key goes in.
secure-vm-broker init --dir /var/lib/secure-vm-broker --listen 127.0.0.1:0 --json >/tmp/broker.json
pin=$(sed -n 's/.*"pin":"\([^"]*\)".*/\1/p' /tmp/broker.json)
secure-vm-broker serve --config /var/lib/secure-vm-broker/config.json 2>/tmp/broker.log &
broker=$!
tries=0
until [ -s /var/lib/secure-vm-broker/port ]; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || fail "the broker does not listen: $(cat /tmp/broker.log)"
        sleep 0.1
done
echo secret | secure-vm key put default/test/key --broker "https://127.0.0.1:$(cat /var/lib/secure-vm-broker/port)" --pin "$pin" \
        --admin-key /var/lib/secure-vm-broker/admin.key
kill $broker
wait $broker || true

# Not under a guest that runs, as whoever holds its lock says of it.
mkdir /var/lib/secure-vm/web
echo '{"name":"web","state":"running"}' >/var/lib/secure-vm/web/status.json
flock /var/lib/secure-vm/web/lock sh -c 'dpkg -r secure-vm 2>&1 && echo removed' >/tmp/said || true
grep -q 'found: web;' /tmp/said && ! grep -q removed /tmp/said || fail "removed under a running guest: $(cat /tmp/said)"

# Removed, or installed over: what is kept is kept. Purged: nothing is left.
dpkg -r secure-vm secure-vm-agent secure-vm-broker libsecurevm-dev libsecurevm0 >/dev/null
[ -s /var/lib/secure-vm-broker/kek ] && [ -d /var/lib/secure-vm/.vtpm-ca ] || fail "removing the packages took keys away"
installed
secure-vm-broker check --config /var/lib/secure-vm-broker/config.json >/dev/null
# One at a time: none takes what is another's, or an administrator's.
mkdir -p /etc/secure-vm/guests
touch /etc/secure-vm/host.json /etc/secure-vm/ca.pem
for package in secure-vm secure-vm-agent secure-vm-broker libsecurevm-dev libsecurevm0; do
        [ "$package" != secure-vm-broker ] || [ -s /var/lib/secure-vm-broker/kek ] || fail "another package's purge took the broker's keys"
        dpkg --purge $package >/dev/null
        [ -e /etc/secure-vm/ca.pem ] || fail "purging $package took the agent's ca.pem"
        [ ! -e /etc/secure-vm/guests ] && [ ! -e /etc/secure-vm/host.json ] || fail "purging secure-vm left its settings"
done
rm /etc/secure-vm/ca.pem
rmdir /etc/secure-vm
rm -f /tmp/initrd.img /tmp/broker.json /tmp/broker.log /tmp/said
list_files >/tmp/after
diff /tmp/before /tmp/after || fail "purged, and this is not as it was before (above)"
echo "installed, used, removed, installed again and purged: nothing is left"
