/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware that enforces it gives out memory which cannot be executed, and does not load the
 * kernel, which is ours to load: so we say which pages are code (UEFI specification 2.10,
 * section 37.7). */
#include "stub/machine.h"
#include "stub/pe-load.h"

#define PAGE 4096u

static const struct efi_guid memory_attribute_guid = {
        0xf4560cf6, 0x40ec, 0x4b4a, {0xa1, 0x92, 0xbf, 0x1d, 0x57, 0xd0, 0xb1, 0x89}};

static int change_pages(struct efi_memory_attribute *m, const uint8_t *p, size_t n, uint64_t set,
                        uint64_t clear, struct sv_err *err)
{
        uint64_t begin = (uintptr_t)p & ~(uint64_t)(PAGE - 1);
        uint64_t end = ((uintptr_t)p + n + PAGE - 1) & ~(uint64_t)(PAGE - 1);

        if ((set && !CHECK_EFI(m->set(m, begin, end - begin, set))) ||
            (clear && !CHECK_EFI(m->clear(m, begin, end - begin, clear))))
                return sv_fail(err, SV_SYSTEM, "stub.protect",
                               "the firmware does not let the kernel's memory at 0x%llx be %s",
                               (unsigned long long)begin,
                               clear & EFI_MEMORY_XP ? "executed" : "written");
        return 0;
}

int protect_kernel(const struct sv_pe_load *pe, uint8_t *memory, struct sv_err *err)
{
        struct efi_memory_attribute *m;
        uint32_t at, n;
        void *found;

        if (!CHECK_EFI(stub.system->boot->locate_protocol(&memory_attribute_guid, NULL, &found)))
                return 0;
        m = found;
        if (!pe->nx) /* a kernel that mixes code and data */
                return change_pages(m, memory, pe->size, 0, EFI_MEMORY_RO | EFI_MEMORY_XP, err);
        if (change_pages(m, memory, pe->size, EFI_MEMORY_XP, EFI_MEMORY_RO, err) < 0)
                return -1;
        for (unsigned i = 0; i < pe->n_sections; i++)
                if (sv_pe_load_code(pe, stub.kernel, i, &at, &n) &&
                    change_pages(m, memory + at, n, EFI_MEMORY_RO, EFI_MEMORY_XP, err) < 0)
                        return -1;
        print_line("secure-vm: the kernel's code is not written, its data not executed");
        return 0;
}
