/* SPDX-License-Identifier: Apache-2.0 */
/* proves: the table of hashes is written into its page and nowhere else, wherever the firmware says
 *         that it is; each hash stands at its place, and a place without room is refused.
 * for:    every section of one page and every table that the firmware names; the contents at the
 *         first and the last place
 * stubs:  texts of errors; the bytes of GUIDs
 * unwind: 65
 * options: --arrays-uf-never
 * fault:  `s->len - SV_HASH_TABLE_SIZE` => `s->len`
 * fault:  `meta->hash_size < SV_HASH_TABLE_SIZE` => `0`
 */
#include "proof.h"
#include "stub_err.h"

#include "ovmf/hashtable.c"

static uint8_t page[SV_PAGE];
static struct sv_sev_section section;
static struct sv_sev_meta meta;
static bool only_place;

const struct sv_sev_section *sv_sev_meta_find(const struct sv_sev_meta *m,
                                              enum sv_sev_section_type type)
{
        PROVE(type == SV_SEV_SEC_KERNEL_HASHES);
        return &section;
}

/* The first thing that is written: where it is says where all of it is. */
void sv_guid_raw(const char *text, uint8_t raw[16])
{
        if (only_place) {
                PROVE(raw >= page && raw - page <= SV_PAGE - 168 && meta.hash_size >= 168);
                ASSUME(false);
        }
        raw[0] = raw[15] = (uint8_t)text[0];
}

static void any_place(struct sv_sev_meta *m)
{
        only_place = true;
        section.gpa = nondet_u32() & ~4095u;
        ASSUME(section.gpa <= UINT32_MAX - SV_PAGE);
        m->hash_gpa = nondet_u32();
        m->hash_size = nondet_u32();
        m->has_hash_table = nondet_bool();
        PROVE(sv_hash_table_page(m, &(struct sv_boot_hashes){{0}}, page, NULL) < 0);
        PROVE(failed_check);
}

static void contents(struct sv_sev_meta *m, size_t at)
{
        struct sv_boot_hashes hashes;
        size_t i = any_below(32);

        section.gpa = 0x80d000;
        m->hash_gpa = 0x80d000 + (uint32_t)at;
        m->hash_size = 1024;
        m->has_hash_table = true;
        PROVE(sv_hash_table_page(m, &hashes, page, NULL) == 0);
        PROVE(page[at + 16] == 168 && page[at + 17] == 0);
        PROVE(page[at + 36 + i] == hashes.cmdline[i]);
        PROVE(page[at + 86 + i] == hashes.initrd[i]);
        PROVE(page[at + 136 + i] == hashes.kernel[i]);
}

void prove(void)
{
        section.len = SV_PAGE; /* ovmf_sevmeta.c proves it */
        switch (nondet_u8()) {
        case 0:
                contents(&meta, 0);
                break;
        case 1:
                contents(&meta, SV_PAGE - SV_HASH_TABLE_SIZE);
                break;
        default:
                any_place(&meta);
        }
}
