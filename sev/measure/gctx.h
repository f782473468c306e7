/* SPDX-License-Identifier: Apache-2.0 */
/* The launch digest of an SNP guest, page by page (AMD 56860, SNP_LAUNCH_UPDATE, structure
 * PAGE_INFO). */
#pragma once

#include "base/crypto/crypto.h"

#define SV_SNP_DIGEST 48
#define SV_SNP_PAGE   4096u

enum sv_snp_page { /* AMD 56860, PAGE_TYPE */
                   SV_SNP_NORMAL = 1,
                   SV_SNP_VMSA = 2,
                   SV_SNP_ZERO = 3,
                   SV_SNP_UNMEASURED = 4,
                   SV_SNP_SECRETS = 5,
                   SV_SNP_CPUID = 6,
};

const char *sv_snp_page_name(enum sv_snp_page type);

struct sv_gctx {
        uint8_t ld[SV_SNP_DIGEST];
        struct sv_hash *hash;
        /* when set, takes the digest of every page that sv_gctx_contents measures: for output: what
         * a range holds */
        struct sv_hash *pages;
};

int sv_gctx_init(struct sv_gctx *g, struct sv_err *err); /* 48 zero bytes */
void sv_gctx_free(struct sv_gctx *g);
#define SV_GCTX __attribute__((cleanup(sv_gctx_free))) struct sv_gctx

/* Pages whose contents count (NORMAL, VMSA): contents is a multiple of 4096 bytes, gpa that of the
 * first. */
int sv_gctx_contents(struct sv_gctx *g, enum sv_snp_page type, uint64_t gpa,
                     struct sv_bytes contents, struct sv_err *err);
/* n pages whose contents do not count. */
int sv_gctx_blank(struct sv_gctx *g, enum sv_snp_page type, uint64_t gpa, size_t n,
                  struct sv_err *err);
/* One page known by the SHA-384 of its contents, so that equal VMSAs are hashed once. */
int sv_gctx_digest(struct sv_gctx *g, enum sv_snp_page type, uint64_t gpa,
                   const uint8_t contents[SV_SNP_DIGEST], struct sv_err *err);
