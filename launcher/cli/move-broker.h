/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator's key lets a move do at the broker: ask beforehand whether the policy knows
 * the target, and end the lease of the guest that was stopped, so that the next need not wait. */
#pragma once

#include "launcher/cli/admin-args.h"
#include "launcher/keeper/move.h"

struct sv_move_broker {
        struct sv_admin *admin; /* NULL: nobody has said which broker */
};
void sv_move_broker_close(struct sv_move_broker *b);
#define SV_MOVE_BROKER __attribute__((cleanup(sv_move_broker_close))) struct sv_move_broker

/* Does an option, or a broker's name, say which? */
int sv_move_broker_is_named(const struct sv_args *args, bool *named, struct sv_err *err);
/* Where an option or a broker's name says how to reach one, mv gets its two calls; b must live as
 * long as those. */
int sv_move_broker_open(const struct sv_args *args, struct sv_move_broker *b, struct sv_move *mv,
                        struct sv_err *err);
/* SV_POLICY "move.authority" when the policy that the broker has for the guest does not trust who
 * makes the target's vTPMs. */
int sv_move_broker_ask(void *arg, const struct sv_json *facts, const char *authority,
                       struct sv_err *err);
