/* SPDX-License-Identifier: Apache-2.0 */
#include "stub/machine.h"

#define PAGE     4096u
#define BELOW_4G 0xffffffffull

void *get_pages(size_t bytes, size_t align, unsigned type)
{
        struct efi_boot_services *boot = stub.system->boot;
        size_t extra = align > PAGE ? align - PAGE : 0;
        size_t pages = (bytes + extra + PAGE - 1) / PAGE;
        uint64_t at = BELOW_4G;

        if (!CHECK_EFI(boot->allocate_pages(EFI_ALLOCATE_MAX_ADDRESS, type, pages, &at)))
                return NULL;
        if (align > PAGE)
                at = (at + align - 1) & ~(uint64_t)(align - 1);
        return (void *)(uintptr_t)at;
}
