/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/autostart.h"

#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/host/host.h"

static int run_systemctl(const char *verb, const char *unit, struct sv_err *err)
{
        const char *const argv[] = {"systemctl", "--quiet", verb, unit, NULL};

        return sv_host_run(argv, NULL, "autostart.systemd", err);
}

static int switch_service(const char *unit, bool on, struct sv_err *err)
{
        const char *verb = on ? "enable" : "disable";

        if (geteuid() != 0)
                return sv_fail(err, SV_USAGE, "autostart.user",
                               "the guests that start with the host are root's, and this is user "
                               "%u: as root, define it and switch this on",
                               (unsigned)geteuid());
        return run_systemctl(verb, unit, err) < 0 ? sv_wrap(err, "\"systemctl %s %s\"", verb, unit)
                                                  : 0;
}

int sv_autostart_embedded(const char *uri, const char *name, const bool *set, bool *now,
                          struct sv_err *err)
{
        SV_STR unit = sv_asprintf("secure-vm@%s.service", name);

        if (!sv_name_ok(name))
                return sv_fail(err, SV_USAGE, "state.name",
                               "\"%s\" is not a guest's name; \"secure-vm list\" shows those there "
                               "are",
                               name);
        if (set && switch_service(unit, *set, err) < 0)
                return -1;
        /* without a systemd nothing starts it */
        *now = run_systemctl("is-enabled", unit, NULL) == 0;
        return 0;
}
