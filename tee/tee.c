/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tee.h"

#include <stdlib.h>

#include "guest/guest.h"

void sv_id_out_free(struct sv_id_out *out)
{
        sv_buf_free(&out->block);
        sv_buf_free(&out->auth);
        sv_json_free(out->values);
        *out = (struct sv_id_out){0};
}

int sv_tee_takes(const struct sv_tee *tee, const struct sv_guest *guest, struct sv_err *err)
{
        if (guest->shim && !tee->shim)
                return sv_fail(err, SV_USAGE, "guest.shim",
                               "a shim before the kernel is started and measured with tdx only, "
                               "found one for %s: remove \"shim\"",
                               tee->name);
        return 0;
}

struct sv_json *sv_rule_add(struct sv_json *rules, const char *check, const char *claim,
                            const char *covers, const char *reason)
{
        struct sv_json *rule = sv_json_add(rules, sv_json_object());

        sv_json_set_str(rule, "check", check);
        sv_json_set_str(rule, "claim", claim);
        sv_json_set_str(rule, "covers", covers);
        sv_json_set_str(rule, "reason", reason);
        return rule;
}

const char *sv_tee_firmware(const struct sv_tee *tee, const struct sv_guest *guest)
{
        return !guest->firmware && tee && tee->firmware ? tee->firmware : sv_guest_firmware(guest);
}
