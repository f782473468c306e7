/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of a libvirt daemon (--connect URI): the daemon supervises them, and secure-vm is gone
 * when the command has ended. Only copies of what boots are kept on this host. */
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/keeper/daemon-ids.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/life.h"
#include "launcher/keeper/stage.h"
#include "launcher/virt/virt-cpu.h"
#include "launcher/virt/virt.h"

static int remove_copies(const struct sv_state *s, struct sv_err *err)
{
        SV_STR boot = sv_state_path(s, "boot");

        sv_daemon_ids_drop(s);
        return sv_remove_tree(boot, err);
}

static int open_domain(const char *uri, const char *name, struct sv_virt **v, struct sv_err *err)
{
        if (sv_virt_open(uri, v, err) < 0)
                return -1;
        return sv_virt_lookup(*v, name, err);
}

/* --- launch --- */

static int check_not_running(struct sv_virt *v, const char *name, struct sv_err *err)
{
        if (!sv_virt_is_running(v, name))
                return 0;
        return sv_fail(err, SV_SYSTEM, "state.busy",
                       "guest %s runs there already; \"secure-vm destroy --connect\" ends it",
                       name);
}

/* The copies, and a domain that boots them. *boot: what was measured. */
static int define_guest(struct sv_virt *v, const struct sv_launch *l, const struct sv_state *s,
                        struct sv_json **boot, struct sv_err *err)
{
        __attribute__((cleanup(sv_stage_free))) struct sv_stage stage = {0};
        struct sv_plan_place place = {.kvm = l->kvm};
        struct sv_ids ids;
        SV_BUF xml = SV_BUF_NULL;

        if (sv_virt_check_cpu(v, l->guest->cpu, l->kvm, err) < 0)
                return -1;
        if (remove_copies(s, err) < 0 || sv_daemon_ids_take(v, s, l->guest, &ids, err) < 0)
                return -1;
        place.user = ids.qemu;
        if (sv_stage_boot(l->guest, l->tee, s, &stage, err) < 0)
                return -1;
        if (sv_stage_domain(&stage, l->guest, l->tee, &place, &xml, err) < 0)
                return -1;
        if (sv_virt_define(v, sv_buf_str(&xml), err) < 0)
                return -1;
        *boot = sv_json_ref(stage.digests);
        return 0;
}

static int start_and_follow(struct sv_virt *v, const struct sv_launch *l, struct sv_follow *f,
                            struct sv_err *err)
{
        SV_FD port = -1;

        if (sv_virt_start(v, l->tee, err) < 0 || sv_virt_forward_ports(v, l->guest, err) < 0)
                return -1;
        if (!f->wait)
                return 0;
        if (sv_virt_stream(v, SV_AGENT_PORT, &port, err) < 0)
                return -1;
        if (sv_reader_give(f->reader, port, err) < 0)
                return -1;
        return sv_follow_events(f, err);
}

static int launch_and_follow(const char *uri, const struct sv_launch *l, struct sv_follow *f,
                             struct sv_json **boot, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_VIRT *v = NULL;

        if (sv_state_init_daemon(&s, l->guest->name, err) < 0)
                return -1;
        if (sv_state_lock(&s, 0, err) < 0)
                return -1;
        if (sv_virt_open(uri, &v, err) < 0)
                return -1;
        if (check_not_running(v, l->guest->name, err) < 0)
                return -1;
        if (define_guest(v, l, &s, boot, err) < 0)
                return -1;
        if (start_and_follow(v, l, f, err) == 0)
                return 0;
        sv_virt_destroy(v, NULL);
        sv_virt_undefine(v, NULL);
        remove_copies(&s, NULL);
        return -1;
}

static int launch_under_daemon(const char *uri, const struct sv_launch *l, struct sv_follow *f,
                               struct sv_json *result, struct sv_err *err)
{
        struct sv_reader reader = SV_READER_NONE;
        SV_JSON *boot = NULL;
        int r;

        /* before libvirt's threads */
        if (f->wait && sv_reader_start(&reader, 0, err) < 0)
                return -1;
        f->reader = &reader;
        r = launch_and_follow(uri, l, f, &boot, err);
        f->reader = NULL;
        sv_reader_end(&reader);
        if (r < 0)
                return -1;
        sv_json_set_str(result, "name", l->guest->name);
        sv_json_set_str(result, "tee", l->tee->id->name);
        sv_json_set_str(result, "accelerator", l->kvm ? "kvm" : "tcg");
        sv_json_set_str(result, "state",
                        sv_life_word(f->wait ? SV_LIFE_UNLOCKED : SV_LIFE_RUNNING));
        sv_json_set_str(result, "connect", uri);
        sv_json_set(result, "boot", sv_json_ref(boot));
        return 0;
}

/* --- list, show --- */

static int add_domain(void *arg, const char *name, enum sv_virt_state state, struct sv_err *err)
{
        struct sv_json *row = sv_json_add(arg, sv_json_object());

        sv_json_set_str(row, "name", name);
        sv_json_set_str(row, "state", sv_virt_state_name(state));
        return 0;
}

static int list_under_daemon(const char *uri, struct sv_json *rows, struct sv_err *err)
{
        SV_VIRT *v = NULL;

        if (sv_virt_open(uri, &v, err) < 0)
                return -1;
        return sv_virt_for_each(v, add_domain, rows, err);
}

static int show_under_daemon(const char *uri, const char *name, struct sv_json **out,
                             struct sv_err *err)
{
        enum sv_virt_state state;
        SV_VIRT *v = NULL;

        if (open_domain(uri, name, &v, err) < 0)
                return -1;
        if (sv_virt_get_state(v, &state, err) < 0)
                return -1;
        *out = sv_json_object();
        sv_json_set_str(*out, "name", name);
        sv_json_set_str(*out, "state", sv_virt_state_name(state));
        sv_json_set_str(*out, "connect", uri);
        return 0;
}

/* --- the ends of a run --- */

static int destroy_under_daemon(const char *uri, const char *name, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_VIRT *v = NULL;

        if (sv_state_init_daemon(&s, name, err) < 0)
                return -1;
        if (open_domain(uri, name, &v, err) < 0)
                return -1;
        if (sv_virt_destroy(v, err) < 0)
                return -1;
        if (sv_virt_undefine(v, err) < 0)
                return -1;
        return remove_copies(&s, err);
}

/* The life's states that a daemon tells apart. */
static enum sv_life map_virt_state(enum sv_virt_state state)
{
        switch (state) {
        case SV_VIRT_RUNNING:
                return SV_LIFE_RUNNING;
        case SV_VIRT_PAUSED:
                return SV_LIFE_PAUSED;
        case SV_VIRT_ENDING:
                return SV_LIFE_STOPPING;
        case SV_VIRT_CRASHED:
                return SV_LIFE_FAILED;
        case SV_VIRT_OFF:
                break;
        }
        return SV_LIFE_STOPPED;
}

static int ask_under_daemon(const char *uri, const char *name, enum sv_life_event event,
                            int (*act)(struct sv_virt *v, struct sv_err *err), struct sv_err *err)
{
        enum sv_virt_state state;
        SV_VIRT *v = NULL;

        if (open_domain(uri, name, &v, err) < 0 || sv_virt_get_state(v, &state, err) < 0 ||
            sv_life_check(map_virt_state(state), event, name, err) < 0)
                return -1;
        return act(v, err);
}

static int pause_under_daemon(const char *uri, const char *name, struct sv_err *err)
{
        return ask_under_daemon(uri, name, SV_LIFE_ASK_PAUSE, sv_virt_pause, err);
}

static int resume_under_daemon(const char *uri, const char *name, struct sv_err *err)
{
        return ask_under_daemon(uri, name, SV_LIFE_ASK_RESUME, sv_virt_resume, err);
}

static int stop_under_daemon(const char *uri, const char *name, unsigned seconds, bool force,
                             struct sv_err *err)
{
        SV_VIRT *v = NULL;

        if (open_domain(uri, name, &v, err) < 0)
                return -1;
        if (sv_virt_shutdown(v, err) < 0)
                return -1;
        for (unsigned i = 0; i < seconds * 10; i++) {
                enum sv_virt_state state;

                if (sv_virt_get_state(v, &state, err) < 0)
                        return -1;
                if (state == SV_VIRT_OFF)
                        return 0;
                if (i && i % (SV_PRESS_SECONDS * 10) == 0)
                        sv_virt_shutdown(v, NULL); /* it may end just now */
                usleep(100000);
        }
        return force ? sv_virt_destroy(v, err) : 1;
}

/* --- the console --- */

static int open_daemon_console(const char *uri, const char *name, int *fd, struct sv_err *err)
{
        struct sv_virt *v = NULL;

        if (open_domain(uri, name, &v, err) == 0 && sv_virt_stream(v, NULL, fd, err) == 0)
                return 0; /* the connection stays open under the stream */
        sv_virt_close(v);
        return -1;
}

/* No reboot: libvirt would do it inside the same QEMU, without a new launch and its measurement. */
const struct sv_keeper sv_keeper_daemon = {
        .name = "a libvirt daemon",
        .launch = launch_under_daemon,
        .list = list_under_daemon,
        .show = show_under_daemon,
        .stop = stop_under_daemon,
        .destroy = destroy_under_daemon,
        .pause = pause_under_daemon,
        .resume = resume_under_daemon,
        .console = open_daemon_console,
};
