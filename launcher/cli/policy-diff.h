/* SPDX-License-Identifier: Apache-2.0 */
/* Where two versions of a policy differ. Pure. */
#pragma once

#include "base/json/json.h"

/* a, b: policy documents (policy/policy.h). Adds {"what":…,"from":…,"to":…} to *rows for each
 * member, rule and set that differs; "from" or "to" is null where only the other has it. A rule is
 * called by its check ("rule policy.pcr.9"), a set by its generation ("set 2", "set 2: rule …"). */
void sv_policy_diff(const struct sv_json *a, const struct sv_json *b, struct sv_json *rows);
