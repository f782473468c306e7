/* SPDX-License-Identifier: Apache-2.0 */
/* The text format of Prometheus, version 0.0.4, for the textfile collector of its node_exporter. */
#include "launcher/tune/apply.h"

#include "launcher/tune/knob.h"

static void put_head(struct sv_buf *out, const char *name, const char *help)
{
        sv_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static unsigned count_differences(const struct sv_json *list, const char *knob)
{
        unsigned n = 0;

        for (size_t i = 0; i < sv_json_len(list); i++)
                n += !strcmp(sv_json_text(sv_json_at(list, i), "knob", ""), knob);
        return n;
}

void sv_tune_put_metrics(const struct sv_json *checked, int64_t now, struct sv_buf *out)
{
        const struct sv_json *list = sv_json_get(checked, "differences");
        const char *profile = sv_json_text(checked, "profile", "");
        enum sv_tune_profile known;
        const struct sv_knob *k;

        /* a record that is damaged may have any word there */
        if (sv_tune_parse_profile(profile, &known, NULL) < 0)
                profile = "";
        if (!sv_json_get(checked, "unfinished")) /* a change is in progress */
                return;
        put_head(out, "secure_vm_tune_settings",
                 "Settings of this host that tune apply made, or found, as they shall be.");
        sv_buf_printf(out, "secure_vm_tune_settings{profile=\"%s\"} %lld\n", profile,
                      (long long)sv_json_int(sv_json_get(checked, "settings"), 0));
        put_head(out, "secure_vm_tune_differences", "Settings that are no longer as applied.");
        for (size_t i = 0; (k = sv_knob_at(i)); i++)
                sv_buf_printf(out, "secure_vm_tune_differences{knob=\"%s\"} %u\n", k->name,
                              count_differences(list, k->name));
        put_head(out, "secure_vm_tune_lost_paths", "NVMe controllers that are not live.");
        sv_buf_printf(out, "secure_vm_tune_lost_paths %zu\n",
                      sv_json_len(sv_json_get(checked, "lost_paths")));
        put_head(out, "secure_vm_tune_unfinished", "1 when an apply was cut short.");
        sv_buf_printf(out, "secure_vm_tune_unfinished %d\n",
                      sv_json_bool(sv_json_get(checked, "unfinished"), false));
        put_head(out, "secure_vm_tune_checked_seconds", "When this was read, since 1970.");
        sv_buf_printf(out, "secure_vm_tune_checked_seconds %lld\n", (long long)now);
}
