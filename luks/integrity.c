/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/integrity.h"

#include "luks/crypt.h"

#define SECTOR       512u
#define START        (SV_LUKS_DATA_OFFSET / SECTOR) /* sectors before the superblock */
#define SUPER        (SV_INTEGRITY_SUPERBLOCK / SECTOR)
#define SPB          (SV_INTEGRITY_BLOCK / SECTOR) /* sectors per block */
#define AREA         (SV_INTEGRITY_AREA * SPB)
#define TAGS         (SV_INTEGRITY_AREA * SV_INTEGRITY_TAG / SECTOR)
#define ENTRIES      8u /* sectors of entries in a section of the journal */
#define ENTRY_SIZE   104u
#define PER_SECTOR   4u /* entries: a sector has 504 bytes for them */
#define SECTION      (ENTRIES + ENTRIES * PER_SECTOR * SPB)
#define JOURNAL_PART 128u /* of the device, but not above: */
#define JOURNAL_MAX  131072u
#define VERSION      4 /* the kernel's number for what follows from FIX_PADDING */
#define FIX_PADDING  8 /* tags of an area take whole blocks, not whole 128 KiB */
#define COMMIT_ID    0x1111111111111111ull

static uint64_t data_start(const struct sv_integrity *i)
{
        return START + SUPER + (uint64_t)i->sections * SECTION;
}

/* The kernel counts the whole disk here, the LUKS2 header too. */
static uint32_t choose_sections(uint64_t sectors)
{
        uint64_t journal = sectors / JOURNAL_PART;

        if (journal > JOURNAL_MAX)
                journal = JOURNAL_MAX;
        return journal < SECTION ? 1 : (uint32_t)(journal / SECTION);
}

/* A larger image may have a larger journal, and so be larger. */
uint64_t sv_integrity_for(uint64_t blocks, struct sv_integrity *out)
{
        struct sv_integrity i = {.sections = 1, .blocks = blocks};
        uint64_t areas = (blocks + SV_INTEGRITY_AREA - 1) / SV_INTEGRITY_AREA, sectors;

        for (;;) {
                sectors = data_start(&i) + areas * TAGS + blocks * SPB;
                if (choose_sections(sectors) == i.sections)
                        break;
                i.sections = choose_sections(sectors);
        }
        *out = i;
        return sectors * SECTOR;
}

/* By trying: the number of sections steps, and with it what is left for data. */
uint64_t sv_integrity_room(uint64_t size)
{
        uint64_t below = 0, above = size / SV_INTEGRITY_BLOCK + 1;
        struct sv_integrity i;

        while (above - below > 1) {
                uint64_t middle = below + (above - below) / 2;

                if (sv_integrity_for(middle, &i) <= size)
                        below = middle;
                else
                        above = middle;
        }
        return below;
}

void sv_integrity_superblock(const struct sv_integrity *i, uint8_t *out)
{
        memset(out, 0, SV_INTEGRITY_SUPERBLOCK);
        memcpy(out, "integrt", 8);
        out[8] = VERSION;
        out[9] = 15; /* log2 of AREA */
        sv_bytes_put_le(out + 10, SV_INTEGRITY_TAG, 2);
        sv_bytes_put_le(out + 12, i->sections, 4);
        sv_bytes_put_le(out + 16, i->blocks * SPB, 8);
        sv_bytes_put_le(out + 24, FIX_PADDING, 4);
        out[28] = 3;  /* log2 of SPB */
        out[29] = 12; /* log2 of the blocks that a bit of a bitmap is for: the kernel writes it
                         although there is no bitmap */
}

int sv_integrity_check(struct sv_bytes superblock, uint64_t blocks, struct sv_err *err)
{
        uint8_t expected[SV_INTEGRITY_SUPERBLOCK];
        struct sv_integrity i;
        size_t at = 0;

        sv_integrity_for(blocks, &i);
        sv_integrity_superblock(&i, expected);
        while (at < sizeof(expected) && at < superblock.n && superblock.p[at] == expected[at])
                at++;
        if (superblock.n == sizeof(expected) && at == sizeof(expected))
                return 0;
        return sv_fail(err, SV_PROOF, "disk.superblock",
                       "the disk's dm-integrity superblock is not that of a disk of %llu blocks "
                       "with %u sections of journal: byte %zu differs; somebody changed the disk",
                       (unsigned long long)blocks, i.sections, at);
}

uint64_t sv_integrity_journal_size(const struct sv_integrity *i)
{
        return (uint64_t)i->sections * SECTION * SECTOR;
}

/* The commit id of each sector is the first of the four sequence's, xor its place; an entry without
 * a block has a block number whose upper half is all ones. */
void sv_integrity_journal_sector(uint64_t n, uint8_t *out)
{
        uint64_t section = n / SECTION, sector = n % SECTION;

        memset(out, 0, SECTOR);
        for (unsigned e = 0; sector < ENTRIES && e < PER_SECTOR; e++)
                memset(out + e * ENTRY_SIZE + 4, 0xff, 4);
        sv_bytes_put_le(out + SECTOR - 8, COMMIT_ID ^ (section << 32 | sector), 8);
}

uint64_t sv_integrity_data_at(const struct sv_integrity *i, uint64_t n)
{
        uint64_t area = n / SV_INTEGRITY_AREA;

        return (data_start(i) + (area + 1) * TAGS + n * SPB) * SECTOR;
}

uint64_t sv_integrity_tags_at(const struct sv_integrity *i, uint64_t area)
{
        return (data_start(i) + area * (TAGS + AREA)) * SECTOR;
}
