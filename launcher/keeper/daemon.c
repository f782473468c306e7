/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/daemon.h"

#include <stdio.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/virt/domain.h"
#include "launcher/keeper/stage.h"
#include "launcher/virt/virt.h"

static int remove_copies(const struct sv_state *s, struct sv_err *err)
{
        SV_STR boot = sv_state_path(s, "boot");

        return sv_remove_tree(boot, err);
}

static int build(const struct sv_guest_elsewhere *w, const struct sv_stage *stage,
                 struct sv_buf *xml, struct sv_err *err)
{
        SV_BUF cmdline = SV_BUF_NULL;
        struct sv_plan plan = {
                .guest = w->guest,
                .tee = w->tee,
                .kvm = w->kvm,
                .kernel = stage->kernel,
                .initrd = stage->initrd,
                .shim = stage->shim,
                .firmware = stage->firmware,
                .nvram_template = stage->nvram_template,
                .nvram = stage->nvram,
        };

        if (sv_guest_cmdline(w->guest, &cmdline, err) < 0)
                return -1;
        plan.cmdline = sv_buf_str(&cmdline);
        return sv_domain_xml(&plan, xml, err);
}

static int run(struct sv_virt *v, const struct sv_tee_host *tee, struct sv_follow *f,
               struct sv_err *err)
{
        int r;

        if (sv_virt_start(v, tee, err) < 0)
                return -1;
        if (!f->wait)
                return 0;
        if (sv_virt_stream(v, SV_AGENT_PORT, &f->fd, err) < 0)
                return -1;
        f->agent = true;
        r = sv_follow(f, err);
        close(f->fd);
        f->fd = -1;
        return r;
}

int sv_elsewhere_launch(const struct sv_guest_elsewhere *w, struct sv_follow *f,
                        struct sv_json **boot, struct sv_err *err)
{
        __attribute__((cleanup(sv_stage_free))) struct sv_stage stage = {0};
        SV_STATE s = {.lock = -1};
        SV_VIRT *v = NULL;
        SV_BUF xml = SV_BUF_NULL;

        if (sv_state_init_elsewhere(&s, w->guest->name, err) < 0 || sv_state_lock(&s, 0, err) < 0 ||
            sv_virt_open(w->uri, &v, err) < 0)
                return -1;
        if (sv_virt_running(v, w->guest->name))
                return sv_fail(
                        err, SV_SYSTEM, "state.busy",
                        "guest %s runs there already; \"secure-vm destroy --connect\" ends it",
                        w->guest->name);
        if (remove_copies(&s, err) < 0 || sv_stage(w->guest, w->tee, &s, &stage, err) < 0 ||
            build(w, &stage, &xml, err) < 0 || sv_virt_define(v, sv_buf_str(&xml), err) < 0)
                return -1;
        if (run(v, w->tee, f, err) < 0) {
                sv_virt_destroy(v, NULL);
                sv_virt_undefine(v, NULL);
                remove_copies(&s, NULL);
                return -1;
        }
        *boot = sv_json_ref(stage.digests);
        return 0;
}

static int add(void *arg, const char *name, enum sv_virt_state state, struct sv_err *err)
{
        struct sv_json *row = sv_json_add(arg, sv_json_object());

        sv_json_set_str(row, "name", name);
        sv_json_set_str(row, "state", sv_virt_state_name(state));
        return 0;
}

int sv_elsewhere_list(const char *uri, struct sv_json *rows, struct sv_err *err)
{
        SV_VIRT *v = NULL;

        return sv_virt_open(uri, &v, err) < 0 ? -1 : sv_virt_each(v, add, rows, err);
}

static int open_guest(const char *uri, const char *name, struct sv_virt **v, struct sv_err *err)
{
        return sv_virt_open(uri, v, err) < 0 ? -1 : sv_virt_lookup(*v, name, err);
}

int sv_elsewhere_destroy(const char *uri, const char *name, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_VIRT *v = NULL;

        if (sv_state_init_elsewhere(&s, name, err) < 0 || open_guest(uri, name, &v, err) < 0 ||
            sv_virt_destroy(v, err) < 0 || sv_virt_undefine(v, err) < 0)
                return -1;
        return remove_copies(&s, err);
}

int sv_elsewhere_stop(const char *uri, const char *name, unsigned seconds, bool force,
                      struct sv_err *err)
{
        SV_VIRT *v = NULL;

        if (open_guest(uri, name, &v, err) < 0 || sv_virt_shutdown(v, err) < 0)
                return -1;
        for (unsigned i = 0; i < seconds * 10; i++) {
                enum sv_virt_state state;

                if (sv_virt_get_state(v, &state, err) < 0)
                        return -1;
                if (state == SV_VIRT_OFF)
                        return 0;
                usleep(100000);
        }
        if (force)
                return sv_virt_destroy(v, err);
        return sv_fail(err, SV_SYSTEM, "stop.timeout",
                       "guest %s did not shut down within %u seconds; --timeout gives it more, "
                       "--force ends it then",
                       name, seconds);
}

int sv_elsewhere_console(const char *uri, const char *name, int *fd, struct sv_err *err)
{
        struct sv_virt *v = NULL;

        if (open_guest(uri, name, &v, err) == 0 && sv_virt_stream(v, NULL, fd, err) == 0)
                return 0;
        sv_virt_close(v);
        return -1;
}
