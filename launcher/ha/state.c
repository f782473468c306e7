/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/ha/state.h"

#include <string.h>

#include "launcher/keeper/life.h"

/* Asking again changes nothing of what a proof or a policy says; a network may be back. */
static bool is_refusal(const struct sv_json *error)
{
        enum sv_class class = sv_class_from_name(sv_json_text(error, "class", ""));

        return class == SV_PROOF || class == SV_POLICY;
}

static enum sv_ha_state judge_paused(const struct sv_json *status, struct sv_buf *reason)
{
        const char *why = sv_json_text(status, "paused_for", "asked");

        sv_buf_printf(reason, "paused: %s", why);
        return !strcmp(why, "disk") || !strcmp(why, "watchdog") ? SV_HA_STUCK : SV_HA_RUNS;
}

enum sv_ha_state sv_ha_judge(const struct sv_json *status, struct sv_buf *reason)
{
        const struct sv_json *error = sv_json_get(status, "error");
        const char *word = sv_json_text(status, "state", "");
        enum sv_life life = sv_life_from_word(word);

        if (error)
                sv_buf_printf(reason, "%s [%s]", sv_json_text(error, "message", "-"),
                              sv_json_text(error, "check", "-"));
        if (sv_life_runs(word) || !strcmp(word, sv_life_word(SV_LIFE_STARTING)))
                return is_refusal(error) ? SV_HA_REFUSED : SV_HA_RUNS;
        if (sv_life_is_paused(life))
                return judge_paused(status, reason);
        if (is_refusal(error))
                return SV_HA_REFUSED;
        if (!error)
                sv_buf_printf(reason, "%s", word);
        return SV_HA_OFF;
}

const char *sv_ha_state_word(enum sv_ha_state state)
{
        static const char *const words[] = {
                [SV_HA_OFF] = "off",
                [SV_HA_RUNS] = "runs",
                [SV_HA_STUCK] = "stuck",
                [SV_HA_REFUSED] = "refused",
        };

        return words[state];
}
