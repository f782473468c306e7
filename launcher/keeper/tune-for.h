/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest has of its host, as seen from who will start it. */
#pragma once

#include "launcher/tune/wish.h"
#include "tee/host.h"

/* sv_tune_guest on this machine; `uri` as for struct sv_keeper. SV_USAGE "tuning.remote" for a
 * wish about another machine. */
int sv_tune_for(const char *uri, const struct sv_guest *g, const struct sv_tee_host *tee,
                struct sv_tuned *out, struct sv_err *err);
/* Does the disk's file system do what its "cache" needs? SV_USAGE "tuning.cache". */
int sv_tune_check_cache(const struct sv_guest *g, const struct sv_disk *d, struct sv_err *err);
