/* SPDX-License-Identifier: Apache-2.0 */
/* A guest in one PE image: kernel, initramfs, command line and ACPI tables are sections of this
 * stub, which the firmware starts and measures as a whole. It gives Linux these, and nothing else:
 * what the host has in their places is named on the console and left alone. When anything fails
 * the machine goes off, so that the firmware starts nothing else instead. */
#include "stub/machine.h"
#include "stub/pe-load.h"

struct stub stub;

efi_status EFIAPI efi_main(efi_handle image, struct efi_system_table *system);

static const struct efi_guid loaded_image_guid = {
        0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

static int find_sections(struct sv_err *err)
{
        struct sv_bytes self = sv_bytes(stub.loaded->base, stub.loaded->size);
        struct sv_pe_load pe;

        if (sv_pe_load_read(self, &pe, err) < 0 ||
            sv_pe_load_find(&pe, self, ".acpi\0\0", &stub.acpi, err) < 0 ||
            sv_pe_load_find(&pe, self, ".cmdline", &stub.cmdline, err) < 0 ||
            sv_pe_load_find(&pe, self, ".initrd", &stub.initrd, err) < 0 ||
            sv_pe_load_find(&pe, self, ".linux\0", &stub.kernel, err) < 0)
                return -1;
        if (!stub.acpi.n || !stub.kernel.n)
                return sv_fail(err, SV_FORMAT, "stub.sections",
                               "this image has no ACPI tables or no kernel: `secure-vm image uki` "
                               "makes one with both");
        return 0;
}

static int run_guest(struct sv_err *err)
{
        void *loaded;

        if (!CHECK_EFI(stub.system->boot->handle_protocol(stub.image, &loaded_image_guid, &loaded)))
                return sv_fail(err, SV_SYSTEM, "stub.sections",
                               "the firmware does not say where this image is");
        stub.loaded = loaded;
        if (find_sections(err) < 0 || replace_tables(err) < 0 || offer_initrd(err) < 0)
                return -1;
        return start_kernel(err);
}

efi_status EFIAPI efi_main(efi_handle image, struct efi_system_table *system)
{
        struct sv_err err;

        stub.image = image;
        stub.system = system;
        run_guest(&err);
        print_line("secure-vm: the guest does not start: %s [%s]", err.msg, err.check);
        system->boot->stall(1000000);
        system->runtime->reset_system(EFI_RESET_SHUTDOWN, 0, 0, NULL);
        for (;;)
                __asm__ volatile("hlt");
}
