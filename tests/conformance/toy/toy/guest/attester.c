/* SPDX-License-Identifier: Apache-2.0 */
#include "toy/guest/attester.h"

#include <string.h>

#include "tee/attester.h"
#include "toy/tee.h"

static uint8_t launched[32];
static const struct sv_key *machine_key;

void toy_boot(const uint8_t launch[32], const struct sv_key *key)
{
        memcpy(launched, launch, sizeof(launched));
        machine_key = key;
}

static bool present(void)
{
        return machine_key;
}

static int evidence(void *state, struct sv_bytes report_data, const struct sv_json *challenge,
                    struct sv_json **out, struct sv_note *note, struct sv_err *err)
{
        SV_BUF message = SV_BUF_NULL, signature = SV_BUF_NULL;

        (void)state, (void)challenge, (void)note;
        sv_buf_put(&message, sv_bytes(launched, sizeof(launched)));
        sv_buf_put(&message, report_data);
        if (sv_sign(machine_key, SV_ECDSA_SHA256, sv_buf_bytes(&message), &signature, err) < 0)
                return -1;
        *out = sv_json_object();
        sv_json_set_hex(*out, "launch", sv_bytes(launched, sizeof(launched)));
        sv_json_set_hex(*out, "report_data", report_data);
        sv_json_set_b64(*out, "signature", sv_buf_bytes(&signature));
        return 0;
}

const struct sv_attester sv_attester_toy = {
        .id = &sv_tee_toy, .present = present, .evidence = evidence};
