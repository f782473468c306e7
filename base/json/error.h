/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as JSON. */
#pragma once

#include "base/json/json.h"

/* "class", "check" and "message". */
void sv_put_error(struct sv_json *to, const struct sv_err *err);
/* {"ok":false,"error":{"class":…,"check":…,"message":…}} of the command contract; the caller frees.
 */
struct sv_json *sv_err_json(const struct sv_err *err);
