/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence with the guest's key, of each version: parse, type the key, hash what is bound. */
#include "attest/kbs/kbs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_old(struct sv_bytes text)
{
        SV_KBS_ATTESTATION m = {{0}};
        uint8_t digest[SV_KBS_BINDING_SIZE];
        SV_KEY *key = NULL;

        if (sv_kbs_parse_old_attestation(text, &m, NULL) < 0)
                return;
        sv_kbs_binding_digest(NULL, m.nonce, &m.key, digest, NULL);
        sv_kbs_pubkey_to_old_key(&m.key, &key, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_KBS_ATTESTATION m = {{0}};
        uint8_t digest[SV_KBS_BINDING_SIZE];
        SV_JSON *additional = NULL;
        SV_KEY *key = NULL;

        read_old(sv_bytes(data, size));
        if (sv_kbs_parse_attestation(sv_bytes(data, size), &m, NULL) < 0)
                return 0;
        sv_kbs_parse_additional(m.additional, &additional, NULL);
        sv_kbs_binding_digest(m.additional, m.nonce, &m.key, digest, NULL);
        sv_kbs_pubkey_to_key(&m.key, &key, NULL);
        return 0;
}
