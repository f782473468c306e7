/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual functions of network cards that guests have (SR-IOV): chosen and set before a start, as
 * they were again when nothing of the guest runs. Which, for whom and how they were stands in the
 * file ".vf" beside all guests' folders, from before anything is set; it counts until the machine's
 * next boot. `root` is "" for this machine. */
#pragma once

#include "guest/guest.h"
#include "launcher/keeper/state.h"

/* Before a launch, of a "vf": can it be had, as far as that can be told? SV_SYSTEM "vf.rights",
 * "vf.card", "vf.none", "vf.busy", "vf.iommu"; SV_USAGE "vf.tee". */
int sv_functions_check(const char *root, const struct sv_guest *g, size_t nic, bool confidential,
                       struct sv_err *err);
/* With the guest's lock held. addresses[i], which the caller frees, is the function of its i-th
 * card on the PCI bus. Those that it has already stay its own. Nothing is kept of a failure: those
 * of sv_functions_check, "vf.create", "vf.refused", "vf.record". Adds "vf" to the card in `nics`.
 */
int sv_functions_take(const char *root, const struct sv_state *s, const struct sv_guest *g,
                      char **addresses, struct sv_json *nics, struct sv_err *err);
/* Of a guest that runs, by its status: adds to the array `found` an object for each difference, as
 * sv_readback does, when the card lets its function do something else now, or it is not the guest's
 * any more. False: it has none. */
bool sv_functions_compare(const char *root, const struct sv_json *status, struct sv_json *found);
/* When nothing of the guest runs: each is as it was, and the host's. SV_SYSTEM "vf.back". Nothing
 * to do for a guest that has none. */
int sv_functions_release(const char *root, const struct sv_state *s, struct sv_err *err);
