/* SPDX-License-Identifier: Apache-2.0 */
/* The options by which a command says which broker it administers: --broker, --pin, --admin-key; in
 * their place a name (launcher/cli/brokers.h), or SECURE_VM_BROKER. */
#pragma once

#include "attest/kbs/admin-client.h"
#include "base/program/cli.h"
#include "launcher/cli/brokers.h"

#define SV_ADMIN_OPTS                                                                         \
        {.name = "broker",                                                                    \
         .arg = "URL|NAME",                                                                   \
         .help = "the key broker, as this host reaches it (https://host:port), or its name"}, \
                {.name = "pin",                                                               \
                 .arg = "PIN",                                                                \
                 .help = "the broker's key: sha256:HEX, as secure-vm-broker init prints it"}, \
        {                                                                                     \
                .name = "admin-key", .arg = "FILE",                                           \
                .help = "the administrator's private key (PEM)"                               \
        }

/* Which broker that is: the option, else the variable, else the only broker that has a name, or of
 * several the only one with this `pin` (a guest file's, or NULL); and by which key, when either
 * says it. Members stay NULL. sv_broker_entry_read's. */
int sv_admin_choose(const struct sv_args *args, const char *pin, struct sv_broker_entry *out,
                    struct sv_err *err);
/* `pin` stands in when nothing else says it (a guest file's), or NULL. SV_USAGE "admin.broker" when
 * an option is missing; sv_broker_entry_read's. */
int sv_admin_from_args(const struct sv_args *args, const char *pin, struct sv_admin **out,
                       struct sv_err *err);
