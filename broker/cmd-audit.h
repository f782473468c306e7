/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's commands that read the audit record. */
#pragma once

#include "base/program/cli.h"
#include "broker/broker.h"

extern const struct sv_opt sv_audit_opts[], sv_audit_search_opts[], sv_audit_export_opts[],
        sv_audit_cut_opts[], sv_why_opts[];

int sv_run_audit(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_run_audit_search(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_run_audit_export(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_run_audit_cut(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
int sv_run_why(const struct sv_args *args, struct sv_json **result, struct sv_err *err);

/* Its last value; SV_USAGE "cli.option" when it was not given. */
int sv_need_option(const struct sv_args *args, const char *option, const char **value,
                   struct sv_err *err);
/* The database of --config, for reading, and the configuration; the caller frees both. */
int sv_open_audit(const struct sv_args *args, struct sv_broker_config *config,
                  struct sv_store **store, struct sv_err *err);
/* As sv_run_audit prints one. */
void sv_print_record(const struct sv_json *record, bool with_checks);
