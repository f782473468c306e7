/* Evidence from files, for the commands that take it. */
#pragma once

#include "attest/tees.h"
#include "base/cli.h"

/* The TEE that --tee names. SV_USAGE "tee.name". */
int sv_evidence_tee(const struct sv_args *args, const struct sv_tee **out, struct sv_err *err);
/* JSON as the KBS protocol carries it, or what hardware or kernel give, when the TEE knows to wrap that. The caller frees. SV_SYSTEM /
 * SV_FORMAT "verify.evidence", and the TEE's own. */
int sv_evidence_read(const char *path, const struct sv_tee *tee, struct sv_json **out, struct sv_err *err);
