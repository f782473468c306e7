/* SPDX-License-Identifier: Apache-2.0 */
/* The initramfs by LoadFile2 at the path that Linux asks for
 * (drivers/firmware/efi/libstub/efi-stub-helper.c, LINUX_EFI_INITRD_MEDIA_GUID). */
#include "stub/machine.h"

static const struct efi_guid load_file2_guid = {
        0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};
static const struct efi_guid device_path_guid = {
        0x09576e91, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

/* A vendor's media node with the GUID, and the end. */
static uint8_t initrd_path[] = {0x04, 0x03, 0x14, 0x00, 0x27, 0xe4, 0x68, 0x55,
                                0xfc, 0x68, 0x3d, 0x4f, 0xac, 0x74, 0xca, 0x55,
                                0x52, 0x31, 0xcc, 0x68, 0x7f, 0xff, 0x04, 0x00};
static struct efi_load_file2 file;

static efi_status EFIAPI load_initrd(struct efi_load_file2 *self, void *path, uint8_t boot_policy,
                                     size_t *size, void *buffer)
{
        if (!size || self != &file)
                return EFI_INVALID;
        if (boot_policy)
                return EFI_UNSUPPORTED;
        if (!buffer || *size < stub.initrd.n) {
                *size = stub.initrd.n;
                return EFI_BUFFER_TOO_SMALL;
        }
        memcpy(buffer, stub.initrd.p, stub.initrd.n);
        *size = stub.initrd.n;
        return 0;
}

/* Two cannot stand at one path, and the kernel would take the first. */
static int remove_foreign(struct sv_err *err)
{
        struct efi_boot_services *boot = stub.system->boot;
        void *path = initrd_path, *interface, *their_path;
        efi_handle theirs;

        if (!CHECK_EFI(boot->locate_device_path(&load_file2_guid, &path, &theirs)))
                return 0;
        print_line("secure-vm: an initramfs from outside is not used");
        if (!CHECK_EFI(boot->handle_protocol(theirs, &load_file2_guid, &interface)) ||
            !CHECK_EFI(boot->handle_protocol(theirs, &device_path_guid, &their_path)) ||
            !CHECK_EFI(boot->uninstall_protocols(theirs, &load_file2_guid, interface,
                                                 &device_path_guid, their_path, NULL)))
                return sv_fail(err, SV_SYSTEM, "stub.initrd",
                               "an initramfs from outside could not be taken away");
        path = initrd_path;
        if (CHECK_EFI(boot->locate_device_path(&load_file2_guid, &path, &theirs)))
                return sv_fail(err, SV_SYSTEM, "stub.initrd", "another initramfs from outside");
        return 0;
}

int offer_initrd(struct sv_err *err)
{
        efi_handle handle = NULL;

        if (remove_foreign(err) < 0)
                return -1;
        if (!stub.initrd.n)
                return 0;
        file.load = load_initrd;
        if (!CHECK_EFI(stub.system->boot->install_protocols(&handle, &load_file2_guid, &file,
                                                            &device_path_guid, initrd_path, NULL)))
                return sv_fail(err, SV_SYSTEM, "stub.initrd",
                               "the firmware does not take the initramfs");
        return 0;
}
