/* SPDX-License-Identifier: Apache-2.0 */
/* An encrypted disk whose key only the broker has.
 *
 * Disk and key are a pair, and they lie on two machines. The broker keeps the older key beside the
 * new one, and the guest asks for the key of the header that its disk has; so the step from the old
 * pair to the new one is a single rename:
 *
 *      1. the image is made, whole, in a file without a name, and tried
 *      2. deliver   the broker has both keys; the name still leads to the old disk
 *      3. rename    the name leads to the new disk
 *      4. settle    the broker may give up the older key
 *
 * Whoever is killed in between leaves the old pair (before 3) or the new one. */
#pragma once

#include <stdbool.h>

#include "base/core/secret.h"
#include "image/disk.h"
#include "luks/binding.h"

struct sv_encrypt_in {
        const char *from;
        const struct sv_source *source; /* of SV_DISK_SOURCE, in place of `from` */
        enum sv_disk_from kind;
        enum sv_filesystem filesystem; /* that is made; btrfs only with integrity */
        bool integrity;                /* every block has an authentication tag */
        uint64_t size;                 /* of the finished image; 0: as large as needed */
        const char *out;
        bool replace;         /* an image that is there may be replaced */
        const char *recovery; /* a file for the key, too (image/recovery.h); NULL: none */
        /* Asks whether the broker would take the key: before a byte is written. */
        int (*prepare)(void *arg, struct sv_err *err);
        /* Gives the resource (luks/binding.h) to the broker, which keeps what it had too. */
        int (*deliver)(void *arg, struct sv_secret *resource, const struct sv_binding *binding,
                       struct sv_err *err);
        /* Takes it back, and only it, when the image could not get its name after all. */
        void (*withdraw)(void *arg);
        /* The new pair is there. */
        void (*settle)(void *arg);
        void *arg;
        struct sv_progress *progress; /* of the encryption; may be NULL */
};

struct sv_encrypt_out {
        char uuid[37];
        uint64_t size;
};

/* All or nothing: on failure no file is left, also when interrupted. SV_USAGE "image.exists",
 * "image.out", "image.busy", and what the steps say. */
int sv_encrypt(const struct sv_encrypt_in *in, struct sv_encrypt_out *out, struct sv_err *err);
