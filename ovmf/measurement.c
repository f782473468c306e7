/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/measurement.h"

#include <stdlib.h>

void sv_measurement_free(struct sv_measurement *m)
{
        sv_json_free(m->values);
        sv_json_free(m->unpredicted);
        for (size_t i = 0; i < m->n_steps; i++)
                sv_json_free(m->steps[i].inputs);
        free(m->steps);
        *m = (struct sv_measurement){0};
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
