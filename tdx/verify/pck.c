/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/verify/pck.h"

#include "base/crypto/der.h"

/* 1.2.840.113741.1.13.1 without its last arc, as DER contents: every member's OID begins with it.
 */
static const uint8_t oid_sgx[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

/* The arcs below the SGX extension's OID, each below 128; 0 when the OID is another. */
static int read_arcs(struct sv_rd *oid, uint8_t out[2])
{
        const uint8_t *prefix = sv_rd_take(oid, sizeof(oid_sgx));
        int n = 0;

        if (!prefix ||
            !sv_bytes_eq(sv_bytes(prefix, sizeof(oid_sgx)), sv_bytes(oid_sgx, sizeof(oid_sgx))))
                return 0;
        while (sv_rd_left(oid) && n < 2)
                out[n++] = sv_rd_u8(oid);
        return sv_rd_left(oid) ? 0 : n;
}

static bool read_octets(struct sv_rd *value, uint8_t tag, uint8_t *out, size_t n)
{
        if (tag != SV_DER_OCTETS || sv_rd_left(value) != n)
                return false;
        sv_rd_copy(value, out, n);
        return true;
}

static bool read_integer(struct sv_rd *value, uint8_t tag, uint16_t *out)
{
        uint32_t v = 0;

        if (tag != SV_DER_INTEGER || !sv_rd_left(value) || sv_rd_left(value) > 3)
                return false;
        while (sv_rd_left(value))
                v = v << 8 | sv_rd_u8(value);
        *out = (uint16_t)v;
        return v <= UINT16_MAX;
}

/* Which members were there: each exactly once. */
#define SEEN(n) (1u << (n))

static bool read_tcb_member(struct sv_pck *p, uint8_t arc, struct sv_rd *value, uint8_t tag,
                            uint32_t *seen)
{
        uint16_t v;

        if (!arc || arc > 18 || *seen & SEEN(arc))
                return false;
        *seen |= SEEN(arc);
        if (arc == 18) { /* CPUSVN: the components again */
                uint8_t cpusvn[16];

                return read_octets(value, tag, cpusvn, 16);
        }
        if (!read_integer(value, tag, &v))
                return false;
        if (arc == 17)
                p->pcesvn = v;
        else
                p->components[arc - 1] = (uint8_t)v;
        return arc == 17 || v <= UINT8_MAX;
}

static bool read_pck_tcb(struct sv_pck *p, struct sv_rd list)
{
        uint32_t seen = 0;

        while (sv_rd_left(&list)) {
                uint8_t tag, at[2];
                struct sv_rd pair = sv_der_element(&list, &tag), oid, value;

                if (tag != SV_DER_SEQUENCE)
                        return false;
                oid = sv_der_element(&pair, &tag);
                if (tag != SV_DER_OID || read_arcs(&oid, at) != 2 || at[0] != 2)
                        return false;
                value = sv_der_element(&pair, &tag);
                if (!read_tcb_member(p, at[1], &value, tag, &seen) || sv_rd_left(&pair))
                        return false;
        }
        return !list.bad && seen == (SEEN(19) - 2);
}

static bool read_pck_member(struct sv_pck *p, uint8_t arc, struct sv_rd *value, uint8_t tag,
                            uint32_t *seen)
{
        if (arc < 32 && *seen & SEEN(arc))
                return false;
        if (arc < 32)
                *seen |= SEEN(arc);
        switch (arc) {
        case 1:
                return read_octets(value, tag, p->ppid, 16);
        case 2:
                return tag == SV_DER_SEQUENCE && read_pck_tcb(p, *value);
        case 3:
                return read_octets(value, tag, p->pceid, 2);
        case 4:
                return read_octets(value, tag, p->fmspc, 6);
        }
        return true; /* SGX type, platform instance, configuration: of no consequence here */
}

bool sv_pck_extension(struct sv_bytes raw, struct sv_pck *p)
{
        struct sv_rd r = sv_rd(raw), list;
        uint32_t seen = 0;
        uint8_t tag;

        list = sv_der_element(&r, &tag);
        if (tag != SV_DER_SEQUENCE || r.bad || sv_rd_left(&r))
                return false;
        while (sv_rd_left(&list)) {
                struct sv_rd pair = sv_der_element(&list, &tag), oid, value;
                uint8_t at[2];

                if (tag != SV_DER_SEQUENCE)
                        return false;
                oid = sv_der_element(&pair, &tag);
                if (tag != SV_DER_OID || read_arcs(&oid, at) != 1)
                        return false;
                value = sv_der_element(&pair, &tag);
                if (pair.bad || sv_rd_left(&pair) || !read_pck_member(p, at[0], &value, tag, &seen))
                        return false;
        }
        return !list.bad && (seen & 0x1e) == 0x1e; /* PPID, TCB, PCEID, FMSPC */
}

int sv_pck_parse(const struct sv_cert *cert, struct sv_pck *out, struct sv_err *err)
{
        struct sv_pck p = {0};
        struct sv_bytes raw;
        char cn[256];

        sv_cert_subject_cn(cert, cn);
        if (strcmp(cn, "Intel SGX PCK Certificate"))
                return sv_fail(err, SV_PROOF, "tdx.pck.name",
                               "a certificate for \"Intel SGX PCK Certificate\" was expected, this "
                               "is for \"%s\"",
                               cn);
        sv_cert_issuer_cn(cert, cn);
        if (strcmp(cn, "Intel SGX PCK Platform CA") && strcmp(cn, "Intel SGX PCK Processor CA"))
                return sv_fail(err, SV_PROOF, "tdx.pck.name",
                               "a PCK certificate is issued by \"Intel SGX PCK Platform CA\" or "
                               "\"Intel SGX PCK Processor CA\", this one by \"%s\"",
                               cn);
        if (!sv_cert_ext(cert, "1.2.840.113741.1.13.1", &raw) || !sv_pck_extension(raw, &p))
                return sv_fail(err, SV_FORMAT, "tdx.pck.extension",
                               "the PCK certificate has no SGX extension with PPID, TCB, PCEID and "
                               "FMSPC, each once and of its size");
        *out = p;
        return 0;
}
