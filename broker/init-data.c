/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/init-data.h"

#include "base/core/encoding.h"
#include "guest/init-data.h"

#define CHECK "broker.attest.init-data"
#define MAX   48

/* A PCR that was extended once, with the digest. */
static int extend_zero(uint8_t field[32], struct sv_err *err)
{
        uint8_t both[64] = {0}, pcr[SV_DIGEST_MAX];

        memcpy(both + 32, field, 32);
        if (sv_digest(SV_SHA256, sv_bytes(both, sizeof(both)), pcr, err) < 0)
                return -1;
        memcpy(field, pcr, 32);
        return 0;
}

int sv_init_data_check(const struct sv_tee_verify *tee, const char *text, struct sv_json *claims,
                       struct sv_err *err)
{
        size_t size = tee->init_data_size;
        uint8_t field[MAX];
        char hex[2 * MAX + 1];
        const char *found;

        if (sv_json_get(claims, "init_data"))
                return sv_fail(err, SV_PROOF, "tee.claims",
                               "the claims say that init-data was looked at, which is not theirs");
        if (!text)
                return 0;
        if (!tee->init_data)
                return sv_fail(err, SV_PROOF, CHECK, "evidence of %s binds no init-data",
                               tee->id->name);
        if (sv_init_data_field(text, size == MAX ? SV_SHA384 : SV_SHA256, field, size, CHECK, err) <
            0) {
                if (err && err->class == SV_USAGE)
                        err->class = SV_FORMAT;
                return -1;
        }
        if (tee->init_data_extends && extend_zero(field, err) < 0)
                return -1;
        sv_hex(sv_bytes(field, size), hex);
        found = sv_json_str(sv_json_pointer(claims, tee->init_data));
        if (!found || strcmp(found, hex))
                return sv_fail(err, SV_PROOF, CHECK,
                               "the guest was not launched with this init-data: %s is %.96s, and "
                               "would be %s",
                               tee->init_data, found ? found : "not there", hex);
        sv_json_set_str(claims, "init_data", hex);
        return sv_json_ok(err);
}
