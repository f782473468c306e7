/* SPDX-License-Identifier: Apache-2.0 */
/* The token of a LUKS2 volume whose passphrase a broker releases to a machine that proves what it
 * is (docs/FORMATS.md, "LUKS2 token"):
 *
 *   {"type":"secure-vm","keyslots":["1"],"url":"https://broker:8443","pin":"sha256:<64 hex>",
 *    "resource":"repo/type/tag"}
 *
 * It lies in the volume's header, so it is whoever's who can write the disk. Pure. */
#pragma once

#include "base/json/json.h"

#define SV_TOKEN_TYPE "secure-vm"

struct sv_token {
        char url[512];
        char pin[7 + 64 + 1];
        char resource[256];
};

/* SV_FORMAT "luks.token.*". */
int sv_token_parse(struct sv_bytes text, struct sv_token *out, struct sv_err *err);
