/* SPDX-License-Identifier: Apache-2.0 */
/* The labels of a guest that has just started, read back. */
#pragma once

#include "launcher/keeper/worker-int.h"

/* Threads, files and sockets have what libvirt says that they were given (launcher/host/labels.h).
 * A file's label that is another is an error where the guest file asks for confinement
 * (security.required), and a warning where that is the host's default: not every file system keeps
 * labels. SV_SYSTEM "launch.confinement". */
int sv_confined_check(const struct sv_worker *w, int qemu, struct sv_err *err);
