/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/volumes.h"

#include "base/core/limits.h"
#include "ovmf/lzma.h"

#define FLASH_BLOCK 0x1000 /* volumes of an image begin at multiples of this */

/* EE4E5898-3914-4259-9D6E-DC7BD79403CF: LZMA (edk2 MdeModulePkg/Include/Guid/LzmaDecompress.h) */
static const uint8_t lzma_guid[16] = {0x98, 0x58, 0x4e, 0xee, 0x14, 0x39, 0x59, 0x42,
                                      0x9d, 0x6e, 0xdc, 0x7b, 0xd7, 0x94, 0x03, 0xcf};

void sv_volumes_free(struct sv_volumes *v)
{
        sv_buf_free(&v->store);
        *v = (struct sv_volumes){0};
}

/* The first compressed section of the first volume file: 1 found, 0 not. */
static int find_packed_section(const struct sv_fv *fv, struct sv_bytes *out, struct sv_err *err)
{
        struct sv_ffs file;
        size_t pos = 0;
        int r;

        while ((r = sv_ffs_next(fv, &pos, &file, err)) > 0) {
                struct sv_section s;
                size_t at = 0;

                if (file.type != SV_FFS_VOLUME)
                        continue;
                while ((r = sv_section_next(file.body, &at, &s, err)) > 0)
                        if (s.type == SV_SECTION_GUIDED && memcmp(s.guid, lzma_guid, 16) == 0) {
                                *out = s.body;
                                return 1;
                        }
                if (r < 0)
                        return -1;
        }
        return r;
}

/* PEIFV is the first volume section, DXEFV the second. */
static int split_volumes(struct sv_bytes sections, struct sv_volumes *v, struct sv_err *err)
{
        struct sv_fv *want[] = {&v->pei, &v->dxe};
        struct sv_section s;
        size_t pos = 0, n = 0;
        int r;

        while (n < 2 && (r = sv_section_next(sections, &pos, &s, err)) > 0)
                if (s.type == SV_SECTION_VOLUME && sv_fv_parse(s.body, want[n++], err) < 0)
                        return -1;
        if (n == 2)
                return 0;
        return r < 0 ? -1
                     : sv_fail(err, SV_FORMAT, "ovmf.volumes",
                               "the compressed part of the firmware holds %zu volumes, expected 2",
                               n);
}

int sv_volumes_read(struct sv_bytes firmware, struct sv_volumes *out, struct sv_err *err)
{
        SV_VOLUMES v = {0};

        for (size_t at = 0; at < firmware.n; at += FLASH_BLOCK) {
                struct sv_bytes here = sv_bytes(firmware.p + at, firmware.n - at),
                                packed = SV_BYTES_NULL;
                struct sv_fv fv;
                int found;

                if (!sv_fv_here(here))
                        continue;
                if (sv_fv_parse(here, &fv, err) < 0 ||
                    (found = find_packed_section(&fv, &packed, err)) < 0)
                        return -1;
                if (!found)
                        continue;
                if (sv_lzma_decode(packed, SV_FIRMWARE_SIZE_MAX, &v.store, err) < 0 ||
                    split_volumes(sv_buf_bytes(&v.store), &v, err) < 0)
                        return -1;
                *out = v;
                v = (struct sv_volumes){0};
                return 0;
        }
        return sv_fail(err, SV_FORMAT, "ovmf.volumes",
                       "no compressed firmware volumes: not an OVMF image (or one with SEV or TDX "
                       "only parts)");
}
