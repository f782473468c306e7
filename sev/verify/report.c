/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/verify/report.h"

#include <stdio.h>

#include "base/core/rd.h"

struct parse {
        struct sv_rd rd;
        /* offset of the first reserved byte that is not zero; 0: none (offset 0 is never reserved)
         */
        size_t nonzero;
        /* current, reported, committed, launch: read when the product is known */
        uint8_t tcb[4][8];
};

static void skip_reserved(struct parse *p, size_t n)
{
        size_t at = p->rd.pos;
        const uint8_t *b = sv_rd_take(&p->rd, n);

        for (size_t i = 0; b && i < n && !p->nonzero; i++)
                if (b[i])
                        p->nonzero = at + i;
}

/* 72 bytes little endian; a P-384 scalar has 48, the rest must be zero. */
static bool read_scalar(struct parse *p, uint8_t out[48])
{
        const uint8_t *b = sv_rd_take(&p->rd, 72);

        for (size_t i = 0; b && i < 48; i++)
                out[47 - i] = b[i];
        for (size_t i = 48; b && i < 72; i++)
                if (b[i])
                        return false;
        return b != NULL;
}

/* The table, in its order. */
static bool read_report_fields(struct parse *p, struct sv_report *r)
{
        struct sv_rd *rd = &p->rd;
        bool ok;

        r->version = sv_rd_u32le(rd);             /* 0x000 VERSION */
        r->guest_svn = sv_rd_u32le(rd);           /* 0x004 GUEST_SVN */
        r->policy = sv_rd_u64le(rd);              /* 0x008 POLICY */
        sv_rd_copy(rd, r->family_id, 16);         /* 0x010 FAMILY_ID */
        sv_rd_copy(rd, r->image_id, 16);          /* 0x020 IMAGE_ID */
        r->vmpl = sv_rd_u32le(rd);                /* 0x030 VMPL */
        r->signature_algo = sv_rd_u32le(rd);      /* 0x034 SIGNATURE_ALGO */
        sv_rd_copy(rd, p->tcb[0], 8);             /* 0x038 CURRENT_TCB */
        r->platform_info = sv_rd_u64le(rd);       /* 0x040 PLATFORM_INFO */
        r->key_info = sv_rd_u32le(rd);            /* 0x048 KEY_INFO */
        skip_reserved(p, 4);                      /* 0x04c */
        sv_rd_copy(rd, r->report_data, 64);       /* 0x050 REPORT_DATA */
        sv_rd_copy(rd, r->measurement, 48);       /* 0x090 MEASUREMENT */
        sv_rd_copy(rd, r->host_data, 32);         /* 0x0c0 HOST_DATA */
        sv_rd_copy(rd, r->id_key_digest, 48);     /* 0x0e0 ID_KEY_DIGEST */
        sv_rd_copy(rd, r->author_key_digest, 48); /* 0x110 AUTHOR_KEY_DIGEST */
        sv_rd_copy(rd, r->report_id, 32);         /* 0x140 REPORT_ID */
        sv_rd_copy(rd, r->report_id_ma, 32);      /* 0x160 REPORT_ID_MA */
        sv_rd_copy(rd, p->tcb[1], 8);             /* 0x180 REPORTED_TCB */
        r->has_cpuid = r->version >= 3;
        if (r->has_cpuid) {
                r->cpuid_fam_id = sv_rd_u8(rd); /* 0x188 CPUID_FAM_ID */
                r->cpuid_mod_id = sv_rd_u8(rd); /* 0x189 CPUID_MOD_ID */
                r->cpuid_step = sv_rd_u8(rd);   /* 0x18a CPUID_STEP */
        } else {
                skip_reserved(p, 3);
        }
        skip_reserved(p, 21);            /* 0x18b */
        sv_rd_copy(rd, r->chip_id, 64);  /* 0x1a0 CHIP_ID */
        sv_rd_copy(rd, p->tcb[2], 8);    /* 0x1e0 COMMITTED_TCB */
        r->current_build = sv_rd_u8(rd); /* 0x1e8 CURRENT_BUILD */
        r->current_minor = sv_rd_u8(rd);
        r->current_major = sv_rd_u8(rd);
        skip_reserved(p, 1);
        r->committed_build = sv_rd_u8(rd); /* 0x1ec COMMITTED_BUILD */
        r->committed_minor = sv_rd_u8(rd);
        r->committed_major = sv_rd_u8(rd);
        skip_reserved(p, 1);
        sv_rd_copy(rd, p->tcb[3], 8); /* 0x1f0 LAUNCH_TCB */
        r->has_mit = r->version >= 5;
        if (r->has_mit) {
                r->launch_mit_vector = sv_rd_u64le(rd);  /* 0x1f8 LAUNCH_MIT_VECTOR */
                r->current_mit_vector = sv_rd_u64le(rd); /* 0x200 CURRENT_MIT_VECTOR */
        } else {
                skip_reserved(p, 16);
        }
        skip_reserved(p, 152);           /* 0x208 */
        ok = read_scalar(p, r->r);       /* 0x2a0 SIGNATURE.R */
        ok = read_scalar(p, r->s) && ok; /* 0x2e8 SIGNATURE.S */
        skip_reserved(p, 368);           /* 0x330 */
        return ok;
}

/* Version 2 does not say which processor it is from; a chip identifier of 8 bytes is Turin's, and a
 * report of that age from anything else is Milan's or Genoa's, which share a layout. */
static enum sv_sev_product find_report_product(const struct sv_report *r)
{
        if (r->has_cpuid)
                return sv_sev_product_of(r->cpuid_fam_id, r->cpuid_mod_id);
        return sv_bytes_are_zero(sv_bytes(r->chip_id + 8, 56)) &&
                               !sv_bytes_are_zero(sv_bytes(r->chip_id, 8))
                       ? SV_SEV_TURIN
                       : SV_SEV_MILAN;
}

static void read_tcbs(struct parse *p, struct sv_report *r)
{
        struct sv_tcb *const to[4] = {&r->current_tcb, &r->reported_tcb, &r->committed_tcb,
                                      &r->launch_tcb};
        static const uint16_t at[4] = {0x038, 0x180, 0x1e0, 0x1f0};

        for (int i = 0; i < 4; i++) {
                sv_tcb_read(p->tcb[i], r->product, to[i]);
                for (int k = 0; k < 4; k++)
                        if (to[i]->reserved[k] && !p->nonzero)
                                p->nonzero = at[i];
        }
}

static int check_report_form(const struct parse *p, const struct sv_report *r, bool scalars,
                             struct sv_err *err)
{
        enum sv_sev_key key = sv_report_signing_key(r);

        if (r->version < 2 || r->version > 5)
                return sv_fail(err, SV_FORMAT, "snp.report.version",
                               "report versions 2 to 5 are known, this one is %u", r->version);
        if (r->signature_algo != 1)
                return sv_fail(err, SV_FORMAT, "snp.report.signature_algo",
                               "SIGNATURE_ALGO 1 (ECDSA P-384 with SHA-384) was expected, found %u",
                               r->signature_algo);
        if (!(r->policy & SV_SNP_POLICY_ONE) || r->policy & ~SV_SNP_POLICY_KNOWN)
                return sv_fail(err, SV_FORMAT, "snp.report.policy",
                               "POLICY 0x%llx: bit 17 must be one and bits 63:26 zero",
                               (unsigned long long)r->policy);
        if (r->key_info >> 5 || (key != SV_SEV_VCEK && key != SV_SEV_VLEK && key != SV_SEV_NO_KEY))
                return sv_fail(err, SV_FORMAT, "snp.report.key_info",
                               "KEY_INFO 0x%x has reserved bits or names no key that is known",
                               r->key_info);
        if (r->product == SV_SEV_UNKNOWN)
                return sv_fail(
                        err, SV_FORMAT, "snp.report.product",
                        "CPUID family 0x%x model 0x%x is no processor that we know the layout of",
                        r->cpuid_fam_id, r->cpuid_mod_id);
        if (p->nonzero)
                return sv_fail(
                        err, SV_FORMAT, "snp.report.reserved",
                        "the byte at offset 0x%zx is reserved and must be zero in version %u",
                        p->nonzero, r->version);
        if (!scalars)
                return sv_fail(err, SV_FORMAT, "snp.report.signature",
                               "R or S of the signature has more than the 384 bits of P-384");
        return 0;
}

int sv_report_parse(struct sv_bytes raw, struct sv_report *out, struct sv_err *err)
{
        struct parse p = {.rd = sv_rd(raw)};
        struct sv_report r = {0};
        bool scalars;

        if (raw.n != SV_REPORT_SIZE)
                return sv_fail(err, SV_FORMAT, "snp.report.size",
                               "a report has %u bytes, this has %zu", SV_REPORT_SIZE, raw.n);
        scalars = read_report_fields(&p, &r);
        r.product = find_report_product(&r);
        read_tcbs(&p, &r);
        if (check_report_form(&p, &r, scalars, err) < 0 ||
            sv_rd_done(&p.rd, "snp.report.size", "the report", err) < 0)
                return -1;
        *out = r;
        return 0;
}
