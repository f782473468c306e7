/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/verify/ek.h"

#include "base/crypto/der.h"

#define OID_EK_CERTIFICATE "2.23.133.8.1" /* tcg-kp-EKCertificate */
#define OID_SAN            "2.5.29.17"

#define DER_DIRECTORY 0xa4 /* GeneralName directoryName [4], constructed */

/* AttributeTypeAndValue ::= SEQUENCE { type OID, value } of the TCG's three names, 2.23.133.2.1 to
 * .3. */
static void read_directory_attribute(struct sv_rd attribute, struct sv_vtpm_ek *out)
{
        static const uint8_t tcg_at[] = {0x67, 0x81, 0x05, 0x02};
        char *const names[] = {out->manufacturer, out->model, out->version};
        uint8_t tag, value_tag;
        struct sv_rd oid = sv_der_element(&attribute, &tag);
        struct sv_rd value = sv_der_element(&attribute, &value_tag);
        struct sv_bytes type = sv_rd_rest(&oid), text = sv_rd_rest(&value);
        unsigned which = type.n == 5 ? type.p[4] : 0;

        if (attribute.bad || tag != SV_DER_OID || which < 1 || which > 3 ||
            memcmp(type.p, tcg_at, sizeof(tcg_at)) || text.n >= sizeof(out->model))
                return;
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] < 0x20 || text.p[i] > 0x7e)
                        return;
        memcpy(names[which - 1], text.p, text.n);
        names[which - 1][text.n] = 0;
}

/* Name ::= SEQUENCE OF RelativeDistinguishedName; that ::= SET OF AttributeTypeAndValue. */
static void read_directory_name(struct sv_rd name, struct sv_vtpm_ek *out)
{
        while (sv_rd_left(&name)) {
                uint8_t tag;
                struct sv_rd set = sv_der_element(&name, &tag);

                while (tag == SV_DER_SET && sv_rd_left(&set)) {
                        struct sv_rd attribute = sv_der_element(&set, &tag);

                        if (tag == SV_DER_SEQUENCE)
                                read_directory_attribute(attribute, out);
                        tag = SV_DER_SET;
                }
        }
}

int sv_vtpm_ek_names(struct sv_bytes san, struct sv_vtpm_ek *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(san);
        uint8_t tag;
        struct sv_rd names = sv_der_element(&r, &tag);

        if (r.bad || tag != SV_DER_SEQUENCE || sv_rd_left(&r))
                return sv_fail(err, SV_FORMAT, "vtpm.ek.san",
                               "the EK certificate's subjectAltName is not one DER sequence");
        while (sv_rd_left(&names)) {
                struct sv_rd general = sv_der_element(&names, &tag);

                if (tag == DER_DIRECTORY) {
                        struct sv_rd name = sv_der_element(&general, &tag);

                        if (tag == SV_DER_SEQUENCE)
                                read_directory_name(name, out);
                }
        }
        if (!out->manufacturer[0] || !out->model[0] || !out->version[0])
                return sv_fail(err, SV_PROOF, "vtpm.ek.san",
                               "the EK certificate's subjectAltName lacks the TPM's manufacturer, "
                               "model or version (2.23.133.2.1 to .3)");
        return 0;
}

static int add_certs(const struct sv_collateral *collateral, const char *kind, struct sv_certs *out,
                     struct sv_err *err)
{
        struct sv_bytes data;

        for (size_t i = 0; sv_collateral_get(collateral, kind, i, &data); i++)
                if (sv_certs_parse(data, out, "vtpm.ek.collateral", err) < 0)
                        return sv_wrap(err, "collateral \"%s\" number %zu", kind, i);
        return 0;
}

static int copy_certs(const struct sv_certs *from, struct sv_certs *to, struct sv_err *err)
{
        for (size_t i = 0; i < from->n; i++) {
                SV_BUF der = SV_BUF_NULL;
                struct sv_cert *copy;

                if (sv_cert_der(from->list[i], &der, err) < 0 ||
                    !(copy = sv_cert_from_der(sv_buf_bytes(&der), "vtpm.ek.chain", err)) ||
                    sv_certs_add(to, copy, err) < 0)
                        return -1;
        }
        return 0;
}

static int name_missing_root(const struct sv_err *why, struct sv_err *err)
{
        if (strcmp(why->check, "vtpm.ek.chain"))
                return sv_fail(err, why->class, why->check, "%s", why->msg);
        return sv_fail(err, why->class, why->check,
                       "%.300s: its maker is not among the trusted ek_roots; if this is a host of "
                       "yours, run \"secure-vm host vtpm-ca --export FILE\" there, name FILE in "
                       "the guest file's attestation.ek_roots, with those of the other hosts, and "
                       "put the policy again",
                       why->msg);
}

int sv_vtpm_ek_chain(const struct sv_cert *leaf, const struct sv_certs *issuers,
                     const struct sv_collateral *collateral, int64_t time, struct sv_vtpm_ek *out,
                     struct sv_err *err)
{
        SV_CERTS roots = {0};
        SV_CERTS between = {0};
        struct sv_err why;
        size_t root;

        if (add_certs(collateral, "ek-root", &roots, err) < 0 ||
            add_certs(collateral, "ek-intermediate", &between, err) < 0 ||
            copy_certs(issuers, &between, err) < 0)
                return -1;
        if (!roots.n)
                return sv_fail(err, SV_PROOF, "vtpm.ek.root",
                               "no maker of TPMs is trusted here: give a policy with "
                               "trust.ek_roots, or \"ek-root\" as collateral");
        if (sv_chain_verify(leaf, &between, &roots, NULL, 0, time, NULL, &root, "vtpm.ek", &why) <
            0)
                return name_missing_root(&why, err);
        sv_cert_fingerprint(roots.list[root], out->root_sha256);
        return 0;
}

int sv_vtpm_ek_read(const struct sv_cert *leaf, struct sv_vtpm_ek *out, struct sv_err *err)
{
        struct sv_vtpm_ek ek = *out;
        struct sv_bytes san;

        if (!sv_cert_has_eku(leaf, OID_EK_CERTIFICATE))
                return sv_fail(err, SV_PROOF, "vtpm.ek.eku",
                               "the certificate is not one for an endorsement key (extended key "
                               "usage " OID_EK_CERTIFICATE ")");
        if (!sv_cert_ext(leaf, OID_SAN, &san))
                return sv_fail(err, SV_PROOF, "vtpm.ek.san",
                               "the EK certificate has no subjectAltName with the TPM's names");
        if (sv_vtpm_ek_names(san, &ek, err) < 0)
                return -1;
        sv_cert_subject_cn(leaf, ek.subject_cn);
        sv_cert_fingerprint(leaf, ek.cert_sha256);
        *out = ek;
        return 0;
}

int sv_vtpm_ek_verify(const struct sv_cert *leaf, const struct sv_certs *issuers,
                      const struct sv_verify_in *in, struct sv_vtpm_ek *out, struct sv_err *err)
{
        struct sv_vtpm_ek ek = {0};

        if (!in->skip_signatures && !in->any_root &&
            sv_vtpm_ek_chain(leaf, issuers, &in->collateral, in->time, &ek, err) < 0)
                return -1;
        if (sv_vtpm_ek_read(leaf, &ek, err) < 0)
                return -1;
        *out = ek;
        return 0;
}
