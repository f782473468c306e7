/* SPDX-License-Identifier: Apache-2.0 */
/* The measured initramfs: the agent as /init, what it links to, the kernel modules it loads, and
 * nothing else. Equal inputs give equal bytes, so that anybody can build it again and compare the
 * measurement. */
#pragma once

#include <stdbool.h>

#include "image/cpio.h"
#include "image/folder.h"

#define SV_INITRD_EDITS_MAX 2

/* A text of the root's /etc that the agent replaces, as long as it is the one that was seen. */
struct sv_initrd_edit {
        const char *name; /* below /etc */
        char digest[65];  /* SHA-256 of what is replaced, in hex */
        struct sv_buf text;
};

struct sv_initrd_in {
        /* /lib/modules/VERSION, with modules.dep; modules.softdep, modules.alias and what says what
         * is built in when they are there. NULL: the kernel has everything built in */
        const char *modules_dir;
        const struct sv_folder *modules_in; /* the same elsewhere, in place of modules_dir */
        const char *agent;          /* program file; NULL: what was installed with this program */
        const char *const *modules; /* image/modules.h; NULL: sv_initrd_modules */
        bool integrity;             /* sv_initrd_integrity too */
        const char *filesystem;     /* the root's, a module that is needed; NULL: ext4 */
        const struct sv_initrd_edit *edits;
        size_t n_edits;
        /* names of libraries the agent opens by itself, NULL-terminated; may be NULL */
        const char *const *libraries;
        /* PEM file for a broker known by its CA, put at /etc/secure-vm/ca.pem; may be NULL */
        const char *ca;
        /* where a TD's host has its quote service on vsock: /etc/tdx-attest.conf and
         * sv_initrd_vsock; 0: none */
        unsigned quote_port;
};

/* Fills the tree; the modules as image/modules.h does it. */
int sv_initrd_tree(const struct sv_initrd_in *in, struct sv_cpio *tree, struct sv_err *err);
/* The archive, compressed. */
int sv_initrd_pack(struct sv_cpio *tree, struct sv_buf *out, struct sv_err *err);
