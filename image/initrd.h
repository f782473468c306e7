/* SPDX-License-Identifier: Apache-2.0 */
/* The measured initramfs: the agent as /init, what it links to, the kernel modules it loads, and
 * nothing else. Equal inputs give equal bytes, so that anybody can build it again and compare the
 * measurement. */
#pragma once

#include <stdbool.h>

#include "image/cpio.h"

struct sv_initrd_in {
        /* /lib/modules/VERSION, with modules.dep and modules.builtin; modules.softdep and
         * modules.alias when they are there */
        const char *modules_dir;
        const char *agent;          /* program file */
        const char *const *modules; /* names, NULL-terminated; NULL: sv_initrd_modules */
        bool integrity;             /* sv_initrd_integrity too */
        /* names of libraries the agent opens by itself, NULL-terminated; may be NULL */
        const char *const *libraries;
        /* PEM file for a broker known by its CA, put at /etc/secure-vm/ca.pem; may be NULL */
        const char *ca;
        /* where a TD's host has its quote service on vsock: /etc/tdx-attest.conf and
         * sv_initrd_vsock; 0: none */
        unsigned quote_port;
};

/* The modules an initramfs has unless told otherwise. Those with a leading '?' are left out where
 * the kernel has none of that name. */
extern const char *const sv_initrd_modules[];

/* For a disk with authentication tags (luks/integrity.h), with ext4 or btrfs on it. */
extern const char *const sv_initrd_integrity[];

/* How a guest reaches its host's vsock. */
extern const char *const sv_initrd_vsock[];

/* Fills the tree. The modules' paths, in the order in which to load them, are the lines of
 * /etc/secure-vm/modules. */
int sv_initrd_tree(const struct sv_initrd_in *in, struct sv_cpio *tree, struct sv_err *err);
/* The archive, compressed. */
int sv_initrd_pack(struct sv_cpio *tree, struct sv_buf *out, struct sv_err *err);
