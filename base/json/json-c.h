/* SPDX-License-Identifier: Apache-2.0 */
/* Private to base/json*.c: struct sv_json is json-c's object under another name, so that no other
 * file needs json-c's headers. */
#pragma once

#include <json-c/json.h>

#include "base/json/json.h"

static inline json_object *obj(const struct sv_json *j)
{
        return (json_object *)(uintptr_t)j;
}

static inline struct sv_json *wrap(json_object *o)
{
        return (struct sv_json *)o;
}
