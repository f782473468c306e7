/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker keeps for an encrypted disk: the key, and with it the volume whose header it
 * belongs to. The header is under the host's control; the binding says which one the key was made
 * for. Form: docs/FORMATS.md, "Disk key resource". */
#pragma once

#include "base/core/secret.h"

#define SV_DISK_KEY_SIZE 64 /* bytes of a disk key */

struct sv_binding {
        char uuid[37];
        uint8_t header_digest[48]; /* sv_luks_header_digest */
};

/* The resource for the broker. */
struct sv_secret *sv_binding_pack(const struct sv_binding *b, struct sv_secret *key,
                                  struct sv_err *err);
/* Takes a resource apart; the caller frees *key. SV_FORMAT "luks.binding.*". */
int sv_binding_unpack(struct sv_secret *resource, struct sv_binding *b, struct sv_secret **key,
                      struct sv_err *err);
/* The binding of the volume that begins with `head`. */
int sv_binding_of(struct sv_bytes head, struct sv_binding *b, struct sv_err *err);
/* Is the volume that begins with `head` the one this binding is for? SV_PROOF "luks.binding.uuid" /
 * "luks.binding.header". */
int sv_binding_check(const struct sv_binding *b, struct sv_bytes head, struct sv_err *err);
