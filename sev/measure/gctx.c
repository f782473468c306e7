/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/measure/gctx.h"

const char *sv_snp_page_name(enum sv_snp_page type)
{
        static const char *const names[] = {
                [SV_SNP_NORMAL] = "NORMAL",   [SV_SNP_VMSA] = "VMSA",
                [SV_SNP_ZERO] = "ZERO",       [SV_SNP_UNMEASURED] = "UNMEASURED",
                [SV_SNP_SECRETS] = "SECRETS", [SV_SNP_CPUID] = "CPUID",
        };

        return names[type];
}

int sv_gctx_init(struct sv_gctx *g, struct sv_err *err)
{
        *g = (struct sv_gctx){.hash = sv_hash_new(SV_SHA384, err)};
        return g->hash ? 0 : -1;
}

void sv_gctx_free(struct sv_gctx *g)
{
        sv_hash_freep(&g->hash);
        sv_hash_freep(&g->pages);
}

int sv_gctx_digest(struct sv_gctx *g, enum sv_snp_page type, uint64_t gpa,
                   const uint8_t contents[SV_SNP_DIGEST], struct sv_err *err)
{
        uint8_t info[0x70] = {0}; /* PAGE_INFO */

        memcpy(info + 0x00, g->ld, SV_SNP_DIGEST);     /* DIGEST_CUR */
        memcpy(info + 0x30, contents, SV_SNP_DIGEST);  /* CONTENTS */
        sv_bytes_put_le(info + 0x60, sizeof(info), 2); /* LENGTH */
        info[0x62] = (uint8_t)type;                    /* PAGE_TYPE */
        /* 0x63 IMI_PAGE and 0x64 the permissions of VMPL 3, 2, 1 are zero under KVM */
        sv_bytes_put_le(info + 0x68, gpa, 8); /* GPA */
        if (sv_hash_put(g->hash, sv_bytes(info, sizeof(info)), err) < 0)
                return -1;
        return sv_hash_end(g->hash, g->ld, err);
}

int sv_gctx_contents(struct sv_gctx *g, enum sv_snp_page type, uint64_t gpa,
                     struct sv_bytes contents, struct sv_err *err)
{
        uint8_t digest[SV_SNP_DIGEST];

        for (size_t at = 0; at < contents.n; at += SV_SNP_PAGE) {
                if (sv_hash_put(g->hash, sv_bytes(contents.p + at, SV_SNP_PAGE), err) < 0 ||
                    sv_hash_end(g->hash, digest, err) < 0 ||
                    sv_gctx_digest(g, type, gpa + at, digest, err) < 0 ||
                    (g->pages && sv_hash_put(g->pages, sv_bytes(digest, sizeof(digest)), err) < 0))
                        return -1;
        }
        return 0;
}

int sv_gctx_blank(struct sv_gctx *g, enum sv_snp_page type, uint64_t gpa, size_t n,
                  struct sv_err *err)
{
        static const uint8_t none[SV_SNP_DIGEST];

        for (size_t i = 0; i < n; i++)
                if (sv_gctx_digest(g, type, gpa + i * SV_SNP_PAGE, none, err) < 0)
                        return -1;
        return 0;
}
