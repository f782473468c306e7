/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt, loaded by the first call that needs it (launcher/virt/virt-int.h says why). */
#include "base/core/library.h"
#include "launcher/virt/virt-int.h"

struct sv_virt_calls vir;

static const struct sv_library_call calls[] = {
#define SV_VIRT_CALL(call) {"vir" #call, offsetof(struct sv_virt_calls, call)},
        SV_VIRT_CALLS(SV_VIRT_CALL)
#undef SV_VIRT_CALL
};

static struct sv_library libvirt = {
        .sonames = {"libvirt.so.0"},
        .check = "virt.library",
        .advice = "guests run under libvirt 9.0 or newer; install libvirt-daemon-driver-qemu",
        .calls = calls,
        .n = sizeof(calls) / sizeof(calls[0]),
        .table = &vir,
        .lock = PTHREAD_MUTEX_INITIALIZER,
};

int sv_virt_load(struct sv_err *err)
{
        return sv_library_load(&libvirt, err);
}
