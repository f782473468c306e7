/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate authority of swtpm (swtpm-localca), which certifies the endorsement keys of the
 * vTPMs made on this host: where its files are, for the user who runs this program
 * (swtpm_localca(8), swtpm-localca.conf(5)). */
#pragma once

#include "base/core/err.h"

struct sv_localca {
        char *conf;   /* the configuration that counts: the user's own, else the system's */
        char *state;  /* its folder */
        char *root;   /* PEM: certificate of the authority's own root */
        char *issuer; /* PEM: certificate of the key that signs */
};

/* Where root's configuration and authority are: no swtpm reaches its key, as the system's
 * (/var/lib/swtpm-localca) belongs to the user as whom a libvirt daemon runs all of them. */
#define SV_LOCALCA_ROOT "/var/lib/secure-vm/.vtpm-ca"

/* The user's own configuration counts when it is there, else the system's. Values that a
 * configuration does not name are the system's defaults. SV_SYSTEM `check` when it cannot be read.
 * *out is the caller's to free. */
int sv_localca_find(struct sv_localca *out, const char *check, struct sv_err *err);
void sv_localca_free(struct sv_localca *ca);
#define SV_LOCALCA __attribute__((cleanup(sv_localca_free))) struct sv_localca
