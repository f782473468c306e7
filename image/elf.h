/* SPDX-License-Identifier: Apache-2.0 */
/* What a dynamically linked ELF file needs at run time: its interpreter and libraries (System V
 * ABI, chapters 4 and 5). */
#pragma once

#include "base/core/rd.h"

#define SV_ELF_NEEDED_MAX 64 /* libraries one file may need */

struct sv_elf {
        unsigned machine; /* e_machine: 62 is x86-64 */
        /* Point into the file, terminated there. NULL when absent: a static program has no
         * interpreter, a library none either. */
        const char *interp;
        const char *soname;
        const char *needed[SV_ELF_NEEDED_MAX];
        size_t n_needed;
};

/* 64-bit little endian executables and shared objects. SV_FORMAT "image.elf.*". */
int sv_elf_parse(struct sv_bytes file, struct sv_elf *out, struct sv_err *err);
/* Is it a kernel module for x86-64 (a relocatable file), and is it whole? SV_FORMAT
 * "image.elf.*". */
int sv_elf_check_module(struct sv_bytes file, struct sv_err *err);
