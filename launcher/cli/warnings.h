/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/json/json.h"

/* Prints each warning (tee/warn.h) with its name, and puts the list into `result` (object; may be
 * NULL) as "warnings", which takes it. */
void sv_warnings_report(struct sv_json *list, struct sv_json *result);
