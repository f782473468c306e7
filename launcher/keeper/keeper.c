/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/keeper.h"

const struct sv_keeper *sv_keeper_choose(const char *uri)
{
        return uri ? &sv_keeper_daemon : &sv_keeper_embed;
}

int sv_keeper_offer(const struct sv_keeper *k, bool has, const char *command, struct sv_err *err)
{
        if (has)
                return 0;
        return sv_fail(err, SV_USAGE, "keeper.function",
                       "\"%s\" is not possible for guests of %s; use virsh, or launch the guest "
                       "without --connect",
                       command, k->name);
}
