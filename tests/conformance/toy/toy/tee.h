/* SPDX-License-Identifier: Apache-2.0 */
/* A TEE that is no part of the tree: a machine that signs the digest of what it boots. It shows
 * that a folder and a row in each table are all that a new TEE takes. */
#pragma once

#include "tee/tee.h"

extern const struct sv_tee sv_tee_toy;
int sv_toy_options_check(const struct sv_guest *guest, struct sv_err *err);
extern const struct sv_tee_host sv_tee_host_toy;
extern const struct sv_tee_measure sv_tee_measure_toy;
extern const struct sv_tee_verify sv_tee_verify_toy;
extern const struct sv_attester sv_attester_toy;
