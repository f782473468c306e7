/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's command for the version of its database. */
#pragma once

#include "base/program/cli.h"

extern const struct sv_opt sv_migrate_opts[];

int sv_run_migrate(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
