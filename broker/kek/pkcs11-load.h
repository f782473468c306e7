/* SPDX-License-Identifier: Apache-2.0 */
/* What is used of libp11-kit, loaded where a kek is in a token. */
#pragma once

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include "base/core/err.h"

#define SV_P11_CALLS(ROW)         \
        ROW(modules_load)         \
        ROW(module_load)          \
        ROW(module_initialize)    \
        ROW(module_finalize)      \
        ROW(uri_new)              \
        ROW(uri_free)             \
        ROW(uri_parse)            \
        ROW(uri_message)          \
        ROW(uri_match_token_info) \
        ROW(uri_get_attribute)    \
        ROW(uri_get_pin_value)    \
        ROW(uri_get_pin_source)   \
        ROW(uri_get_module_path)  \
        ROW(uri_any_unrecognized) \
        ROW(strerror)

struct sv_p11_calls {
#define SV_P11_POINTER(call) __typeof__(&p11_kit_##call) call;
        SV_P11_CALLS(SV_P11_POINTER)
#undef SV_P11_POINTER
};
extern struct sv_p11_calls sv_p11;

/* SV_SYSTEM "broker.kek.library" */
int sv_p11_load(struct sv_err *err);
