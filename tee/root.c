/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/root.h"

#include "base/crypto/x509.h"

int sv_anchor_check(struct sv_bytes data, const char *form, struct sv_err *err)
{
        SV_CERTS certs = {0};

        return sv_certs_parse(data, &certs, form, err);
}

int sv_root_confirm(const char *sha256, const struct sv_collateral *anchors, const char *kind,
                    const char *form, const char *check, struct sv_err *err)
{
        struct sv_bytes data;
        bool found = false;

        for (size_t i = 0; sv_collateral_get(anchors, kind, i, &data); i++)
                if (sv_certs_name(data, sha256, &found, form, err) < 0)
                        return -1;
        if (found)
                return 0;
        return sv_fail(err, SV_PROOF, check,
                       "the root of this evidence is neither the maker's own nor one that the "
                       "resource's policy names: run the guest on such a platform, or name its "
                       "root in the policy's \"trust\"");
}
