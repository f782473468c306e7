/* SPDX-License-Identifier: Apache-2.0 */
/* A guest as an engine of high availability sees it. Pure. */
#pragma once

#include "base/json/json.h"

enum sv_ha_state {
        SV_HA_OFF,  /* nothing of it runs */
        SV_HA_RUNS, /* it does what it was started for, or is on the way there */
        /* its virtual CPUs stand, and nobody has asked for that: an error of a disk's, a watchdog
         */
        SV_HA_STUCK,
        /* a proof or a policy refused its key: it has ended, or is about to */
        SV_HA_REFUSED,
};

/* Of the status that struct sv_keeper's show gives. `reason` gets one line, or stays empty. */
enum sv_ha_state sv_ha_judge(const struct sv_json *status, struct sv_buf *reason);
/* "off", "runs", "stuck", "refused" */
const char *sv_ha_state_word(enum sv_ha_state state);
