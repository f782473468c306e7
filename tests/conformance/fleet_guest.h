/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest of the fleet has while it asks. */
#pragma once

#include "attest/kbs/kbs.h"

struct guest {
        struct sv_key *key;
        struct sv_kbs_pubkey pubkey;
        char *cookie;
        struct sv_buf message; /* of its evidence */
};

static inline void end_guest(struct guest *g)
{
        sv_key_free(g->key);
        sv_kbs_pubkey_free(&g->pubkey);
        free(g->cookie);
        sv_buf_free(&g->message);
}
#define GUEST __attribute__((cleanup(end_guest))) struct guest
