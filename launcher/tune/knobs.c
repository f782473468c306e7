/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/knob.h"

static const struct sv_knob *const families[] = {sv_knobs_cpu, sv_knobs_memory, sv_knobs_block,
                                                 sv_knobs_nvme, sv_knobs_net};

const struct sv_knob *sv_knob_at(size_t i)
{
        for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
                for (const struct sv_knob *k = families[f]; k->name; k++)
                        if (i-- == 0)
                                return k;
        return NULL;
}

const struct sv_knob *sv_knob_named(const char *name)
{
        const struct sv_knob *k;

        for (size_t i = 0; (k = sv_knob_at(i)) && strcmp(k->name, name); i++)
                ;
        return k;
}

void sv_knob_put_reasons(const struct sv_knob *k, struct sv_json *row)
{
        sv_json_set_str(row, "gain", k->gain);
        sv_json_set_str(row, "source", k->source);
        sv_json_set_str(row, "hurts", k->hurts);
        sv_json_set_str(row, "risk", k->risk);
}
