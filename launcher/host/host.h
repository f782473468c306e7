/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine can run guests with. `sysroot` is "" for the machine itself, a folder with
 * proc, dev and sys in tests. */
#pragma once

#include "base/core/buf.h"

struct sv_host {
        bool kvm;              /* guests run on the processor */
        char kvm_why[256];     /* when !kvm: why not, and the one thing to change */
        char cpu[16];          /* "svm", "vmx", "" */
        unsigned address_bits; /* of physical addresses; 0: unknown */
};

/* /dev/kvm alone says nothing: without svm or vmx in the CPU's flags it may create virtual machines
 * that then hang. */
void sv_host_kvm(const char *sysroot, struct sv_host *out);

/* The user and group that a privileged libvirt lets swtpm run as (it must be able to use
 * swtpm-localca). */
const char *sv_host_swtpm_user(void);
/* Makes the certificate authority of swtpm-localca when it is not there, by running swtpm_setup
 * once as that user, and gives its root's path (PEM). */
int sv_host_vtpm_ca(char **pem, struct sv_err *err);

/* First line that `program --version` prints; "" when it cannot be run. */
void sv_host_version(const char *program, char *out, size_t n);
/* Run a program to its end; output is thrown away. Host.<check> when it fails. */
int sv_host_run(const char *const argv[], const char *user, const char *check, struct sv_err *err);

/* The variable store that goes with a firmware code image: what the firmware descriptors say, else
 * by its name. NULL: a single image without one. The caller frees. */
char *sv_host_nvram_template(const char *sysroot, const char *firmware);
