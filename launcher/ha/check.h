/* SPDX-License-Identifier: Apache-2.0 */
/* What a cluster's configuration lacks for guests, and what it has reported of them. Pure. */
#pragma once

#include "base/json/json.h"

/* Looks at `cib` (cibadmin --query) and `status` (crm_mon --output-as=xml). Adds findings: "check",
 * "level" ("fail", "warn"), "about", "message"; and to `guests` each resource that is a guest of
 * ours: "resource", and its parameters "name", "config", "connect" where they are given. SV_FORMAT
 * "ha.cluster" when one of the texts is not what these programs print. */
int sv_ha_check_cluster(struct sv_bytes cib, struct sv_bytes status, struct sv_json *findings,
                        struct sv_json *guests, struct sv_err *err);
/* One more. */
__attribute__((format(printf, 5, 6))) void sv_ha_add_finding(struct sv_json *findings,
                                                             const char *check, const char *level,
                                                             const char *about, const char *fmt,
                                                             ...);
/* What a program of the cluster's prints; SV_SYSTEM "ha.cluster" when it cannot be run, or fails.
 */
int sv_ha_ask(const char *const argv[], struct sv_buf *out, struct sv_err *err);
