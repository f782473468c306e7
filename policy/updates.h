/* SPDX-License-Identifier: Apache-2.0 */
/* What an owner would have to do for a claim to be another. */
#pragma once

#include "base/json/json.h"

/* Appends "; to do: …; …" when the object that the claim (a JSON pointer) is in has a list of such
 * texts, "update", for the refusal to say; nothing otherwise. */
void sv_claim_updates(const struct sv_json *claims, const char *claim, struct sv_buf *out);
