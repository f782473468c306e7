/* SPDX-License-Identifier: Apache-2.0 */
/* Which audit records somebody looks for. Pure. */
#pragma once

#include "base/json/json.h"

struct sv_audit_filter {           /* NULL: anything */
        const char *since, *until; /* in the form of the records' time, or a beginning of it */
        const char *resource;      /* a path, or the beginning of paths that ends with '/' */
        const char *who;           /* platform, ek_cn, admin, peer's address, or session */
        const char *outcome, *action;
        const char *check; /* a name, or the beginning of names that ends with '.' */
        const char *request;
};

/* SV_USAGE "cli.option" when a time has no form of one. */
int sv_audit_filter_check(const struct sv_audit_filter *f, struct sv_err *err);
bool sv_audit_filter_takes(const struct sv_audit_filter *f, const struct sv_json *record);
