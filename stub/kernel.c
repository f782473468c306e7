/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel as its own EFI stub wants to be called. The firmware does not load it, so it is not
 * measured again: it is part of the image that was. */
#include "stub/machine.h"
#include "stub/pe-load.h"

#define ALIGN (2u << 20) /* Linux' own, CONFIG_PHYSICAL_ALIGN */

static int set_options(struct sv_err *err)
{
        size_t size = stub.cmdline.n ? 2 * (stub.cmdline.n + 1) : 0;
        uint16_t *options = size ? get_pages(size, 0, EFI_LOADER_DATA) : NULL;

        if (size && !options)
                return sv_fail(err, SV_SYSTEM, "stub.memory", "no memory for the command line");
        for (size_t i = 0; i < stub.cmdline.n; i++)
                options[i] = stub.cmdline.p[i];
        if (size)
                options[stub.cmdline.n] = 0;
        if (stub.loaded->options_size > 2)
                print_line("secure-vm: a command line from outside is not used");
        stub.loaded->options = options;
        stub.loaded->options_size = (uint32_t)size;
        return 0;
}

int start_kernel(struct sv_err *err)
{
        struct sv_pe_load pe;
        uint8_t *memory;
        efi_entry entry;
        efi_status status;

        if (sv_pe_load_read(stub.kernel, &pe, err) < 0 ||
            sv_pe_load_check(&pe, stub.kernel, err) < 0 || set_options(err) < 0)
                return -1;
        memory = get_pages(pe.size, ALIGN, EFI_LOADER_CODE);
        if (!memory)
                return sv_fail(err, SV_SYSTEM, "stub.memory",
                               "no %u bytes of memory below 4 GiB for the kernel", pe.size);
        sv_pe_load_place(&pe, stub.kernel, memory);
        if (protect_kernel(&pe, memory, err) < 0)
                return -1;
        stub.loaded->base = memory;
        stub.loaded->size = pe.size;
        entry = (efi_entry)(uintptr_t)(memory + pe.entry);
        status = entry(stub.image, stub.system);
        return sv_fail(err, SV_SYSTEM, "stub.kernel", "the kernel came back with 0x%llx",
                       (unsigned long long)status);
}
