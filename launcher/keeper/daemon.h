/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of a libvirt daemon (--connect URI): the daemon is their supervisor, so there is none of
 * ours. */
#pragma once

#include "guest/guest.h"
#include "tee/host.h"
#include "launcher/keeper/follow.h"

struct sv_guest_elsewhere {
        const char *uri;
        const struct sv_guest *guest;
        const struct sv_tee_host *tee;
        bool kvm;
};

/* Copy, measure, define, start; follow the agent when f->wait. A failure leaves nothing defined.
 * *boot: what was measured. */
int sv_elsewhere_launch(const struct sv_guest_elsewhere *w, struct sv_follow *f,
                        struct sv_json **boot, struct sv_err *err);
int sv_elsewhere_list(const char *uri, struct sv_json *rows, struct sv_err *err);
/* ACPI, then (force) at once; waits. */
int sv_elsewhere_stop(const char *uri, const char *name, unsigned seconds, bool force,
                      struct sv_err *err);
int sv_elsewhere_destroy(const char *uri, const char *name, struct sv_err *err);
/* Connected descriptor of the console. The connection stays open as long as the process. */
int sv_elsewhere_console(const char *uri, const char *name, int *fd, struct sv_err *err);
