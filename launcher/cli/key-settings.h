/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say something of a resource beside its value. */
#pragma once

#include "attest/kbs/admin-client.h"
#include "base/program/cli.h"

#define SV_SETTINGS_OPTS                                                                          \
        {.name = "releases",                                                                      \
         .arg = "N",                                                                              \
         .help = "it may be released N times from now on; none: as often as it is asked for"},    \
        {                                                                                         \
                .name = "label", .arg = "NAME=VALUE", .help = "a label that it has", .many = true \
        }

/* "releases", "label" and "no-label", as far as the command has them. SV_USAGE "key.releases" and
 * "key.label". What *out points to is the arguments'. */
int sv_settings_from_args(const struct sv_args *args, struct sv_admin_settings *out,
                          struct sv_err *err);
/* Prints `before` and on the same line labels and releases of a resource as it was listed or shown;
 * false: it has none, and nothing was printed. */
bool sv_settings_print(const struct sv_json *row, const char *before);
