/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/authority.h"

#include <stdio.h>

static bool signs_image(const struct sv_authenticode *a, const struct sv_pe *pe)
{
        uint8_t digest[SV_DIGEST_MAX];
        struct sv_bytes said;
        enum sv_digest alg = sv_authenticode_digest(a, &said);

        return sv_pe_digest(pe, alg, digest, NULL) == 0 && memcmp(said.p, digest, said.n) == 0;
}

int sv_signed_image_read(struct sv_bytes image, struct sv_signed_image *out, struct sv_err *err)
{
        struct sv_bytes found[SV_PE_SIGNATURES_MAX];
        size_t n;

        *out = (struct sv_signed_image){.n = 0};
        if (sv_pe_parse(image, &out->pe, err) < 0 || sv_pe_signatures(image, found, &n, err) < 0)
                return -1;
        for (size_t i = 0; i < n; i++) {
                struct sv_authenticode *a =
                        sv_authenticode_read(found[i], "ovmf.pe.signature", NULL);

                if (a && signs_image(a, &out->pe)) {
                        out->signatures[out->n++] = a;
                } else {
                        sv_authenticode_free(a);
                        out->n_others++;
                }
        }
        return 0;
}

void sv_signed_image_free(struct sv_signed_image *i)
{
        for (size_t k = 0; k < i->n; k++)
                sv_authenticode_free(i->signatures[k]);
        i->n = 0;
}

void sv_signed_image_by(const struct sv_signed_image *i, char out[256])
{
        size_t at;

        snprintf(out, 256, "%s",
                 i->n          ? "signed by"
                 : i->n_others ? "signed for other contents"
                               : "not signed");
        for (size_t k = 0; k < i->n; k++) {
                char name[256];

                sv_authenticode_signer(i->signatures[k], name);
                at = strlen(out);
                snprintf(out + at, 256 - at, "%s \"%.80s\"", k ? "," : "",
                         *name ? name : "nobody by name");
        }
}

int sv_list_has_signer(struct sv_bytes lists, const struct sv_authenticode *a, bool first_only,
                       struct sv_bytes *entry, struct sv_err *err)
{
        struct sv_siglist l = sv_siglist(lists);
        struct sv_signature s;
        int more;

        while ((more = sv_siglist_next(&l, &s, err)) > 0)
                if (memcmp(s.type, sv_guid_cert_x509, 16) == 0 && (s.first || !first_only) &&
                    sv_authenticode_chains(a, s.data)) {
                        *entry = s.entry;
                        return 1;
                }
        return more;
}

int sv_list_has_digest(struct sv_bytes lists, const struct sv_pe *pe, enum sv_digest alg,
                       struct sv_bytes *entry, struct sv_err *err)
{
        const uint8_t *type = alg == SV_SHA256   ? sv_guid_cert_sha256
                              : alg == SV_SHA384 ? sv_guid_cert_sha384
                                                 : sv_guid_cert_sha512;
        struct sv_siglist l = sv_siglist(lists);
        uint8_t digest[SV_DIGEST_MAX];
        struct sv_signature s;
        int more;

        if (sv_pe_digest(pe, alg, digest, err) < 0)
                return -1;
        while ((more = sv_siglist_next(&l, &s, err)) > 0)
                if (memcmp(s.type, type, 16) == 0 && s.data.n == sv_digest_size(alg) &&
                    memcmp(s.data.p, digest, s.data.n) == 0) {
                        *entry = s.entry;
                        return 1;
                }
        return more;
}

/* One signature: 1 allowed, 0 not, 2 forbidden (no other signature is looked at then). */
static int judge_signature(struct sv_bytes db, struct sv_bytes dbx, const struct sv_pe *pe,
                           const struct sv_authenticode *a, struct sv_bytes *entry,
                           struct sv_err *err)
{
        struct sv_bytes revoked, digest;
        enum sv_digest alg = sv_authenticode_digest(a, &digest);
        int bad = sv_list_has_signer(dbx, a, false, &revoked, err), good;

        if (bad == 0)
                bad = sv_list_has_digest(dbx, pe, alg, &revoked, err);
        if (bad)
                return bad < 0 ? -1 : 2;
        good = sv_list_has_signer(db, a, false, entry, err);
        return good ? good : sv_list_has_digest(db, pe, alg, entry, err);
}

void sv_authority_free(struct sv_authority *a)
{
        sv_buf_free(&a->entry);
        *a = (struct sv_authority){.name = NULL};
}

int sv_authority_take(struct sv_authority *out, const char *name, const uint8_t guid[16],
                      struct sv_bytes entry, struct sv_err *err)
{
        SV_BUF copy = SV_BUF_NULL;

        sv_buf_put(&copy, entry);
        if (sv_buf_ok(&copy, "an entry of a list of signatures", err) < 0)
                return -1;
        *out = (struct sv_authority){name, guid, copy};
        copy = (struct sv_buf){0};
        return 1;
}

int sv_event_authority(struct sv_prediction *p, unsigned reg, const struct sv_authority *a,
                       struct sv_err *err)
{
        return sv_event_variable(p, reg, SV_EV_EFI_VARIABLE_AUTHORITY, a->guid, a->name,
                                 sv_buf_bytes(&a->entry), err);
}

static struct sv_bytes get_security_variable(const struct sv_varstore *s, const char *name)
{
        const struct sv_variable *v = sv_varstore_get(s, sv_guid_security, name);

        return v ? v->data : SV_BYTES_NULL;
}

int sv_firmware_authority(const struct sv_varstore *s, const struct sv_signed_image *i,
                          struct sv_authority *out, struct sv_err *err)
{
        struct sv_bytes db = get_security_variable(s, "db"), dbx = get_security_variable(s, "dbx"),
                        entry;
        int r = 0;

        for (size_t k = 0; k < i->n && r == 0; k++)
                r = judge_signature(db, dbx, &i->pe, i->signatures[k], &entry, err);
        /* only an image without any signature is looked up by its digest alone */
        if (i->n + i->n_others == 0) {
                r = sv_list_has_digest(dbx, &i->pe, SV_SHA256, &entry, err);
                r = r ? r < 0 ? -1 : 2 : sv_list_has_digest(db, &i->pe, SV_SHA256, &entry, err);
        }
        return r == 1 ? sv_authority_take(out, "db", sv_guid_security, entry, err) : r == 2 ? 0 : r;
}
