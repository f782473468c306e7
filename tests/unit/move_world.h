/* SPDX-License-Identifier: Apache-2.0 */
/* Two hosts with libvirt daemons as a table (--wrap), which several processes see: what a cold move
 * does to them is counted, and the process killed, the thing failed or the target cut off at any
 * number. */
#pragma once

#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "image/run.h"
#include "launcher/keeper/facts.h"
#include "launcher/keeper/move-int.h"
#include "launcher/keeper/move.h"
#include "launcher/virt/virt-migrate.h"
#include "launcher/virt/virt-move.h"
#include "tests/unit/unit.h"

#define ROOT   "/d/root.img"
#define BYTES  (SV_MOVE_CHUNK + 4096) /* two chunks, a letter each */
#define KILLED 77
#define NAME   "g"
/* In whatever process: a child must not go on with the other cases. */
#define MUST(x)                                                                 \
        do {                                                                    \
                if (!(x)) {                                                     \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
                        _exit(99);                                              \
                }                                                               \
        } while (0)

static const char definition[] =
        "<domain type='qemu'><name>g</name><uuid>u</uuid><memory>1024</memory><metadata>"
        "<move></move></metadata><os><type arch='a' machine='m'>hvm</type></os><devices>"
        "<emulator>/q</emulator><disk type='file'><driver type='raw'/>"
        "<source file='" ROOT "' index='1'/></disk></devices></domain>";

struct file {
        char path[64], text[3]; /* "": there is none; its chunks */
        uint64_t bytes;
};

struct host {
        const char *uri, *name;
        struct file files[4];
        char xml[4096]; /* "": no such guest */
        enum sv_virt_state state;
        bool unlocked, autostart, refuses; /* its broker gives no key */
        bool transient, restarted;         /* somebody starts it just before the fence */
        bool lost;                         /* the connection has no subject */
        uint64_t room;
};

/* Both processes see it. */
static struct world {
        struct host hosts[2];
        bool one_storage, cut; /* the target answers no more */
        bool late;             /* what fails is done all the same */
        unsigned missed;       /* waits that hear nothing: it was said before */
        long steps, kill_at, fail_at, cut_at;
        char last; /* that the guest wrote */
        long leases;
        enum {
                NOTED,
                NOT_BEGUN,
                NOT_TAKEN,
                NOT_WHOLE,
                NOT_SIZED,
                NOT_READ
        } notes;           /* of where it writes */
        unsigned busy;     /* passes during which it writes */
        uint64_t read_off; /* bytes read at the source with the guest off */
} * w;

struct sv_pool {
        struct host *of;
        char folder[48];
};

struct sv_pool_sink {
        struct file *f;
        uint64_t at;
};

static struct host *here(void)
{
        return &w->hosts[0];
}

static struct host *there(void)
{
        return &w->hosts[1];
}

static struct host *of(struct sv_virt *v)
{
        return (struct host *)v;
}

static int fail_cut(struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "virt.operation", "the host does not answer any more");
}

static bool is_cut(const struct host *h)
{
        return w->cut && h == there();
}

/* Before whatever changes something. */
static int step(const struct host *h, struct sv_err *err)
{
        w->steps++;
        if (w->steps == w->kill_at)
                _exit(KILLED);
        if (w->cut_at && w->steps >= w->cut_at)
                w->cut = true;
        if (is_cut(h))
                return fail_cut(err);
        if (w->steps == w->fail_at && !w->late)
                return sv_fail(err, SV_SYSTEM, "virt.operation", "this one failed");
        return 0;
}

/* After it. */
static int end_step(long number, struct sv_err *err)
{
        return number == w->fail_at ? sv_fail(err, SV_SYSTEM, "virt.operation", "done, and failed")
                                    : 0;
}

/* --- libvirt's part --- */

int __wrap_sv_virt_open(const char *uri, struct sv_virt **out, struct sv_err *err);
void __wrap_sv_virt_close(struct sv_virt *v);
int __wrap_sv_virt_lookup(struct sv_virt *v, const char *name, struct sv_err *err);
int __wrap_sv_virt_get_state(struct sv_virt *v, enum sv_virt_state *out, struct sv_err *err);
char *__wrap_sv_virt_get_definition(struct sv_virt *v, bool other, struct sv_err *err);
int __wrap_sv_virt_define(struct sv_virt *v, const char *xml, struct sv_err *err);
int __wrap_sv_virt_undefine(struct sv_virt *v, struct sv_err *err);
int __wrap_sv_virt_destroy(struct sv_virt *v, struct sv_err *err);
int __wrap_sv_virt_read_move(struct sv_virt *v, struct sv_buf *out, struct sv_err *err);
int __wrap_sv_virt_write_move(struct sv_virt *v, const char *text, struct sv_err *err);
bool __wrap_sv_virt_is_kept(struct sv_virt *v);
const char *__wrap_sv_virt_find_taken(struct sv_virt *v, const char *name, const char *uuid);
void __wrap_sv_virt_get_uuid(struct sv_virt *v, char out[37]);
char *__wrap_sv_virt_get_hostname(struct sv_virt *v, struct sv_err *err);
void __wrap_sv_virt_keep_alive(struct sv_virt *v);
char *__wrap_sv_virt_get_capabilities(struct sv_virt *v, struct sv_err *err);
int __wrap_sv_virt_get_autostart(struct sv_virt *v, bool *on, struct sv_err *err);
uint64_t __wrap_sv_virt_get_free_memory(struct sv_virt *v);
int __wrap_sv_virt_set_autostart(struct sv_virt *v, bool on, struct sv_err *err);
int __wrap_sv_virt_read_facts(struct sv_virt *v, const char *space, struct sv_buf *out,
                              struct sv_err *err);
int __wrap_sv_virt_check_unsaved(struct sv_virt *v, const char *name, struct sv_err *err);
int __wrap_sv_facts_read_ours(struct sv_virt *v, const char *name, struct sv_json **facts,
                              struct sv_err *err);
enum sv_life __wrap_sv_facts_life(struct sv_virt *v, enum sv_virt_state state);
int __wrap_sv_facts_note_unlocked(struct sv_virt *v, const struct sv_follow *f, struct sv_err *err);
const struct sv_keeper *__wrap_sv_keeper_choose(const char *uri);
int __wrap_sv_migrate_check_cold(struct sv_migrate_run *r, struct sv_err *err);
int __wrap_sv_state_init_daemon(struct sv_state *s, const char *name, struct sv_err *err);
int __wrap_sv_state_lock(struct sv_state *s, unsigned wait_ms, struct sv_err *err);

static struct host *find_host(const char *uri)
{
        return strcmp(uri, here()->uri) ? there() : here();
}

int __wrap_sv_virt_open(const char *uri, struct sv_virt **out, struct sv_err *err)
{
        if (is_cut(find_host(uri)))
                return fail_cut(err);
        *out = (struct sv_virt *)find_host(uri);
        find_host(uri)->lost = false;
        return 0;
}

void __wrap_sv_virt_close(struct sv_virt *v)
{
}

int __wrap_sv_virt_lookup(struct sv_virt *v, const char *name, struct sv_err *err)
{
        if (is_cut(of(v)))
                return fail_cut(err);
        return *of(v)->xml ? 0
                           : sv_fail(err, SV_SYSTEM, "virt.absent", "there is no guest %s", name);
}

int __wrap_sv_virt_get_state(struct sv_virt *v, enum sv_virt_state *out, struct sv_err *err)
{
        if (is_cut(of(v)) || of(v)->lost)
                return fail_cut(err);
        *out = of(v)->state;
        return 0;
}

char *__wrap_sv_virt_get_definition(struct sv_virt *v, bool other, struct sv_err *err)
{
        return of(v)->lost ? NULL : sv_asprintf("%s", of(v)->xml);
}

int __wrap_sv_virt_define(struct sv_virt *v, const char *xml, struct sv_err *err)
{
        long number;
        of(v)->lost = true;
        if (step(of(v), err) < 0)
                return -1;
        number = w->steps;
        of(v)->lost = false;
        if (of(v)->restarted && sv_move_is_fenced(xml))
                of(v)->state = SV_VIRT_RUNNING;
        snprintf(of(v)->xml, sizeof(of(v)->xml), "%s", xml);
        return end_step(number, err);
}

int __wrap_sv_virt_undefine(struct sv_virt *v, struct sv_err *err)
{
        long number;
        if (step(of(v), err) < 0)
                return -1;
        number = w->steps;
        MUST(of(v)->state == SV_VIRT_OFF);
        of(v)->xml[0] = 0;
        return end_step(number, err);
}

int __wrap_sv_virt_destroy(struct sv_virt *v, struct sv_err *err)
{
        long number;
        if (step(of(v), err) < 0)
                return -1;
        number = w->steps;
        of(v)->state = SV_VIRT_OFF;
        of(v)->unlocked = false;
        return end_step(number, err);
}

int __wrap_sv_virt_read_move(struct sv_virt *v, struct sv_buf *out, struct sv_err *err)
{
        const char *at = strstr(of(v)->xml, "<move>"), *end = at ? strstr(at, "</move>") : NULL;

        if (end)
                sv_buf_put(out, sv_bytes(at + 6, (size_t)(end - at) - 6));
        return 0;
}

int __wrap_sv_virt_write_move(struct sv_virt *v, const char *text, struct sv_err *err)
{
        long number;
        char *xml = of(v)->xml, *at = strstr(xml, "<move>"), *end = strstr(xml, "</move>");
        SV_STR rest = NULL;

        if (step(of(v), err) < 0)
                return -1;
        number = w->steps;
        rest = sv_asprintf("%s", end);
        snprintf(at + 6, sizeof(of(v)->xml) - (size_t)(at + 6 - xml), "%s%s", text ? text : "",
                 rest);
        return end_step(number, err);
}

bool __wrap_sv_virt_is_kept(struct sv_virt *v)
{
        return !of(v)->transient;
}

const char *__wrap_sv_virt_find_taken(struct sv_virt *v, const char *name, const char *uuid)
{
        return *of(v)->xml ? "a guest of this name" : NULL;
}

void __wrap_sv_virt_get_uuid(struct sv_virt *v, char out[37])
{
        strcpy(out, "u");
}

char *__wrap_sv_virt_get_hostname(struct sv_virt *v, struct sv_err *err)
{
        return sv_asprintf("%s", of(v)->name);
}

void __wrap_sv_virt_keep_alive(struct sv_virt *v)
{
}

char *__wrap_sv_virt_get_capabilities(struct sv_virt *v, struct sv_err *err)
{
        return sv_asprintf("<capabilities><host><uuid>%s</uuid></host></capabilities>",
                           of(v)->name);
}

int __wrap_sv_virt_get_autostart(struct sv_virt *v, bool *on, struct sv_err *err)
{
        *on = of(v)->autostart;
        return 0;
}

uint64_t __wrap_sv_virt_get_free_memory(struct sv_virt *v)
{
        return 0;
}

int __wrap_sv_virt_set_autostart(struct sv_virt *v, bool on, struct sv_err *err)
{
        if (step(of(v), err) < 0)
                return -1;
        of(v)->autostart = on;
        return 0;
}

int __wrap_sv_virt_read_facts(struct sv_virt *v, const char *space, struct sv_buf *out,
                              struct sv_err *err)
{
        sv_buf_puts(out, "{\"instance\":\"i\"}");
        return 0;
}

int __wrap_sv_virt_check_unsaved(struct sv_virt *v, const char *name, struct sv_err *err)
{
        return 0;
}

int __wrap_sv_facts_read_ours(struct sv_virt *v, const char *name, struct sv_json **facts,
                              struct sv_err *err)
{
        return sv_json_parse(sv_bytes_str("{\"attestation\":{}}"), "test", facts, err);
}

enum sv_life __wrap_sv_facts_life(struct sv_virt *v, enum sv_virt_state state)
{
        return of(v)->unlocked ? SV_LIFE_UNLOCKED : SV_LIFE_RUNNING;
}

int __wrap_sv_facts_note_unlocked(struct sv_virt *v, const struct sv_follow *f, struct sv_err *err)
{
        if (step(of(v), err) < 0)
                return -1;
        of(v)->unlocked = true;
        return 0;
}

int __wrap_sv_migrate_check_cold(struct sv_migrate_run *r, struct sv_err *err)
{
        return 0;
}

int __wrap_sv_state_init_daemon(struct sv_state *s, const char *name, struct sv_err *err)
{
        return 0;
}

int __wrap_sv_state_lock(struct sv_state *s, unsigned wait_ms, struct sv_err *err)
{
        return 0;
}
