/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/measure.h"

void sv_id_out_free(struct sv_id_out *out)
{
        sv_buf_free(&out->block);
        sv_buf_free(&out->auth);
        sv_json_free(out->values);
        *out = (struct sv_id_out){0};
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
