/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine can run guests with. `sysroot` is "" for the machine itself, a folder with
 * proc, dev and sys in tests. */
#pragma once

#include "base/json/json.h"

struct sv_host {
        bool kvm;              /* guests run on the processor */
        char kvm_why[256];     /* when !kvm: why not, and the one thing to change */
        char cpu[16];          /* "svm", "vmx", "" */
        unsigned address_bits; /* of physical addresses; 0: unknown */
};

/* /dev/kvm alone says nothing: without svm or vmx in the CPU's flags it may create virtual machines
 * that then hang. */
void sv_host_kvm(const char *sysroot, struct sv_host *out);

/* First line that `program --version` prints; "" when it cannot be run. */
void sv_host_version(const char *program, char *out, size_t n);
/* Run a program to its end; output is thrown away. SV_SYSTEM `check` when it fails. `config`,
 * unless NULL, is where it looks for its user's configuration (XDG_CONFIG_HOME). */
int sv_host_run(const char *const argv[], const char *config, const char *check,
                struct sv_err *err);

/* The variable store that goes with a firmware code image: what the firmware descriptors say, else
 * by its name. NULL: a single image without one. The caller frees. */
char *sv_host_nvram_template(const char *sysroot, const char *firmware);

/* Adds "host", this machine's name, to what is said of a guest. */
void sv_host_put_name(struct sv_json *status);
