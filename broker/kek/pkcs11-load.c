/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/kek/pkcs11-load.h"

#include "base/core/library.h"

struct sv_p11_calls sv_p11;

static const struct sv_library_call calls[] = {
#define P11_ROW(call) {"p11_kit_" #call, offsetof(struct sv_p11_calls, call)},
        SV_P11_CALLS(P11_ROW)
#undef P11_ROW
};

static struct sv_library library = {
        .sonames = {"libp11-kit.so.0"},
        .check = "broker.kek.library",
        .advice = "a kek in a PKCS#11 token is reached through it; install libp11-kit0",
        .calls = calls,
        .n = sizeof(calls) / sizeof(calls[0]),
        .table = &sv_p11,
        .lock = PTHREAD_MUTEX_INITIALIZER,
};

int sv_p11_load(struct sv_err *err)
{
        return sv_library_load(&library, err);
}
