/* SPDX-License-Identifier: Apache-2.0 */
/* What every boot of a kernel has in RTMR1 and RTMR2, whatever is started: the steps around it, and
 * a shim before it. */
#include "tdx/measure/rtmr.h"

static int add_action_event(struct sv_prediction *p, const char *text, struct sv_err *err)
{
        return sv_event_data(p, 1, SV_EV_EFI_ACTION, sv_bytes_str(text), err, "\"%s\"", text);
}

int sv_tdx_add_shim(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        if (b->firmware->generation && !b->firmware->generation->shim)
                return sv_fail(err, SV_USAGE, "tdx.shim",
                               "firmware of the generation %s does not start a shim: stable202502 "
                               "or newer is needed",
                               b->firmware->generation->name);
        if (sv_event_image(p, 1, sv_buf_bytes(&b->shim_image), err, "shim, Authenticode digest") <
            0)
                return sv_wrap(err, "shim %s", b->guest->shim);
        return 0;
}

int sv_tdx_rtmr1_begin(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        const struct sv_tdx_generation *g = b->firmware->generation;

        if (add_action_event(p, "Calling EFI Application from Boot Option", err) < 0)
                return -1;
        if (!g) {
                sv_event_unknown(p, 1, SV_EV_SEPARATOR,
                                 "end of the firmware's own events, in some generations");
                sv_event_unpredicted(p, 1,
                                     "which generation of EDK II the firmware measures like is not "
                                     "known: \"generation\" says it");
        }
        if (!g || g->separator != 1)
                return 0;
        return sv_event_data(p, 1, SV_EV_SEPARATOR, SV_TDX_SEPARATOR, err,
                             "end of the firmware's own events");
}

int sv_tdx_rtmr1_end(struct sv_prediction *p, struct sv_err *err)
{
        return add_action_event(p, "Exit Boot Services Invocation", err) < 0
                       ? -1
                       : add_action_event(p, "Exit Boot Services Returned with Success", err);
}

int sv_tdx_shim_lists(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        if (!*b->shim_unknown)
                return sv_event_shim_lists(p, 2, &b->shim, b->store, err);
        sv_event_unknown(p, 2, SV_EV_IPL, "the shim's own lists of keys (MokList and others)");
        sv_event_unpredicted(p, 2, "the shim measures its lists of keys first, but %s",
                             b->shim_unknown);
        return 0;
}
