/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's own commands (QMP), through libvirt: only for what libvirt has no call. */
#include "base/core/file.h"
#include "base/core/library.h"
#include "launcher/virt/virt-int.h"

#define CHECK "virt.monitor"

struct sv_virt_qemu_calls vir_qemu;

static const struct sv_library_call qemu_calls[] = {
#define SV_VIRT_CALL(call) {"vir" #call, offsetof(struct sv_virt_qemu_calls, call)},
        SV_VIRT_QEMU_CALLS(SV_VIRT_CALL)
#undef SV_VIRT_CALL
};

static struct sv_library libvirt_qemu = {
        .sonames = {"libvirt-qemu.so.0"},
        .check = "virt.library",
        .advice = "guests run under libvirt 9.0 or newer; install libvirt-daemon-driver-qemu",
        .calls = qemu_calls,
        .n = sizeof(qemu_calls) / sizeof(qemu_calls[0]),
        .table = &vir_qemu,
        .lock = PTHREAD_MUTEX_INITIALIZER,
};

int sv_virt_load_monitor(struct sv_err *err)
{
        return sv_library_load(&libvirt_qemu, err);
}

static int read_reply(const char *text, const char *what, struct sv_json **reply,
                      struct sv_err *err)
{
        SV_JSON *j = NULL;
        const struct sv_json *error;

        if (sv_json_parse(sv_bytes_str(text), CHECK, &j, err) < 0)
                return -1;
        error = sv_json_get(j, "error");
        if (error || !sv_json_get(j, "return"))
                return sv_fail(err, SV_SYSTEM, CHECK, "%s: QEMU says: %.300s", what,
                               sv_json_text(error, "desc", "nothing of use"));
        if (reply)
                *reply = sv_json_ref(sv_json_get(j, "return"));
        return 0;
}

int sv_virt_ask_qemu(struct sv_virt *v, const char *what, struct sv_json *arguments, int fd,
                     struct sv_json **reply, struct sv_err *err)
{
        SV_JSON *j = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        SV_STR result = NULL;
        int r;

        sv_json_set_str(j, "execute", what);
        if (arguments)
                sv_json_set(j, "arguments", arguments);
        sv_json_print(j, &text);
        if (sv_virt_load_monitor(err) < 0 || sv_json_ok(err) < 0 || sv_buf_ok(&text, what, err) < 0)
                return -1;
        r = fd < 0 ? vir_qemu.DomainQemuMonitorCommand(v->dom, sv_buf_str(&text), &result, 0)
                   : vir_qemu.DomainQemuMonitorCommandWithFiles(v->dom, sv_buf_str(&text), 1, &fd,
                                                                NULL, NULL, &result, 0);
        if (r < 0)
                return sv_virt_fail(err, "asking QEMU through libvirt");
        return read_reply(result ? result : "", what, reply, err);
}

struct sv_json *sv_virt_argument(const char *member, const char *name)
{
        struct sv_json *j = sv_json_object();

        sv_json_set_str(j, member, name);
        return j;
}

struct sv_json *sv_virt_add_action(struct sv_json *actions, const char *type)
{
        struct sv_json *action = sv_json_add(actions, sv_json_object());

        sv_json_set_str(action, "type", type);
        return sv_json_set(action, "data", sv_json_object());
}

int sv_virt_do_together(struct sv_virt *v, struct sv_json *actions, struct sv_err *err)
{
        struct sv_json *j = sv_json_object();

        sv_json_set(j, "actions", actions);
        return sv_virt_ask_qemu(v, "transaction", j, -1, NULL, err);
}
