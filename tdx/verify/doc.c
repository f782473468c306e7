/* SPDX-License-Identifier: Apache-2.0 */
/* Intel's signed JSON documents: form, signature, dates. What they say is tdx/verify/tcb.c. */
#include <stdio.h>

#include "base/core/text.h"
#include "tdx/verify/tcb.h"

static int read_doc_date(const struct sv_json *body, const char *member, int64_t *out,
                         const char *check, struct sv_err *err)
{
        const char *text;
        char name[64];

        if (sv_json_need_str(body, member, &text, check, err) < 0)
                return -1;
        snprintf(name, sizeof(name), "%s.member", check);
        if (sv_parse_moment(text, out, name, err) < 0)
                return sv_fail(err, SV_FORMAT, name,
                               "member \"%s\": a time was expected, found \"%.40s\"", member, text);
        return 0;
}

static int fill_doc(struct sv_bytes text, const char *body, const char *check, struct sv_tcb_doc *d,
                    struct sv_err *err)
{
        SV_BUF signature = SV_BUF_NULL;
        SV_BUF pointer = SV_BUF_NULL;
        char name[64];

        if (sv_json_parse(text, check, &d->whole, err) < 0 ||
            sv_json_need_obj(d->whole, body, &d->body, check, err) < 0 ||
            sv_json_need_hex(d->whole, "signature", &signature, check, err) < 0)
                return -1;
        snprintf(name, sizeof(name), "%s.member", check);
        if (signature.n != sizeof(d->signature))
                return sv_fail(err, SV_FORMAT, name,
                               "member \"signature\": 64 bytes were expected, found %zu",
                               signature.n);
        memcpy(d->signature, signature.p, sizeof(d->signature));
        sv_buf_printf(&pointer, "/%s", body);
        d->raw = sv_json_raw(text, sv_buf_str(&pointer));
        return read_doc_date(d->body, "issueDate", &d->issued, check, err) < 0
                       ? -1
                       : read_doc_date(d->body, "nextUpdate", &d->next_update, check, err);
}

int sv_tcb_doc_parse(struct sv_bytes text, const char *body, const char *check,
                     struct sv_tcb_doc *out, struct sv_err *err)
{
        struct sv_tcb_doc d = {0};

        if (fill_doc(text, body, check, &d, err) < 0) {
                sv_tcb_doc_free(&d);
                return -1;
        }
        *out = d;
        return 0;
}

void sv_tcb_doc_free(struct sv_tcb_doc *d)
{
        sv_json_free(d->whole);
        *d = (struct sv_tcb_doc){0};
}

int sv_tcb_doc_verify(const struct sv_tcb_doc *d, const struct sv_cert *signer, const char *check,
                      struct sv_err *err)
{
        SV_KEY *key = sv_cert_key(signer, err);
        struct sv_bytes sig = sv_bytes(d->signature, sizeof(d->signature));
        SV_BUF compact = SV_BUF_NULL;
        struct sv_err why = SV_ERR_NULL;
        char name[64];

        if (!key)
                return -1;
        snprintf(name, sizeof(name), "%s.signature", check);
        if (sv_key_type(key) != SV_KEY_P256)
                return sv_fail(err, SV_PROOF, name, "the TCB signing key is not on P-256");
        if (sv_verify_sig(key, SV_ECDSA_SHA256, d->raw, sig, name, NULL) == 0)
                return 0;
        sv_json_print(d->body, &compact);
        if (sv_buf_ok(&compact, "collateral", err) < 0)
                return -1;
        if (sv_verify_sig(key, SV_ECDSA_SHA256, sv_buf_bytes(&compact), sig, name, &why) == 0)
                return 0;
        if (why.class != SV_PROOF) {
                if (err)
                        *err = why;
                return -1;
        }
        return sv_fail(err, SV_PROOF, name,
                       "the document is not what \"Intel SGX TCB Signing\" signed, as it stands or "
                       "in compact form: it was changed on the way; fetch it anew "
                       "(secure-vm collateral fetch)");
}

int sv_tcb_doc_current(const struct sv_tcb_doc *d, int64_t time, const char *check,
                       struct sv_err *err)
{
        char name[64], from[32], to[32], now[32];

        if (time >= d->issued && time <= d->next_update)
                return 0;
        snprintf(name, sizeof(name), "%s.expired", check);
        return sv_fail(err, SV_PROOF, name,
                       "valid from %s to %s, verified as of %s: fetch it anew (secure-vm "
                       "collateral fetch)",
                       sv_format_time(d->issued, from), sv_format_time(d->next_update, to),
                       sv_format_time(time, now));
}
