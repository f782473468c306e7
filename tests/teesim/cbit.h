/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: the page table bit of encrypted memory. QEMU wants to be given what it reads with the
 * CPUID instruction (leaf 0x8000001f, EBX 5:0), which cannot be played: zero on a processor that
 * has the leaf without SEV, some number or other on one that does not have the leaf. */
#pragma once

#include <cpuid.h>

static inline unsigned teesim_c_bit(void)
{
        unsigned eax, ebx, ecx, edx;

        __cpuid_count(0x8000001f, 0, eax, ebx, ecx, edx);
        return ebx & 0x3f;
}
