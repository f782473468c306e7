/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/shim.h"

#include <stdio.h>
#include <stdlib.h>

/* the level before there were any revocations, set without Secure Boot */
#define SBAT_ORIGINAL "sbat,1,2021030218\n"

/* SHIM_LOCK_GUID, as in memory: the namespace of its variables, and the owner of its certificate.
 */
static const uint8_t shim_lock[16] = {0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43,
                                      0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23};

static struct sv_bytes read_text_at(struct sv_bytes b, size_t at)
{
        return at < b.n ? sv_bytes(b.p + at, strnlen((const char *)b.p + at, b.n - at))
                        : SV_BYTES_NULL;
}

/* A section that every shim of the known versions has. */
static int find_shim_section(struct sv_bytes image, const char *name, struct sv_bytes *out,
                             struct sv_err *err)
{
        int found = sv_pe_section(image, name, out, err);

        if (found == 0)
                return sv_fail(err, SV_FORMAT, "ovmf.shim",
                               "a section %s was expected, found none: this is no shim, or one "
                               "older than 15.7",
                               name);
        return found < 0 ? -1 : 0;
}

/* .vendor_cert (cert.S): sizes of both, then where they lie, from the section's beginning. */
static int read_shim_keys(struct sv_bytes image, struct sv_shim *out, struct sv_err *err)
{
        struct sv_bytes *const parts[] = {&out->authorized, &out->deauthorized};
        struct sv_bytes bytes;
        uint32_t size[2], at[2];
        struct sv_rd r;

        if (find_shim_section(image, ".vendor_cert", &bytes, err) < 0)
                return -1;
        r = sv_rd(bytes);
        for (int i = 0; i < 2; i++)
                size[i] = sv_rd_u32le(&r);
        for (int i = 0; i < 2; i++)
                at[i] = sv_rd_u32le(&r);
        for (int i = 0; i < 2; i++) {
                sv_rd_seek(&r, size[i] ? at[i] : 0);
                *parts[i] = sv_rd_bytes(&r, size[i]);
        }
        return sv_rd_ok(&r, "ovmf.shim", "the section .vendor_cert", err);
}

/* .sbatlevel (sbat_var.S): version 0, then where the texts lie, from behind the version: the usual
 * level, and the strictest. */
static int read_shim_level(struct sv_bytes image, struct sv_shim *out, struct sv_err *err)
{
        struct sv_bytes bytes;
        struct sv_rd r;
        uint32_t version, at;

        if (find_shim_section(image, ".sbatlevel", &bytes, err) < 0)
                return -1;
        r = sv_rd(bytes);
        version = sv_rd_u32le(&r);
        at = sv_rd_u32le(&r);
        out->sbat_level = read_text_at(bytes, (size_t)at + 4);
        if (r.bad || version != 0 || out->sbat_level.n < 5 ||
            memcmp(out->sbat_level.p, "sbat,", 5) != 0)
                return sv_fail(err, SV_FORMAT, "ovmf.shim",
                               "the section .sbatlevel holds no level in its version 0");
        return 0;
}

/* Digits, at most as many as a version has, and what follows them unless that is NUL. */
static bool read_version_part(const char *at, char follows, const char **end, unsigned *out)
{
        size_t n = strspn(at, "0123456789");

        if (!n || n > 4 || (follows && at[n] != follows))
                return false;
        *out = (unsigned)strtoul(at, NULL, 10);
        *end = at + n + 1;
        return true;
}

static int read_shim_version(struct sv_bytes image, struct sv_shim *out, struct sv_err *err)
{
        struct sv_bytes bytes;
        static const char name[] = "UEFI SHIM\n$Version: ";
        const char *end;
        char text[64] = "";

        if (find_shim_section(image, ".data.ident", &bytes, err) < 0)
                return -1;
        snprintf(text, sizeof(text), "%.*s",
                 (int)(bytes.n < sizeof(text) ? bytes.n : sizeof(text) - 1), (const char *)bytes.p);
        if (strncmp(text, name, strlen(name)) != 0 ||
            !read_version_part(text + strlen(name), '.', &end, &out->major) ||
            !read_version_part(end, '\0', &end, &out->minor))
                return sv_fail(err, SV_FORMAT, "ovmf.shim",
                               "the section .data.ident was expected to say the shim's version");
        return 0;
}

int sv_shim_read(struct sv_bytes image, struct sv_shim *out, struct sv_err *err)
{
        struct sv_shim s = {.major = 0};

        if (read_shim_keys(image, &s, err) < 0 || read_shim_level(image, &s, err) < 0 ||
            read_shim_version(image, &s, err) < 0)
                return -1;
        *out = s;
        return 0;
}

const char *sv_shim_unknown(const struct sv_shim *shim, const struct sv_varstore *s)
{
        static const char *const variables[] = {"SbatLevel",  "SbatPolicy",     "MokSBState",
                                                "MokDBState", "MokListTrusted", "MokPolicy"};

        if ((shim->major != 15 || shim->minor < 7) && shim->major != 16)
                return "what a shim of its version measures is not known; versions 15.7 to 16 are";
        for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
                if (sv_varstore_get(s, shim_lock, variables[i]))
                        return "the firmware's variables hold settings of a shim's own, which "
                               "change what it measures";
        return NULL;
}

/* MokList as it is mirrored: what the shim was built with, then what the machine's owner has added.
 */
static int make_mok_list(const struct sv_shim *shim, const struct sv_varstore *s, const char *name,
                         struct sv_bytes own, struct sv_buf *out, struct sv_err *err)
{
        const struct sv_variable *added = sv_varstore_get(s, shim_lock, name);
        static const uint8_t none[32]; /* a list must not be empty */

        /* a certificate, no list: no type of signature begins like this */
        if (own.n && own.p[0] == 0x30)
                sv_siglist_put(out, sv_guid_cert_x509, shim_lock, own);
        else
                sv_buf_put(out, own);
        if (added)
                sv_buf_put(out, added->data);
        if (!out->n)
                sv_siglist_put(out, sv_guid_cert_sha256, shim_lock, sv_bytes(none, sizeof(none)));
        return sv_buf_ok(out, "a shim's list of keys", err);
}

int sv_event_shim_lists(struct sv_prediction *p, unsigned reg, const struct sv_shim *shim,
                        const struct sv_varstore *s, struct sv_err *err)
{
        const struct {
                const char *name;
                struct sv_bytes own;
        } lists[] = {{"MokList", shim->authorized}, {"MokListX", shim->deauthorized}};

        for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
                SV_BUF list = SV_BUF_NULL;

                if (make_mok_list(shim, s, lists[i].name, lists[i].own, &list, err) < 0 ||
                    sv_event_data(p, reg, SV_EV_IPL, sv_buf_bytes(&list), err,
                                  "shim %u.%u: %s, %zu bytes", shim->major, shim->minor,
                                  lists[i].name, list.n) < 0)
                        return -1;
        }
        return sv_event_data(p, reg, SV_EV_IPL, sv_bytes("\1", 1), err,
                             "shim %u.%u: MokListTrusted", shim->major, shim->minor);
}

int sv_event_shim_level(struct sv_prediction *p, unsigned reg, const struct sv_shim *shim,
                        bool secure_boot, struct sv_err *err)
{
        return sv_event_variable(p, reg, SV_EV_EFI_VARIABLE_AUTHORITY, shim_lock, "SbatLevel",
                                 secure_boot ? shim->sbat_level : sv_bytes_str(SBAT_ORIGINAL), err);
}

/* For each signature: db, then its own list; a digest before a certificate (verify.c). */
static int find_signer(const struct sv_signed_image *image, const struct sv_authenticode *a,
                       struct sv_bytes list, struct sv_bytes *entry, struct sv_err *err)
{
        int r = sv_list_has_digest(list, &image->pe, SV_SHA256, entry, err);

        return r || !a ? r : sv_list_has_signer(list, a, true, entry, err);
}

int sv_shim_authority(const struct sv_shim *shim, const struct sv_varstore *s,
                      const struct sv_signed_image *image, struct sv_authority *out,
                      struct sv_err *err)
{
        const struct sv_variable *db = sv_varstore_get(s, sv_guid_security, "db");
        SV_BUF mok = SV_BUF_NULL;

        if (make_mok_list(shim, s, "MokList", shim->authorized, &mok, err) < 0)
                return -1;

        const struct {
                const char *name;
                const uint8_t *guid;
                struct sv_bytes list;
        } lists[] = {{"db", sv_guid_security, db ? db->data : SV_BYTES_NULL},
                     {"MokListRT", shim_lock, sv_buf_bytes(&mok)}};

        for (size_t k = 0; k < (image->n ? image->n : 1); k++)
                for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
                        struct sv_bytes entry;
                        int r = find_signer(image, image->n ? image->signatures[k] : NULL,
                                            lists[i].list, &entry, err);

                        if (r)
                                return r < 0 ? -1
                                             : sv_authority_take(out, lists[i].name, lists[i].guid,
                                                                 entry, err);
                }
        return 0;
}
