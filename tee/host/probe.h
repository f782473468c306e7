/* SPDX-License-Identifier: Apache-2.0 */
/* What the probes of all TEEs do alike. */
#pragma once

#include "tee/host.h"

/* Sets the one thing to change, unless an earlier step has set it; returns -1. */
int sv_probe_advise(struct sv_probe *out, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
/* Adds to the list of what was found. */
void sv_probe_found(struct sv_probe *out, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
/* The version of libvirt installed below `sysroot`, 11003 for 11.3; 0: there is none. */
unsigned sv_probe_libvirt(const char *sysroot);
