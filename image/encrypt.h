/* SPDX-License-Identifier: Apache-2.0 */
/* An encrypted disk whose key only the broker has. */
#pragma once

#include <stdbool.h>

#include "base/core/secret.h"
#include "image/disk.h"

struct sv_encrypt_in {
        const char *from;
        enum sv_disk_from kind;
        uint64_t size; /* of the finished image; 0: as large as needed */
        const char *out;
        bool replace; /* an image that is there may be replaced */
        /* Gives the resource (luks/binding.h) to the broker. The image gets its name only after
         * this returned 0. */
        int (*deliver)(void *arg, struct sv_secret *resource, struct sv_err *err);
        /* Takes it back, when the image could not get its name after all. */
        void (*withdraw)(void *arg);
        void *arg;
};

struct sv_encrypt_out {
        char uuid[37];
        uint64_t size;
};

/* All or nothing: on failure no file is left, also when interrupted. SV_USAGE "image.exists", and
 * what the steps say. */
int sv_encrypt(const struct sv_encrypt_in *in, struct sv_encrypt_out *out, struct sv_err *err);
