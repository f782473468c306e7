/* SPDX-License-Identifier: Apache-2.0 */
/* The guests that run on this host, in its budget. */
#pragma once

#include "launcher/host/budget.h"
#include "launcher/keeper/keeper.h"

/* Adds those of our own supervisor and, with the `uri` of a daemon of this machine, its. Each is
 * put into `rows` (an array, or NULL): name, tee, memory, vcpus, cost. One named `without` is not
 * counted: it ends before it is launched again. */
int sv_budget_add_guests(struct sv_budget *b, const char *uri, const char *without,
                         struct sv_json *rows, struct sv_err *err);
/* Of a TEE's name. One that this version does not know counts as confidential. */
bool sv_budget_is_confidential(const char *tee);
/* Of a status: bytes and vCPUs that it has, or was told to take, while it runs. */
uint64_t sv_budget_read_memory(const struct sv_json *status);
unsigned sv_budget_read_vcpus(const struct sv_json *status);
struct sv_budget_guest {
        uint64_t memory;
        unsigned vcpus;
        bool confidential;
};
/* Before anything is done: would it fit beside the others? Where nobody has made rules for this
 * host it may go on, and *advice (else NULL) is what to say, in err's text. Other hosts' daemons
 * are not looked at. As sv_budget_check. */
int sv_budget_check_guest(const char *uri, const char *name, const struct sv_budget_guest *guest,
                          const char **advice, struct sv_err *err);
/* The same for a launch, and for one that a daemon keeps and that is off. */
int sv_budget_check_launch(const char *uri, const struct sv_launch *l, struct sv_json *warnings,
                           struct sv_err *err);
/* For sv_launch: our own supervisor's guests alone, without a warning. */
int sv_budget_fits(const struct sv_launch *l, struct sv_err *err);
int sv_budget_check_start(const char *uri, const char *name, struct sv_err *err);
