/* SPDX-License-Identifier: Apache-2.0 */
/* Ending processes that are known by what /proc says of them. */
#pragma once

#include "launcher/keeper/ids.h"

/* Is process `pid` (the name of its folder in /proc) one of these ids', by any of its user ids? */
bool sv_process_is_of(const char *pid, const struct sv_ids *ids);
/* Does one run? */
bool sv_ids_are_running(const struct sv_ids *ids);
/* SIGKILL to each process that `match` says yes to, until none is left; how many there were at
 * first. A number that another process got meanwhile ends nobody. */
unsigned sv_end_processes(bool (*match)(const char *pid, const void *arg), const void *arg);
/* All of these ids'. SV_SYSTEM "launch.leftovers" when one stays, nothing where the ids are zero.
 */
int sv_end_ids(const struct sv_ids *ids, struct sv_err *err);
