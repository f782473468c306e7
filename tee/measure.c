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

const char *sv_why_unpredicted(const struct sv_measurement *m, const char *name)
{
        for (size_t i = 0; i < sv_json_len(m->unpredicted); i++) {
                const struct sv_json *row = sv_json_at(m->unpredicted, i);
                const char *of = sv_json_str(sv_json_get(row, "name"));

                if (of && !strcmp(of, name) && sv_json_str(sv_json_get(row, "reason")))
                        return sv_json_str(sv_json_get(row, "reason"));
        }
        return "it is not among the measurements";
}
