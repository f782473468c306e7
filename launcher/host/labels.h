/* SPDX-License-Identifier: Apache-2.0 */
/* What confines a guest's QEMU and vTPM, as the kernel says of their threads, files and sockets:
 * never as a definition claims it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

/* Who is looked at, and what was asked. */
struct sv_labels {
        const char *root;         /* "" for the machine itself */
        const char *model;        /* "apparmor", "selinux"; NULL: either */
        const uint8_t *uuid;      /* 16 bytes; AppArmor's profile has it in its name */
        int qemu, swtpm;          /* process ids; 0: there is no vTPM */
        const char *label;        /* of SELinux, for its processes; NULL: the domain names none */
        const char *image;        /* the same for its files */
        const char *const *files; /* paths that are to have it */
        size_t n_files;
};

/* Each thread of QEMU and of swtpm. Under AppArmor it has the enforced profile of this guest
 * ("libvirt-UUID"). Under SELinux it has the label that was asked for, the same in all threads, of
 * a type that libvirt gives guests (svirt_t, svirt_tcg_t; swtpm_t, where the policy has it), with
 * two categories, which keep guests apart. SV_SYSTEM "launch.confinement", naming the thread, its
 * label and what was expected. */
int sv_labels_check(const struct sv_labels *l, struct sv_err *err);
/* Under SELinux also: the files that are named have the label for files, and whatever regular file
 * or device for blocks the two have open for writing, and each of their sockets, has this guest's
 * two categories, so that no other guest's QEMU may open or take it. AppArmor has no labels of
 * files, and tells none of sockets. SV_SYSTEM "launch.confinement", naming the file. */
int sv_labels_check_files(const struct sv_labels *l, struct sv_err *err);
