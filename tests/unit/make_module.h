/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel modules for tests: a relocatable ELF file with a text in it, its section headers last as
 * in a real one; and such files packed as distributions do. */
#pragma once

#include <elf.h>

#include "base/core/file.h"
#include "image/run.h"
#include "tests/unit/unit.h"

static inline void make_module(const char *text, struct sv_buf *out)
{
        Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_REL,
                         .e_machine = EM_X86_64,
                         .e_version = 1,
                         .e_shoff = sizeof(eh) + strlen(text),
                         .e_ehsize = sizeof(eh),
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = 2};
        const Elf64_Shdr sh[2] = {
                {.sh_type = SHT_NULL},
                {.sh_type = SHT_PROGBITS, .sh_offset = sizeof(eh), .sh_size = strlen(text)}};

        sv_buf_put(out, sv_bytes(&eh, sizeof(eh)));
        sv_buf_puts(out, text);
        sv_buf_put(out, sv_bytes(sh, sizeof(sh)));
}

/* The files become FILE.xz and so on; NULL ends the list. */
static inline void pack_files(const char *suffix, const char *const *files)
{
        const char *argv[32] = {0};
        struct sv_err err = SV_ERR_NULL;
        size_t n = 0;

        if (!strcmp(suffix, ".gz"))
                argv[n++] = "gzip";
        else if (!strcmp(suffix, ".xz"))
                argv[n++] = "xz", argv[n++] = "--check=crc32"; /* as the kernel's build does */
        else
                argv[n++] = "zstd", argv[n++] = "-q", argv[n++] = "--rm";
        for (; *files && n < 31; files++)
                argv[n++] = *files;
        OK(sv_run(argv, "test", &err));
}
