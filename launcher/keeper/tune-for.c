/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/tune-for.h"

#include <string.h>

#include "launcher/keeper/claim.h"
#include "launcher/keeper/owner.h"
#include "launcher/virt/virt-dac.h"

int sv_tune_for(const char *uri, const struct sv_guest *g, const struct sv_tee_host *tee,
                struct sv_tuned *out, struct sv_err *err)
{
        struct sv_bitset taken = {0};

        if (sv_uri_is_here(uri)) {
                if (sv_tune_asks_host(g))
                        sv_claims_find_cpus(g->name, &taken);
                return sv_tune_guest("", g, tee->id->confidential, &taken, out, err);
        }
        if (!sv_tune_asks_host(g))
                return 0;
        sv_fail(err, SV_USAGE, "tuning.remote",
                "the CPUs, nodes and pages of the machine behind %s cannot be looked at from here; "
                "launch the guest there, or leave \"numa\", \"cpus\", \"hugepages\", \"io_uring\" "
                "and \"vhost\" out",
                uri);
        return sv_guest_wrap(g, "/tuning", err);
}

int sv_tune_check_cache(const struct sv_guest *g, const struct sv_disk *d, struct sv_err *err)
{
        const char *cache = d->tuning.cache, *io = d->tuning.io;
        bool wanted = sv_cache_is_direct(cache) || (io && !strcmp(io, "native"));

        if (!wanted || sv_disk_direct_flag(g, d))
                return 0;
        return sv_fail(err, SV_USAGE, "tuning.cache",
                       "the file system of %s does no direct I/O, which the cache \"%s\"%s needs; "
                       "take \"writeback\" with \"threads\" or \"io_uring\"",
                       d->path, cache ? cache : "none", io ? " or \"native\"" : "");
}
