#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGKILL of the launcher, the worker and the guard at ten moments each, then of worker and guard together: nothing of the guest may
# be left (QEMU, swtpm, socket, copy, lock), and launching again works. Guests are emulated; no guest boots to its end here.
#
# usage: kill.sh SECURE-VM [KERNEL]      (root; KERNEL is any bzImage, otherwise the distribution's)
set -eu
sv=$1
kernel=${2:-$("$(dirname "$0")/../../tools/fetch-kernel" | tail -n 1)/vmlinuz}
dir=$(mktemp -d /tmp/svk.XXXXXX)
chmod 711 "$dir"
export SECURE_VM_DIR="$dir/s"
g=$SECURE_VM_DIR/k
failures=0
n=0

finish() {
        "$sv" destroy k >/dev/null 2>&1 || true
        rm -rf "$dir"
}
trap finish EXIT
printf '{"name":"k","kernel":"%s","cmdline":"console=ttyS0","memory":"256MiB","vcpus":1}\n' "$kernel" >"$dir/k.json"

ours() { # processes that serve this guest
        for p in /proc/[0-9]*; do
                exe=$(readlink "$p/exe" 2>/dev/null) || continue
                case ${exe##*/} in qemu-* | swtpm*) grep -qaF "$g/" "$p/cmdline" 2>/dev/null && echo "${p#/proc/} ${exe##*/}" ;; esac
        done
        return 0
}
fail() {
        echo "not ok: $*"
        failures=$((failures + 1))
}
check_clean() { # what was killed when
        [ -e "$g/lock" ] || return 0
        flock -w 30 "$g/lock" true || fail "$1: the lock is still held"
        left=$(ours)
        [ -z "$left" ] || fail "$1: processes are left: $left"
        left=$(find "$g" -type s)
        [ -z "$left" ] || fail "$1: sockets are left: $left"
        [ ! -e "$g/boot" ] || fail "$1: copies are left"
        case $("$sv" list --json) in *'"running"'* | *'"starting"'*) fail "$1: list says that it runs" ;; esac
}
check_handed_over() { # what was killed when
        # Either it has gone, or it runs under a supervisor that answers, and that ends it when asked.
        tries=0
        while ! flock -n "$g/lock" true && [ $tries -lt 150 ]; do
                case $("$sv" list --json) in *'"running"'*) break ;; esac
                sleep 0.2
                tries=$((tries + 1))
        done
        [ $tries -lt 150 ] || fail "$1: handed over, and list does not say that it runs"
        "$sv" destroy k >/dev/null || fail "$1: handed over, and destroy fails"
}
alive() { # pid: itself, when it is a guard that has not ended
        case $(cat "/proc/$1/stat" 2>/dev/null) in "$1 (sv-guard) Z"*) ;; "$1 (sv-guard)"*) echo "$1" ;; esac
        return 0
}
child() { # parent name
        for c in $(cat "/proc/$1/task/$1/children" 2>/dev/null || pgrep -P "$1"); do
                [ "$(cat "/proc/$c/comm" 2>/dev/null)" = "$2" ] && echo "$c"
        done
        return 0
}

# The first launch fills the capability cache, so that the moments below mean the same each time.
"$sv" launch "$dir/k.json" >/dev/null 2>"$dir/log" || { cat "$dir/log"; exit 1; }
# What is copied may be its owner's secret, as an initramfs with keys in it.
[ -z "$(find "$g/boot/kernel" -perm /077)" ] || fail "the copy of the kernel can be read by everybody"
"$sv" destroy k >/dev/null
check_clean "an ordinary end"

for who in launch worker guard; do
        [ $who = launch ] && moments="0.01 0.03 0.06 0.1 0.15 0.2 0.3 0.4 0.5 0.6" || moments="0.03 0.06 0.1 0.15 0.25 0.4 0.6 0.9 1.3 2.0"
        for moment in $moments; do
                n=$((n + 1))
                "$sv" launch "$dir/k.json" >/dev/null 2>"$dir/log" &
                launch=$!
                # On a busy machine the supervisor takes a while to appear; its moments count from there.
                tries=0
                while [ $who != launch ] && [ -z "$(child "$launch" sv-guard)" ] && [ $tries -lt 100 ]; do
                        sleep 0.02
                        tries=$((tries + 1))
                done
                sleep "$moment"
                guard=$(child "$launch" sv-guard)
                # Once the launcher is gone; but the file may still be of the run before.
                [ -n "$guard" ] || guard=$(alive "$(sed -n 's/.*"guard_pid": *\([0-9]*\).*/\1/p' "$g/status.json")")
                case $who in
                launch) victim=$launch ;;
                guard) victim=$guard ;;
                worker) victim=$(child "${guard:-0}" sv-worker) ;;
                esac
                kill -KILL $victim 2>/dev/null && what="$who killed after ${moment}s" || what="$who was not there after ${moment}s"
                status=0
                wait "$launch" 2>/dev/null || status=$?
                # A launcher that had said that the guest runs may have handed it over, with or without living to its own
                # end: that is no orphan, and both ends are right. It must be whole or gone.
                if [ "$who" = launch ] && { [ "$status" = 0 ] || grep -q "the guest runs" "$dir/log"; }; then
                        check_handed_over "$what"
                        what="$what (the guest was handed over, or nearly)"
                fi
                case $what in *"was not there"*) "$sv" destroy k >/dev/null 2>&1 || true ;; esac
                check_clean "$what"
                echo "ok $n: $what"
        done
done

# Both at once: nobody is left to clean, so the next launch does.
"$sv" launch "$dir/k.json" >/dev/null 2>"$dir/log"
kill -KILL $(sed -n 's/.*"\(guard\|worker\)_pid": *\([0-9]*\).*/\2/p' "$g/status.json") $(sed -n 's/.*"guard_pid": *\([0-9]*\).*/\1/p' "$g/status.json") 2>/dev/null
sleep 0.3
[ -n "$(ours)" ] || fail "worker and guard killed: QEMU was expected to be left"
case $("$sv" list --json) in *'"killed"'*) ;; *) fail "list does not say that the guest was killed" ;; esac
"$sv" launch "$dir/k.json" >/dev/null 2>"$dir/log" || { cat "$dir/log"; fail "the launch after both were killed"; }
grep -q "left behind" "$dir/log" || fail "the next launch does not say what it ended"
"$sv" destroy k >/dev/null
check_clean "worker and guard killed together, launched again"
echo "ok: worker and guard killed together, launched again"
# A guard killed while libvirt asks QEMU what it can, as a first launch does: the worker is deep inside libvirt and ends all the same.
export SECURE_VM_DIR="$dir/new"
g=$SECURE_VM_DIR/k
"$sv" launch "$dir/k.json" >/dev/null 2>"$dir/log" &
launch=$!
tries=0
# only a QEMU that is asked has its monitor on the command line
until probing=$(pgrep -f "qmp unix:$g/") || [ $tries -ge 500 ]; do
        sleep 0.02
        tries=$((tries + 1))
done
guard=$(child "$launch" sv-guard)
kill -KILL $guard 2>/dev/null || fail "no guard while libvirt probes"
flock -w 10 "$g/lock" true || fail "guard killed while libvirt probes ($probing): the worker goes on"
wait "$launch" 2>/dev/null || true
check_clean "guard killed while libvirt probes"
echo "ok: guard killed while libvirt probes"
[ "$failures" = 0 ] || { echo "$failures failures"; exit 1; }
echo "all $n moments and the double kill left nothing behind"
