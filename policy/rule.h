/* SPDX-License-Identifier: Apache-2.0 */
/* One rule of a policy: its form, and whether it holds. */
#pragma once

#include "base/json/json.h"

/* What a rule may have, what it is called by first; ends with NULL. */
extern const char *const sv_rule_members[];
/* Which of them is the operator of a checked rule. */
const char *sv_rule_operator(const struct sv_json *rule);
/* Is this the i-th rule of a document as docs/FORMATS.md wants it? SV_FORMAT
 * "policy.rule.<member>". */
int sv_rule_check(const struct sv_json *rule, size_t i, struct sv_err *err);

/* Is there a rule without "when"? Else there may be guests of whom nothing is asked. */
bool sv_rules_have_unconditional(const struct sv_json *rules);
/* Is a checked rule about these claims? One with "when" only where that claim has that value. */
bool sv_rule_applies(const struct sv_json *rule, const struct sv_json *claims);

/* Does a checked rule hold for these claims? Both texts are for messages: what was expected, what
 * was found. */
bool sv_rule_holds(const struct sv_json *rule, const struct sv_json *claims,
                   struct sv_buf *expected, struct sv_buf *found);
