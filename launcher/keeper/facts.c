/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/facts.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "base/crypto/crypto.h"
#include "base/json/error.h"
#include "launcher/host/host.h"
#include "launcher/keeper/status.h"
#include "launcher/virt/domain.h"

/* --- of the guest --- */

struct sv_json *sv_facts_make(const struct sv_launch *l, const struct sv_json *boot)
{
        struct sv_json *facts = sv_json_object(), *owner;

        sv_status_put_version(facts);
        sv_status_put_guest(facts, l->guest);
        sv_json_set_str(facts, "tee", l->tee->id->name);
        sv_json_set_str(facts, "accelerator", l->kvm ? "kvm" : "tcg");
        owner = sv_json_set(facts, "owner", sv_json_object());
        sv_json_set_int(owner, "uid", geteuid());
        sv_host_put_name(owner);
        sv_json_set(facts, "boot", sv_json_ref((struct sv_json *)boot));
        return facts;
}

static int parse_facts(const struct sv_buf *text, const char *name, struct sv_json **facts,
                       struct sv_err *err)
{
        SV_JSON *j = NULL;

        if (sv_json_parse(sv_buf_bytes(text), "state.facts", &j, err) < 0)
                return sv_fail(err, SV_FORMAT, "state.facts",
                               "what is kept with the domain %s is not what secure-vm wrote: "
                               "\"virsh dumpxml\" shows it, in " SV_VIRT_FACTS,
                               name);
        if (sv_status_check_version(j, name, err) < 0)
                return -1;
        *facts = sv_json_ref(j);
        return 0;
}

static bool has_agent_port(struct sv_virt *v)
{
        SV_BUF xml = SV_BUF_NULL;

        return sv_virt_get_xml(v, &xml, NULL) == 0 &&
               strstr(sv_buf_str(&xml), "name='" SV_AGENT_PORT "'");
}

int sv_facts_read(struct sv_virt *v, const char *name, bool *ours, struct sv_json **facts,
                  struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        *ours = true;
        *facts = NULL;
        if (sv_virt_read_facts(v, SV_VIRT_FACTS, &text, err) < 0)
                return -1;
        if (text.n)
                return parse_facts(&text, name, facts, err);
        *ours = has_agent_port(v);
        return 0;
}

int sv_facts_read_ours(struct sv_virt *v, const char *name, struct sv_json **facts,
                       struct sv_err *err)
{
        bool ours;

        if (sv_facts_read(v, name, &ours, facts, err) < 0)
                return -1;
        if (ours)
                return 0;
        return sv_fail(err, SV_USAGE, "state.other",
                       "the domain %s is not one that secure-vm has defined, and is left alone; "
                       "\"virsh\" or whoever made it looks after it",
                       name);
}

/* --- of its run --- */

struct sv_json *sv_facts_read_run(struct sv_virt *v)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_json *run = NULL;

        if (sv_virt_read_facts(v, SV_VIRT_RUN, &text, NULL) == 0 && text.n)
                sv_json_parse(sv_buf_bytes(&text), "state.facts", &run, NULL);
        return run;
}

static int write_run(struct sv_virt *v, const struct sv_json *run, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(run, &text);
        return sv_virt_write_run(v, sv_buf_str(&text), err);
}

int sv_facts_begin_run(struct sv_virt *v, struct sv_err *err)
{
        SV_JSON *run = sv_json_object();
        char when[32];

        sv_json_set_str(run, "since", sv_format_time(time(NULL), when));
        sv_json_set_int(run, "started", time(NULL));
        return write_run(v, run, err);
}

int sv_facts_note_unlocked(struct sv_virt *v, const struct sv_follow *f, struct sv_err *err)
{
        SV_JSON *run = sv_facts_read_run(v);

        if (!run)
                run = sv_json_object();
        sv_json_set_bool(run, "unlocked", true);
        if (*f->reasons)
                sv_json_set_str(run, "grounds", f->reasons);
        if (*f->instance)
                sv_json_set_str(run, "instance", f->instance);
        return write_run(v, run, err);
}

static enum sv_life map_life(enum sv_virt_state state, const struct sv_json *run)
{
        bool unlocked = sv_json_bool(sv_json_get(run, "unlocked"), false);

        switch (state) {
        case SV_VIRT_RUNNING:
                return unlocked ? SV_LIFE_UNLOCKED : SV_LIFE_RUNNING;
        case SV_VIRT_PAUSED:
                return unlocked ? SV_LIFE_PAUSED_OPEN : SV_LIFE_PAUSED;
        case SV_VIRT_ENDING:
                return SV_LIFE_STOPPING;
        case SV_VIRT_CRASHED:
                return SV_LIFE_FAILED;
        case SV_VIRT_OFF:
                break;
        }
        return SV_LIFE_STOPPED;
}

enum sv_life sv_facts_life(struct sv_virt *v, enum sv_virt_state state)
{
        SV_JSON *run = sv_facts_read_run(v);

        return map_life(state, run);
}

int sv_facts_check_whole(struct sv_virt *v, const char *name, struct sv_err *err)
{
        if (!sv_virt_is_split(v))
                return 0;
        return sv_fail(
                err, SV_SYSTEM, "migrate.post-copy",
                "a post-copy of guest %s broke: its memory is in two parts, here and at the "
                "other host of that migration, and it stands. While both parts are there, "
                "\"secure-vm migrate %s --connect SOURCE --to TARGET --recover\" brings them "
                "together; else \"secure-vm destroy %s --connect URI\" at both hosts ends "
                "it, and it starts anew from its disks, as after a power cut",
                name, name, name);
}

int sv_facts_check_event(struct sv_virt *v, enum sv_life life, enum sv_life_event event,
                         const char *name, struct sv_err *err)
{
        return sv_facts_check_whole(v, name, err) < 0 ? -1 : sv_life_check(life, event, name, err);
}

/* --- list, show --- */

void sv_facts_put_status(struct sv_virt *v, const char *name, enum sv_virt_state state, bool ours,
                         const struct sv_json *facts, struct sv_json *out)
{
        SV_JSON *run = ours ? sv_facts_read_run(v) : NULL;
        enum sv_life life = map_life(state, run);
        SV_STR host = sv_virt_get_hostname(v, NULL);
        struct sv_err split = SV_ERR_NULL;
        char uuid[37];

        sv_json_set_all(out, facts);
        sv_virt_get_uuid(v, uuid);
        sv_json_set_str(out, "name", name);
        sv_json_set_str(out, "uuid", uuid);
        /* going down is no state that a status shows: it still runs */
        sv_json_set_str(out, "state", sv_life_word(life) ? sv_life_word(life) : "running");
        if (sv_life_is_paused(life))
                sv_json_set_str(out, "paused_for", sv_virt_pause_reason(v));
        if (ours && sv_facts_check_whole(v, name, &split) < 0)
                sv_put_error(sv_json_set(out, "error", sv_json_object()), &split);
        if (run && !sv_life_is_final(life)) {
                sv_json_set_all(out, run);
                if (!split.class) /* the QEMU of a part answers nothing */
                        sv_json_set_int(out, "memory_cost", (int64_t)sv_virt_get_resident(v));
        }
        sv_json_set_str(out, "host", host ? host : "-");
        sv_json_set_bool(out, "ours", ours);
}

void sv_facts_put_sizes(struct sv_virt *v, enum sv_virt_state state, struct sv_json *out)
{
        if ((state != SV_VIRT_RUNNING && state != SV_VIRT_PAUSED) || sv_virt_is_split(v))
                return;
        sv_resize_put_limits(v, out);
        sv_resize_put_sizes(v, out);
}

/* --- a new start --- */

/* They become words of a command for QEMU's monitor. */
static bool is_forward(const struct sv_json *f)
{
        const char *protocol = sv_json_text(f, "protocol", ""),
                   *address = sv_json_text(f, "address", "");

        return (!strcmp(protocol, "tcp") || !strcmp(protocol, "udp")) && *address &&
               strspn(address, "0123456789.") == strlen(address);
}

static void read_forwards(const struct sv_json *list, struct sv_nic *nic)
{
        nic->forwards = calloc(sv_json_len(list) + 1, sizeof(*nic->forwards));
        for (size_t i = 0; nic->forwards && i < sv_json_len(list); i++) {
                const struct sv_json *f = sv_json_at(list, i);

                if (is_forward(f))
                        nic->forwards[nic->n_forwards++] = (struct sv_forward){
                                .protocol = sv_asprintf("%s", sv_json_text(f, "protocol", "")),
                                .address = sv_asprintf("%s", sv_json_text(f, "address", "")),
                                .port = (unsigned)sv_json_int(sv_json_get(f, "port"), 0),
                                .to = (unsigned)sv_json_int(sv_json_get(f, "to"), 0)};
        }
}

void sv_facts_forwards(const struct sv_json *facts, struct sv_guest *out)
{
        const struct sv_json *nics = sv_json_get(facts, "nics");

        out->nics = calloc(sv_json_len(nics) + 1, sizeof(*out->nics));
        out->n_nics = out->nics ? sv_json_len(nics) : 0;
        for (size_t i = 0; i < out->n_nics; i++)
                read_forwards(sv_json_get(sv_json_at(nics, i), "forward"), &out->nics[i]);
}
