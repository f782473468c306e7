#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dracut: what opens volumes by attestation, where /etc/crypttab has any (@libexecdir@/list-volumes).

check() {
    local volumes
    # what cannot be listed ends dracut below
    volumes=$(@libexecdir@/list-volumes) || return 0
    [[ -z $volumes ]] && return 255
    require_binaries cryptsetup @bindir@/secure-vm-agent
}

depends() {
    echo systemd dracut-systemd crypt
}

installkernel() {
    hostonly='' instmods dm_mod dm_crypt xts ecb aesni_intel sha256 sha512 algif_skcipher algif_hash virtio_pci virtio_blk virtio_scsi \
        virtio_net virtio_console virtio_rng e1000e ena gve vmxnet3 hv_netvsc af_packet ipv6 8021q tpm_crb tpm_tis configfs tsm \
        sev_guest tdx_guest vmw_vsock_virtio_transport
}

install() {
    mkdir -p "$initdir/etc/secure-vm" "$initdir/etc/cmdline.d"
    # dracut does not look at what this returns, and would make an initramfs that asks for a passphrase
    @libexecdir@/list-volumes "$initdir/etc/secure-vm/tokens" >"$initdir/etc/secure-vm/volumes" || {
        dfatal "secure-vm: no initramfs is made: the line above says why"
        exit 1
    }
    inst_multiple cryptsetup modprobe cat mkdir rm sleep tr @bindir@/secure-vm-agent
    inst_library @tokendir@/libcryptsetup-token-secure-vm.so
    inst_libdir_file 'libtss2-tcti-device.so.0*'
    inst_multiple @libexecdir@/open-volumes @libexecdir@/boot-volumes
    [[ -e /etc/secure-vm/ca.pem ]] && inst_simple /etc/secure-vm/ca.pem
    # A shell of the initramfs is nobody's: also not when the opened root cannot be mounted. The kernel's command line comes later.
    echo "rd.shell=0 rd.emergency=poweroff" >"$initdir/etc/cmdline.d/90-secure-vm.conf"
    inst_simple "$moddir/secure-vm-volumes.service" "$systemdsystemunitdir/secure-vm-volumes.service"
    $SYSTEMCTL -q --root "$initdir" add-wants sysinit.target secure-vm-volumes.service
}
