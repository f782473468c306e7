/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/launch-guest.h"

#include <stdio.h>

#include "base/program/log.h"
#include "launcher/choose.h"
#include "launcher/cli/exposure.h"
#include "launcher/cli/warnings.h"
#include "launcher/host/host.h"
#include "launcher/cli/budget-guests.h"
#include "launcher/keeper/check.h"
#include "launcher/keeper/owner.h"
#include "launcher/keeper/warn-host.h"
#include "launcher/virt/virt-dac.h"
#include "tee/warn.h"

static int name_cure(const struct sv_tee_host *tee, struct sv_err *err)
{
        const char *cure = tee->cure ? tee->cure(err->check) : NULL;
        struct sv_err why = *err;

        return cure ? sv_fail(err, why.class, why.check, "%.500s; %s", why.msg, cure) : -1;
}

static int check_and_warn(const char *uri, const struct sv_launch *l, struct sv_json *warnings,
                          struct sv_err *err)
{
        if (sv_check_exposure(l->tee->id, l->guest, warnings, err) < 0 ||
            sv_launch_check(uri, l, err) < 0)
                return name_cure(l->tee, err);
        if (sv_budget_check_launch(uri, l, warnings, err) < 0)
                return -1;
        sv_warn_acceptance(l->tee->id, l->guest, sv_owner_open, warnings);
        if (sv_uri_is_here(uri))
                sv_warn_host("", l, warnings);
        return 0;
}

int sv_launch_prepare(const char *uri, const struct sv_guest *g, struct sv_launch *l,
                      struct sv_json *result, struct sv_err *err)
{
        struct sv_json *warnings;
        struct sv_host host;
        int r;

        *l = (struct sv_launch){.guest = g, .fits = sv_budget_fits};
        if (sv_tee_choose(NULL, g, SV_CHOOSE_HERE, &l->tee, err) < 0)
                return -1;
        sv_host_kvm("", &host);
        l->kvm = host.kvm;
        if (!host.kvm)
                sv_info("no KVM, so the guest is emulated (TCG): %s", host.kvm_why);
        warnings = sv_json_array();
        r = check_and_warn(uri, l, warnings, err);
        sv_warnings_report(warnings, result);
        return r;
}

int sv_launch_prepared(const char *uri, const struct sv_launch *l, struct sv_follow *f,
                       struct sv_json *result, struct sv_err *err)
{
        return sv_keeper_choose(uri)->launch(uri, l, f, result, err) < 0 ? name_cure(l->tee, err)
                                                                         : 0;
}

/* Who follows the events has the reason as their last, also when nothing was started. */
static int end_events(const struct sv_follow *f, const struct sv_err *err)
{
        SV_JSON *e = sv_json_object();
        SV_BUF line = SV_BUF_NULL;

        if (!f->events)
                return -1;
        sv_json_set_str(e, "event", "ended");
        sv_put_error(e, err);
        sv_json_set_int(e, "at_ms", 0);
        sv_json_print(e, &line);
        fprintf(f->events, "%s\n", sv_buf_str(&line));
        fflush(f->events);
        return -1;
}

int sv_launch_guest(const char *uri, const struct sv_guest *g, struct sv_follow *f,
                    struct sv_json *result, struct sv_err *err)
{
        struct sv_launch l;

        return sv_launch_prepare(uri, g, &l, result, err) < 0
                       ? end_events(f, err)
                       : sv_launch_prepared(uri, &l, f, result, err);
}
