/* SPDX-License-Identifier: Apache-2.0 */
/* Another key for an encrypted disk. As with a new disk (image/encrypt.h) the step from the old
 * pair of disk and key to the new one is a single rename: a copy of the disk gets the new header,
 * and then the disk's name. Where the file system shares blocks the copy takes neither time nor
 * room; elsewhere it needs the room of a second disk for as long. */
#pragma once

#include "base/core/buf.h"
#include "luks/binding.h"

struct sv_rekey_in {
        const char *disk;
        /* Asks whether the broker has the key of this disk: before a byte is written. */
        int (*prepare)(void *arg, const struct sv_binding *found, struct sv_err *err);
        /* Has the header made anew, appended to `made`; the broker keeps both keys. */
        int (*exchange)(void *arg, struct sv_bytes head, struct sv_buf *made, struct sv_err *err);
        /* The new pair is there. */
        void (*settle)(void *arg, const struct sv_binding *now);
        void *arg;
};

/* SV_USAGE "image.busy" while a guest has the disk, "image.disk" when it is none that can be
 * replaced, SV_PROOF "luks.rekey.volume" when the new header is another volume's, and what
 * sv_luks_header_parse says. On failure the disk is as it was. */
int sv_rekey(const struct sv_rekey_in *in, char uuid[37], struct sv_err *err);
