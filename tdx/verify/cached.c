/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/verify/cached.h"

#include "tdx/verify/bundle.h"

#define CHAIN 3 /* PCK, its CA, the root */

static void free_td_state(void *state)
{
        struct sv_tdx_cached *s = state;

        sv_tdx_collateral_free(&s->c);
        sv_certs_free(&s->roots);
}

static int fill_td_state(const struct sv_collateral *what, struct sv_tdx_cached *s,
                         struct sv_err *err)
{
        struct sv_bytes part[SV_TDX_PARTS] = {{NULL, 0}}, root, none;

        for (enum sv_tdx_part i = 0; i < SV_TDX_PARTS; i++)
                sv_collateral_get(what, sv_tdx_part_kind(i), 0, &part[i]);
        for (size_t i = 0; sv_collateral_get(what, "sgx-root", i, &root); i++)
                if (sv_certs_parse(root, &s->roots, "tdx.root.form", err) < 0)
                        return -1;
        s->c = (struct sv_tdx_collateral){
                .tcb_info = part[SV_TDX_TCB_INFO],
                .tcb_info_chain = part[SV_TDX_TCB_INFO_CHAIN],
                .qe_identity = part[SV_TDX_QE_IDENTITY],
                .qe_identity_chain = part[SV_TDX_QE_IDENTITY_CHAIN],
                .pck_crl = part[SV_TDX_PCK_CRL],
                .root_ca_crl = part[SV_TDX_ROOT_CA_CRL],
                .roots = {&s->roots, sv_collateral_get(what, "any-root", 0, &none)},
        };
        return 0;
}

struct sv_cached *sv_tdx_cached_new(const struct sv_collateral *what, struct sv_err *err)
{
        struct sv_cached *k =
                sv_cached_new("tdx", what, sizeof(struct sv_tdx_cached), free_td_state, err);

        if (k && fill_td_state(&k->what, k->state, err) < 0) {
                sv_cached_free(k);
                return NULL;
        }
        return k;
}

void sv_tdx_cache_keep(struct sv_trust_cache *m, struct sv_cached *k)
{
        const struct sv_tdx_cached *s = k->state;
        uint8_t platform[32] = {0};

        /* Whoever makes a root makes as many platforms under it as they like: with any_root these
         * have one place among them. */
        if (!s->c.pck.chain.test_root || !s->c.roots.any)
                sv_cert_fingerprint(s->c.pck.chain.leaf, platform);
        /* Certificates that prove nothing were put there by the guest. */
        sv_trust_cache_keep(s->c.pck.chain.certs.n == CHAIN ? m : NULL, k, platform);
}

int sv_tdx_cache_accept(struct sv_trust_cache *m, const struct sv_collateral *what, int64_t time,
                        struct sv_err *err)
{
        struct sv_cached *k = sv_tdx_cached_new(what, err);
        struct sv_tdx_cached *s = k ? k->state : NULL;
        struct sv_bytes pem = SV_BYTES_NULL;

        if (!k)
                return -1;
        sv_collateral_get(&k->what, "pck-chain", 0, &pem);
        if (sv_tdx_collateral_pck(&s->c, pem, time, err) < 0 ||
            sv_tdx_collateral_docs(&s->c, time, err) < 0) {
                sv_cached_free(k);
                return -1;
        }
        sv_tdx_cache_keep(m, k);
        return 0;
}
