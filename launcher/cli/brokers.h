/* SPDX-License-Identifier: Apache-2.0 */
/* The brokers to which an administrator has given names, so that no command needs three long
 * options: one file each, $XDG_CONFIG_HOME/secure-vm/brokers/NAME.json (docs/FORMATS.md). They hold
 * no secret: of the administrator's key only its path. */
#pragma once

#include "base/json/json.h"

struct sv_broker_entry {
        char *url, *pin, *admin_key;
};
void sv_broker_entry_free(struct sv_broker_entry *e);
#define SV_BROKER_ENTRY __attribute__((cleanup(sv_broker_entry_free))) struct sv_broker_entry

/* SV_USAGE "brokers.name": no name, or none that is known; the message lists those that are.
 * SV_FORMAT "brokers.file", SV_SYSTEM "brokers.file", SV_SYSTEM "brokers.folder". */
int sv_broker_entry_read(const char *name, struct sv_broker_entry *out, struct sv_err *err);
/* SV_USAGE "brokers.exists" unless `replace`; as above. */
int sv_broker_entry_write(const char *name, const struct sv_broker_entry *e, bool replace,
                          struct sv_err *err);
int sv_broker_entry_remove(const char *name, struct sv_err *err);
/* Their names in order of the alphabet, an array of texts; the caller frees. */
int sv_broker_entry_list(struct sv_json **names, struct sv_err *err);
