/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/recover-all.h"

#include <string.h>

#include "base/program/log.h"
#include "launcher/keeper/life.h"
#include "launcher/keeper/state.h"

struct recovering {
        struct sv_json *rows;
        struct sv_err first;
};

/* Of more than one failure the first is the reason; the others are said at once. */
static void note_unrecovered(struct recovering *r, const struct sv_state *s, struct sv_err *why)
{
        sv_wrap(why, "guest %s", s->name);
        if (r->first.class)
                sv_log_err(why);
        else
                r->first = *why;
}

/* Whose lock is held has a supervisor, or somebody at work on it. */
static int recover_guest(void *arg, const struct sv_state *found, const struct sv_json *status,
                         struct sv_err *err)
{
        enum sv_life life = sv_life_from_word(sv_json_text(status, "state", ""));
        struct sv_err why = SV_ERR_NULL;
        struct recovering *r = arg;
        SV_STATE s = {.lock = -1};
        struct sv_json *row;
        unsigned killed = 0;

        if (sv_state_init(&s, found->name, &why) < 0 || sv_state_lock(&s, 0, &why) < 0) {
                if (strcmp(why.check, "state.busy") != 0)
                        note_unrecovered(r, found, &why);
                return 0;
        }
        if (sv_state_recover(&s, &killed, &why) < 0)
                note_unrecovered(r, found, &why);
        else if (killed || !sv_life_is_final(life)) {
                row = sv_json_add(r->rows, sv_json_object());
                sv_json_set_str(row, "name", found->name);
                sv_json_set_int(row, "killed", killed);
        }
        return 0;
}

int sv_recover_all(struct sv_json *rows, struct sv_err *err)
{
        struct recovering r = {.rows = rows};

        if (sv_state_for_each(recover_guest, &r, err) < 0)
                return -1;
        if (r.first.class)
                *err = r.first;
        return r.first.class ? -1 : sv_json_ok(err);
}
