/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent does in a running system: attest, derive-key, evidence, get. */
#pragma once

#include "base/program/cli.h"

int sv_agent_attest(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_agent_evidence(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_agent_get(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_agent_report(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_agent_derive_key(const struct sv_args *args, struct sv_json **result, struct sv_err *err);

/* Rows of their options. */
extern const struct sv_opt sv_agent_attest_opts[];
extern const struct sv_opt sv_agent_derive_key_opts[];
extern const struct sv_opt sv_agent_evidence_opts[];
extern const struct sv_opt sv_agent_get_opts[];
extern const struct sv_opt sv_agent_report_opts[];
