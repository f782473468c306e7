/* SPDX-License-Identifier: Apache-2.0 */
/* A new disk's key goes to the broker, for the commands that make one (image/encrypt.h says when).
 */
#pragma once

#include "attest/kbs/admin-client.h"
#include "image/encrypt.h"

struct sv_delivery {
        struct sv_admin *admin;
        const char *resource;
        const char *forget; /* the volume that is given up; NULL: none */
        char uuid[37];      /* the new one */
};

/* "repository/type/tag", before anything is made of what it names: SV_USAGE "image.resource". */
int sv_delivery_check_resource(const char *resource, struct sv_err *err);
/* The four steps of `in`, with the broker of `d`. SV_USAGE "image.resource", and the broker's. */
void sv_delivery_set(struct sv_delivery *d, struct sv_encrypt_in *in);
