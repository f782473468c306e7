#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the images beside it. They are kept, as Debian 12 has no tools that fill an XFS, or make a btrfs with subvolumes, without mounting it.
#       make.sh DIR     a tree with usr/sbin/mkfs.xfs and mkfs.btrfs (tools/fetch-forky)
set -eu
tree=$1 here=$(cd "$(dirname "$0")" && pwd) work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SOURCE_DATE_EPOCH=1700000000
new() {
        tool=$1
        shift
        "$tree/lib64/ld-linux-x86-64.so.2" --library-path "$tree/usr/lib/x86_64-linux-gnu" "$tree/usr/sbin/$tool" "$@"
}
system() {
        mkdir -p "$1/boot" "$1/etc" "$1/usr/sbin" "$1/usr/lib/modules/6.1.10-x" "$1/many" "$1/links"
        ln -s usr/lib "$1/lib"
        ln -s /usr/sbin "$1/sbin"
        echo init >"$1/usr/sbin/init"
        echo ID=x >"$1/usr/lib/os-release"
        echo 6.1.10-x >"$1/boot/vmlinuz-6.1.10-x"
        echo >"$1/usr/lib/modules/6.1.10-x/modules.dep"
        seq 1 40000 >"$1/numbers"
        for i in $(seq 1 600); do : >"$1/many/a-name-of-a-file-$i"; done
        truncate -s 1M "$1/hole"
        printf end >>"$1/hole"
        ln -s "$(printf '././%.0s' $(seq 1 225))../numbers" "$1/links/long"
        ln -s loop "$1/links/loop"
        ln -s /../links/up "$1/links/over"
        ln -s ../../../numbers "$1/links/up"
        printf 'UUID=01234567-89ab-cdef-0123-456789abcdef / %s 0 0\nUUID=AAAA-1111 /boot/efi vfat defaults 0 0\n' "$2" >"$1/etc/fstab"
        printf '# volumes\nspare UUID=BBBB none luks\n' >"$1/etc/crypttab"
        find "$1" -exec touch -hd @1700000000 {} +
}
pack() { # what is free is zeros already
        zstd -q -19 -f "$work/$1" -o "$here/$1.zst"
        rm "$work/$1"
}
uuid=01234567-89ab-cdef-0123-456789abcdef
system "$work/x" 'xfs defaults'
for v in 5 4; do
        truncate -s 300M "$work/xfs$v.img"
        options="-m uuid=$uuid -c options=$tree/usr/share/xfsprogs/mkfs/lts_6.1.conf"
        [ $v = 5 ] || options="-m uuid=$uuid,crc=0,finobt=0,reflink=0,rmapbt=0 -b size=1024 -n size=4096"
        new mkfs.xfs -q $options -L sys -p "$work/x" "$work/xfs$v.img"
        pack xfs$v.img
done
system "$work/b/root" 'btrfs subvol=root,compress=zstd:1'
mkdir "$work/b/home"
echo mine >"$work/b/home/mine"
cp -a "$work/b/root" "$work/b/older" # as a snapshot would be
for c in no zstd zlib lzo; do
        truncate -s 110M "$work/btrfs-$c.img"
        more="--subvol root --subvol home"
        [ $c != zlib ] || more="--subvol default:root --subvol home"
        case $c in
        no | zstd) more="$more --subvol older" ;;
        *) rm -rf "$work/b/older" ;;
        esac
        new mkfs.btrfs -q -U $uuid -L sys --rootdir "$work/b" $more --compress $c "$work/btrfs-$c.img"
        pack btrfs-$c.img
done
