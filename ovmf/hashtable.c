/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/hashtable.h"

#include "base/crypto/crypto.h"

int sv_boot_hashes(const char *kernel, const char *initrd, const char *cmdline,
                   struct sv_boot_hashes *out, struct sv_err *err)
{
        struct sv_boot_hashes h;
        const char *line = cmdline ? cmdline : "";
        uint64_t size;

        if (sv_digest_file(SV_SHA256, kernel, h.kernel, &size, err) < 0)
                return -1;
        if (initrd ? sv_digest_file(SV_SHA256, initrd, h.initrd, &size, err) < 0
                   : sv_digest(SV_SHA256, SV_BYTES_NULL, h.initrd, err) < 0)
                return -1;
        if (sv_digest(SV_SHA256, sv_bytes(line, strlen(line) + 1), h.cmdline, err) < 0)
                return -1;
        *out = h;
        return 0;
}

static uint8_t *put_table_head(uint8_t *at, const char *guid, uint16_t size)
{
        sv_guid_raw(guid, at);
        at[16] = (uint8_t)size;
        at[17] = (uint8_t)(size >> 8);
        return at + 18;
}

static uint8_t *put_hash_entry(uint8_t *at, const char *guid, const uint8_t hash[32])
{
        at = put_table_head(at, guid, 50);
        memcpy(at, hash, 32);
        return at + 32;
}

int sv_hash_table_page(const struct sv_sev_meta *meta, const struct sv_boot_hashes *hashes,
                       uint8_t page[SV_PAGE], struct sv_err *err)
{
        const struct sv_sev_section *s = sv_sev_meta_find(meta, SV_SEV_SEC_KERNEL_HASHES);
        uint8_t *at;

        if (!s || !meta->has_hash_table)
                return sv_fail(err, SV_FORMAT, "ovmf.sev.hashes",
                               "a kernel is given, but this firmware has no %s, so it could not "
                               "check the kernel; use an AmdSev build of OVMF",
                               s ? "SEV_HASH_TABLE_RV entry" : "SNP_KERNEL_HASHES section");
        if (meta->hash_gpa < s->gpa || meta->hash_gpa - s->gpa > s->len - SV_HASH_TABLE_SIZE ||
            meta->hash_size < SV_HASH_TABLE_SIZE)
                return sv_fail(err, SV_FORMAT, "ovmf.sev.hashes",
                               "the firmware's hash table (%u bytes at 0x%x) does not hold %u "
                               "bytes inside its section (0x%x to 0x%x)",
                               meta->hash_size, meta->hash_gpa, SV_HASH_TABLE_SIZE, s->gpa,
                               s->gpa + s->len);
        memset(page, 0, SV_PAGE);
        at = put_table_head(page + (meta->hash_gpa - s->gpa),
                            "9438d606-4f22-4cc9-b479-a793d411fd21", 168);
        at = put_hash_entry(at, "97d02dd8-bd20-4c94-aa78-e7714d36ab2a", hashes->cmdline);
        at = put_hash_entry(at, "44baf731-3a2f-4bd7-9af1-41e29169781d", hashes->initrd);
        put_hash_entry(at, "4de79437-abd2-427f-b835-d5b172d2045b", hashes->kernel);
        return 0;
}
