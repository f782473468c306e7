/* SPDX-License-Identifier: Apache-2.0 */
/* Init-data of a KBS message: what a guest says that it was launched with. */
#pragma once

#include "tee/verify.h"

/* Is `text`, the init-data of the message, what the confirmed claims hold (HOST_DATA, MRCONFIGID,
 * PCR 8: tee->init_data)? Then its digest, in hex as the claim has it, becomes claim "/init_data".
 * NULL: the message has none. SV_PROOF "broker.attest.init-data" when it is not bound; SV_FORMAT
 * when it names a digest that cannot be. Pure. */
int sv_init_data_check(const struct sv_tee_verify *tee, const char *text, struct sv_json *claims,
                       struct sv_err *err);
