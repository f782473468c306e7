/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm recover: at the start of a host, or when something was killed. */
#include <stdio.h>

#include "launcher/cli/commands.h"
#include "launcher/keeper/recover-all.h"

static int run_recover(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_json *o = sv_json_object(), *rows;

        rows = sv_json_set(o, "recovered", sv_json_array());
        if (sv_recover_all(rows, err) < 0) {
                sv_json_free(o);
                return -1;
        }
        for (size_t i = 0; !sv_has(args, "json") && i < sv_json_len(rows); i++)
                printf("guest %s: nothing of it is left but its folder\n",
                       sv_json_text(sv_json_at(rows, i), "name", "-"));
        *result = o;
        return 0;
}

const struct sv_cmd sv_cmd_recover = {
        .name = "recover",
        .args = "",
        .help = "clean up after guests whose supervisor was killed, or whose host went down",
        .run = run_recover,
};
