/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent does in a running system: attest, derive-key, evidence, get,
 * report. */
#pragma once

#include "agent/config.h"
#include "base/program/cli.h"

int sv_agent_attest(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_agent_evidence(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_agent_get(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_agent_report(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_agent_derive_key(const struct sv_args *args, struct sv_json **result, struct sv_err *err);

/* The broker and its key come from the kernel command line; SV_AGENT_BROKER_OPTS override them. */
int sv_agent_read_config(const struct sv_args *args, const char *resource,
                         struct sv_agent_config *out, struct sv_err *err);

/* Rows of their options. */
#define SV_AGENT_BROKER_OPTS                                                                 \
        {.name = "url",                                                                      \
         .arg = "URL",                                                                       \
         .help = "the broker; otherwise what this machine was started with (securevm.url)"}, \
                {.name = "pin",                                                              \
                 .arg = "PIN",                                                               \
                 .help = "the broker's key, sha256:HEX; otherwise securevm.pin"},            \
        {                                                                                    \
                .name = "ca", .arg = "FILE",                                                 \
                .help = "know the broker by this CA (PEM) instead of a pin"                  \
        }

extern const struct sv_opt sv_agent_attest_opts[];
extern const struct sv_opt sv_agent_derive_key_opts[];
extern const struct sv_opt sv_agent_evidence_opts[];
extern const struct sv_opt sv_agent_get_opts[];
extern const struct sv_opt sv_agent_report_opts[];
