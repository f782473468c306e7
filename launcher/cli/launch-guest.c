/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/launch-guest.h"

#include "base/program/log.h"
#include "launcher/choose.h"
#include "launcher/cli/exposure.h"
#include "launcher/host/host.h"

static int name_cure(const struct sv_tee_host *tee, struct sv_err *err)
{
        const char *cure = tee->cure ? tee->cure(err->check) : NULL;
        struct sv_err why = *err;

        return cure ? sv_fail(err, why.class, why.check, "%.500s; %s", why.msg, cure) : -1;
}

int sv_launch_guest(const char *uri, const struct sv_guest *g, struct sv_follow *f,
                    struct sv_json *result, struct sv_err *err)
{
        struct sv_launch l = {.guest = g};
        struct sv_host host;

        if (sv_tee_choose(NULL, g, SV_CHOOSE_HERE, &l.tee, err) < 0)
                return -1;
        sv_host_kvm("", &host);
        l.kvm = host.kvm;
        if (!host.kvm)
                sv_info("no KVM, so the guest is emulated (TCG): %s", host.kvm_why);
        if (sv_check_exposure(l.tee->id, g, err) < 0)
                return -1;
        return sv_keeper_choose(uri)->launch(uri, &l, f, result, err) < 0 ? name_cure(l.tee, err)
                                                                          : 0;
}
