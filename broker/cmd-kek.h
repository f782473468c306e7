/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's commands for its key-encryption key. */
#pragma once

#include "base/program/cli.h"

extern const struct sv_opt sv_kek_show_opts[], sv_kek_seal_opts[];

int sv_run_kek_show(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_run_kek_seal(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
