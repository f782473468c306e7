#include "base/tee.h"

#include <stdlib.h>

#include "base/guest.h"

void sv_measurement_free(struct sv_measurement *m)
{
        sv_json_free(m->values);
        sv_json_free(m->unpredicted);
        for (size_t i = 0; i < m->n_steps; i++)
                sv_json_free(m->steps[i].inputs);
        free(m->steps);
        *m = (struct sv_measurement){0};
}

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
                return sv_fail(err, SV_USAGE, "guest.shim", "a shim before the kernel is started and measured with tdx only, found one for %s: remove \"shim\"",
                               tee->name);
        return 0;
}

struct sv_measure_step *sv_measurement_step(struct sv_measurement *m)
{
        struct sv_measure_step *steps;

        if (m->n_steps % 32 == 0) { /* grow by whole pieces of 32 */
                steps = reallocarray(m->steps, m->n_steps + 32, sizeof(*steps));
                if (!steps)
                        abort(); /* as sv_asprintf: no memory for a line of a table */
                m->steps = steps;
        }
        steps = &m->steps[m->n_steps++];
        memset(steps, 0, sizeof(*steps));
        return steps;
}

struct sv_json *sv_rule_add(struct sv_json *rules, const char *check, const char *claim, const char *covers, const char *reason)
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
