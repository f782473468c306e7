/* SPDX-License-Identifier: Apache-2.0 */
/* The extensions of a VCEK or VLEK (AMD 57230, table 8 to 10). */
#include "base/core/rd.h"
#include "sev/verify/certs.h"

#define OID "1.3.6.1.4.1.3704.1."

static int find_extension(const struct sv_signed_cert *c, const char *arc, const char *name,
                          struct sv_bytes *value, struct sv_err *err)
{
        uint8_t oid[12] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01};
        size_t n = 8;

        for (const char *d = arc; *d; d++)
                if (*d != '.')
                        oid[n++] = (uint8_t)(*d - '0');
        if (!sv_signed_cert_ext(c, sv_bytes(oid, n), value))
                return sv_fail(err, SV_FORMAT, "snp.vek.extension",
                               "the certificate has no extension %s (" OID "%s)", name, arc);
        return 0;
}

/* DER INTEGER of 0..255: two bytes of content above 127. */
static int read_spl(const struct sv_signed_cert *c, const char *arc, const char *name, uint8_t *out,
                    struct sv_err *err)
{
        struct sv_bytes value;
        struct sv_rd r;
        uint8_t tag, n, first;

        if (find_extension(c, arc, name, &value, err) < 0)
                return -1;
        r = sv_rd(value);
        tag = sv_rd_u8(&r);
        n = sv_rd_u8(&r);
        first = sv_rd_u8(&r);
        if (n == 2 && first == 0) {
                first = sv_rd_u8(&r);
                n = first > 127 ? 1 : 0; /* a leading zero that is not needed is not DER */
        } else if (first > 127) {
                n = 0; /* negative */
        }
        if (tag != 2 || n != 1 || sv_rd_done(&r, "snp.vek.extension", name, NULL) < 0)
                return sv_fail(err, SV_FORMAT, "snp.vek.extension",
                               "extension %s is no INTEGER from 0 to 255", name);
        *out = first;
        return 0;
}

/* IA5String (0x16) or UTF8String (0x0c) of short length. */
static int read_product_text(const struct sv_signed_cert *c, const char *arc, const char *name,
                             char *out, size_t size, struct sv_err *err)
{
        struct sv_bytes value, body;
        struct sv_rd r;
        uint8_t tag, n;

        if (find_extension(c, arc, name, &value, err) < 0)
                return -1;
        r = sv_rd(value);
        tag = sv_rd_u8(&r);
        n = sv_rd_u8(&r);
        body = sv_rd_bytes(&r, n);
        if ((tag != 0x16 && tag != 0x0c) || n > 127 || !n || n >= size ||
            sv_rd_done(&r, "snp.vek.extension", name, NULL) < 0 || memchr(body.p, 0, body.n))
                return sv_fail(err, SV_FORMAT, "snp.vek.extension",
                               "extension %s is no short string", name);
        memcpy(out, body.p, body.n);
        out[body.n] = 0;
        return 0;
}

/* "Milan-B0", "Genoa", "Turin": the stepping is of no consequence. */
static enum sv_sev_product parse_product_name(const char *name)
{
        for (enum sv_sev_product p = SV_SEV_MILAN; p <= SV_SEV_VENICE; p++) {
                size_t n = strlen(sv_sev_product_name(p));

                if (!strncmp(name, sv_sev_product_name(p), n) && (!name[n] || name[n] == '-'))
                        return p;
        }
        return SV_SEV_UNKNOWN;
}

/* Raw bytes, as the KDS issues them, or the same in an OCTET STRING. */
static int read_hwid(const struct sv_signed_cert *c, struct sv_vek *v, struct sv_err *err)
{
        size_t want = v->product == SV_SEV_TURIN || v->product == SV_SEV_VENICE ? 8 : 64;
        struct sv_bytes value;

        if (find_extension(c, "4", "hwID", &value, err) < 0)
                return -1;
        if (value.n == want + 2 && value.p[0] == 4 && value.p[1] == want)
                value = sv_bytes(value.p + 2, want);
        if (value.n != want)
                return sv_fail(err, SV_FORMAT, "snp.vek.extension",
                               "extension hwID has %zu bytes, %zu were expected for %s", value.n,
                               want, sv_sev_product_name(v->product));
        memcpy(v->hwid, value.p, want);
        v->hwid_size = want;
        return 0;
}

static int read_spls(const struct sv_signed_cert *c, struct sv_vek *v, struct sv_err *err)
{
        bool fmc = v->product == SV_SEV_TURIN || v->product == SV_SEV_VENICE;

        if (read_spl(c, "3.1", "blSPL", &v->tcb.bootloader, err) < 0 ||
            read_spl(c, "3.2", "teeSPL", &v->tcb.tee, err) < 0 ||
            read_spl(c, "3.3", "snpSPL", &v->tcb.snp, err) < 0 ||
            read_spl(c, "3.8", "ucodeSPL", &v->tcb.microcode, err) < 0)
                return -1;
        return fmc ? read_spl(c, "3.9", "fmcSPL", &v->tcb.fmc, err) : 0;
}

int sv_vek_read(const struct sv_signed_cert *cert, enum sv_sev_key key, struct sv_vek *out,
                struct sv_err *err)
{
        struct sv_vek v = {.key = key};
        char product[64];

        if (read_product_text(cert, "2", "productName", product, sizeof(product), err) < 0)
                return -1;
        v.product = parse_product_name(product);
        if (v.product == SV_SEV_UNKNOWN)
                return sv_fail(err, SV_FORMAT, "snp.vek.extension",
                               "productName \"%s\" is no product that we know", product);
        if (read_spls(cert, &v, err) < 0)
                return -1;
        if (v.key == SV_SEV_VLEK
                    ? read_product_text(cert, "5", "cspID", v.csp_id, sizeof(v.csp_id), err) < 0
                    : read_hwid(cert, &v, err) < 0)
                return -1;
        *out = v;
        return 0;
}

int sv_vek_parse(const struct sv_cert *cert, struct sv_vek *out, struct sv_err *err)
{
        SV_BUF der = SV_BUF_NULL;
        struct sv_signed_cert c;
        char cn[256];

        sv_cert_subject_cn(cert, cn);
        if (strcmp(cn, "SEV-VCEK") && strcmp(cn, "SEV-VLEK"))
                return sv_fail(
                        err, SV_FORMAT, "snp.vek.subject",
                        "a certificate for SEV-VCEK or SEV-VLEK was expected, this is for \"%s\"",
                        cn);
        if (sv_cert_der(cert, &der, err) < 0 ||
            sv_signed_cert_read(sv_buf_bytes(&der), &c, "snp.vek.extension", err) < 0)
                return -1;
        return sv_vek_read(&c, !strcmp(cn, "SEV-VLEK") ? SV_SEV_VLEK : SV_SEV_VCEK, out, err);
}
