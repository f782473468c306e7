/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/resize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/virt/domain.h"

#define MIB         (1ull << 20)
#define SHARES_MAX  262144 /* of cgroup version 1; version 2 takes up to 10000 */
#define PERCENT_MAX (100 * 4096)

enum unit { NUMBER, BYTES };

/* Without `of` the value is the whole text. */
static const struct {
        enum sv_resize_kind kind;
        const char *name, *of, *expected;
        enum unit unit;
        bool none; /* takes the word, which is 0 */
        uint64_t min, max;
} kinds[] = {
        {SV_RESIZE_CPU_SHARES, "cpu-shares", NULL, "a weight from 1 to 262144", NUMBER, false, 1,
         SHARES_MAX},
        {SV_RESIZE_CPU_QUOTA, "cpu-quota", NULL,
         "a percentage of one CPU (150 is one and a half), or none", NUMBER, true, 1, PERCENT_MAX},
        {SV_RESIZE_DISK_RATE, "disk-rate", "disk",
         "DISK=SIZE, bytes a second, as root=50MiB, or DISK=none", BYTES, true, 1, INT64_MAX},
        {SV_RESIZE_DISK_IOPS, "disk-iops", "disk",
         "DISK=N, requests a second, as root=500, or DISK=none", NUMBER, true, 1, INT64_MAX},
        {SV_RESIZE_NET_RATE, "net-rate", "network card",
         "CARD=SIZE, bytes a second from 1KiB to 1TiB in whole KiB, as 0=10MiB, or CARD=none",
         BYTES, true, 1024, 1ull << 40},
        {SV_RESIZE_VCPUS, "vcpus", NULL, "a number of vCPUs", NUMBER, false, 1, 512},
        {SV_RESIZE_MEMORY, "memory", NULL, "a size in whole MiB, as 4GiB", BYTES, false, MIB,
         1ull << 44},
        {SV_RESIZE_DISK_SIZE, "disk", "disk", "DISK=SIZE in whole KiB, as root=20GiB", BYTES, false,
         1024, INT64_MAX},
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static size_t find_kind(enum sv_resize_kind kind)
{
        size_t i = 0;

        while (i < N_KINDS - 1 && kinds[i].kind != kind)
                i++;
        return i;
}

const char *sv_resize_name(enum sv_resize_kind kind)
{
        return kinds[find_kind(kind)].name;
}

static int fail_value(size_t kind, const char *text, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "resize.value", "--%s takes %s; found \"%.60s\"",
                       kinds[kind].name, kinds[kind].expected, text);
}

/* What libvirt counts in KiB must be whole ones. */
static bool is_whole(size_t kind, uint64_t value)
{
        switch (kinds[kind].kind) {
        case SV_RESIZE_NET_RATE:
        case SV_RESIZE_DISK_SIZE:
                return value % 1024 == 0;
        case SV_RESIZE_MEMORY:
                return value % MIB == 0;
        default:
                return true;
        }
}

static bool may_be_set(size_t kind, uint64_t value)
{
        return (value == 0 && kinds[kind].none) ||
               (value >= kinds[kind].min && value <= kinds[kind].max && is_whole(kind, value));
}

static int parse_value(size_t kind, const char *text, uint64_t *value, struct sv_err *err)
{
        struct sv_err ignored;

        *value = 0;
        if (kinds[kind].none && !strcmp(text, "none"))
                return 0;
        if ((kinds[kind].unit == BYTES
                     ? sv_parse_size(text, value, "resize.value", &ignored)
                     : sv_parse_u64(text, UINT64_MAX, value, "resize.value", &ignored)) < 0 ||
            !*value || !may_be_set(kind, *value))
                return fail_value(kind, text, err);
        return 0;
}

static int append_step(struct sv_resize *r, const struct sv_resize_step *step, struct sv_err *err)
{
        if (r->n == SV_RESIZE_STEPS_MAX)
                return sv_fail(err, SV_USAGE, "resize.many",
                               "at most %d changes at once are possible", SV_RESIZE_STEPS_MAX);
        for (size_t i = 0; i < r->n; i++) {
                const struct sv_resize_step *other = &r->steps[i];

                if (other->kind == SV_RESIZE_DISK_SIZE && step->kind == SV_RESIZE_DISK_SIZE)
                        return sv_fail(err, SV_USAGE, "resize.twice",
                                       "one disk grows at a time, since what has grown does not "
                                       "shrink again when the next one fails");
                if (other->kind == step->kind && !strcmp(other->of, step->of))
                        return sv_fail(err, SV_USAGE, "resize.twice", "--%s is given twice%s%s",
                                       sv_resize_name(step->kind), *step->of ? " for " : "",
                                       step->of);
        }
        r->steps[r->n++] = *step;
        /* a disk that has grown stays so: everything else is done before */
        for (size_t i = r->n - 1; i > 0 && r->steps[i - 1].kind == SV_RESIZE_DISK_SIZE; i--) {
                struct sv_resize_step last = r->steps[i - 1];

                r->steps[i - 1] = r->steps[i];
                r->steps[i] = last;
        }
        return 0;
}

int sv_resize_add(struct sv_resize *r, enum sv_resize_kind kind, const char *text,
                  struct sv_err *err)
{
        struct sv_resize_step step = {.kind = kind};
        size_t k = find_kind(kind);
        const char *equals = strchr(text, '='), *value = text;

        if (kinds[k].of) {
                if (!equals || equals == text || (size_t)(equals - text) >= sizeof(step.of))
                        return fail_value(k, text, err);
                memcpy(step.of, text, (size_t)(equals - text));
                value = equals + 1;
        }
        if (parse_value(k, value, &step.value, err) < 0)
                return -1;
        return append_step(r, &step, err);
}

const struct sv_resize_step *sv_resize_find(const struct sv_resize *r, enum sv_resize_kind kind)
{
        for (size_t i = 0; i < r->n; i++)
                if (r->steps[i].kind == kind)
                        return &r->steps[i];
        return NULL;
}

struct sv_json *sv_resize_print(const struct sv_resize *r)
{
        struct sv_json *list = sv_json_array();

        for (size_t i = 0; i < r->n; i++) {
                struct sv_json *j = sv_json_add(list, sv_json_object());

                sv_json_set_str(j, "set", sv_resize_name(r->steps[i].kind));
                if (*r->steps[i].of)
                        sv_json_set_str(j, "of", r->steps[i].of);
                sv_json_set_int(j, "value", (int64_t)r->steps[i].value);
        }
        return list;
}

static int parse_step(const struct sv_json *j, struct sv_resize_step *step, struct sv_err *err)
{
        static const char *const members[] = {"set", "of", "value", NULL};
        const char *name, *of = sv_json_text(j, "of", "");
        int64_t value;
        size_t k = 0;

        if (sv_json_need_str(j, "set", &name, "control.request", err) < 0 ||
            sv_json_need_int(j, "value", 0, INT64_MAX, &value, "control.request", err) < 0 ||
            sv_json_only(j, members, "control.request", err) < 0)
                return -1;
        while (k < N_KINDS && strcmp(kinds[k].name, name))
                k++;
        if (k == N_KINDS || !kinds[k].of != !*of || strlen(of) >= sizeof(step->of) ||
            !may_be_set(k, (uint64_t)value))
                return sv_fail(err, SV_FORMAT, "control.request",
                               "a change of this guest was expected, found \"%.32s\" of \"%.32s\" "
                               "to %lld",
                               name, of, (long long)value);
        *step = (struct sv_resize_step){.kind = kinds[k].kind, .value = (uint64_t)value};
        snprintf(step->of, sizeof(step->of), "%s", of);
        return 0;
}

int sv_resize_parse(const struct sv_json *j, struct sv_resize *out, struct sv_err *err)
{
        struct sv_resize r = {0};

        if (sv_json_type(j) != SV_JSON_ARRAY || !sv_json_len(j) ||
            sv_json_len(j) > SV_RESIZE_STEPS_MAX)
                return sv_fail(err, SV_FORMAT, "control.request",
                               "1 to %d changes of this guest were expected", SV_RESIZE_STEPS_MAX);
        for (size_t i = 0; i < sv_json_len(j); i++) {
                struct sv_resize_step step;
                struct sv_err why;

                if (parse_step(sv_json_at(j, i), &step, err) < 0)
                        return -1;
                if (append_step(&r, &step, &why) < 0)
                        return sv_fail(err, SV_FORMAT, "control.request", "%s", why.msg);
        }
        *out = r;
        return 0;
}

/* --- which of the guest's --- */

static int fail_no_disk(const char *id, const struct sv_json *disks, struct sv_err *err)
{
        SV_BUF names = SV_BUF_NULL;

        for (size_t i = 0; i < sv_json_len(disks); i++)
                sv_buf_printf(&names, "%s%s", i ? ", " : "",
                              sv_json_text(sv_json_at(disks, i), "id", "-"));
        return sv_fail(err, SV_USAGE, "resize.disk", "the guest has no disk \"%.32s\" (it has: %s)",
                       id, names.n ? sv_buf_str(&names) : "none");
}

/* In the order of the guest file. */
static int find_target(struct sv_resize_step *step, const struct sv_json *disks, struct sv_err *err)
{
        for (size_t i = 0; i < sv_json_len(disks) && i < SV_GUEST_DISKS_MAX; i++)
                if (!strcmp(sv_json_text(sv_json_at(disks, i), "id", ""), step->of)) {
                        sv_domain_name_disk(i, step->target);
                        return 0;
                }
        return fail_no_disk(step->of, disks, err);
}

/* A card of QEMU's own network has no interface at the host on which anything could be limited. */
static int find_card(struct sv_resize_step *step, const struct sv_json *nics, struct sv_err *err)
{
        struct sv_err ignored;
        const struct sv_json *nic;
        uint64_t number;

        if (sv_parse_u64(step->of, SV_GUEST_NICS_MAX, &number, "resize.nic", &ignored) < 0 ||
            number >= sv_json_len(nics))
                return sv_fail(err, SV_USAGE, "resize.nic",
                               "the guest has no network card \"%.32s\": it has %zu, counted from "
                               "0 in the order of its guest file",
                               step->of, sv_json_len(nics));
        nic = sv_json_at(nics, (size_t)number);
        if (!strcmp(sv_json_text(nic, "type", ""), "vf"))
                return sv_fail(err, SV_USAGE, "resize.nic",
                               "network card %s is a function of the host's card, which limits it "
                               "itself: \"max_rate\" in the guest file, from the next start on",
                               step->of);
        if (!strcmp(sv_json_text(nic, "type", ""), "user"))
                return sv_fail(err, SV_USAGE, "resize.nic",
                               "card %s is of type \"user\": QEMU itself is its network and can "
                               "limit nothing; a card of type \"bridge\" or \"network\" can be "
                               "limited",
                               step->of);
        snprintf(step->target, sizeof(step->target), "%s", sv_json_text(nic, "mac", ""));
        return 0;
}

static uint64_t read_count(const struct sv_json *status, const char *name, uint64_t otherwise)
{
        return (uint64_t)sv_json_int(sv_json_get(status, name), (int64_t)otherwise);
}

static int check_vcpus_step(const struct sv_resize_step *step, const struct sv_json *status,
                            struct sv_err *err)
{
        uint64_t boot = read_count(status, "vcpus", 0),
                 most = read_count(status, "vcpus_max", boot);

        if (step->value >= boot && step->value <= most)
                return 0;
        return sv_fail(err, SV_USAGE, "resize.range",
                       "while it runs the guest can have %llu (what it boots with) to %llu vCPUs "
                       "(\"vcpus_max\" of its guest file), found %llu",
                       (unsigned long long)boot, (unsigned long long)most,
                       (unsigned long long)step->value);
}

static int check_memory_step(struct sv_resize_step *step, const struct sv_json *status,
                             struct sv_err *err)
{
        uint64_t boot = read_count(status, "memory", 0),
                 most = read_count(status, "memory_max", boot),
                 block = read_count(status, "memory_block", MIB);
        char from[32], to[32], piece[32], found[32];

        step->boot = boot;
        if (step->value >= boot && step->value <= most && (step->value - boot) % block == 0)
                return 0;
        return sv_fail(err, SV_USAGE, "resize.range",
                       "while it runs the guest can have %s (what it boots with) to %s of memory "
                       "(\"memory_max\" of its guest file), in steps of %s, found %s",
                       sv_format_size(boot, from), sv_format_size(most, to),
                       sv_format_size(block, piece), sv_format_size(step->value, found));
}

int sv_resize_resolve(struct sv_resize *r, const struct sv_json *status, struct sv_err *err)
{
        const struct sv_json *disks = sv_json_get(status, "disks"),
                             *nics = sv_json_get(status, "nics");

        for (size_t i = 0; i < r->n; i++) {
                struct sv_resize_step *step = &r->steps[i];

                switch (step->kind) {
                case SV_RESIZE_CPU_SHARES:
                case SV_RESIZE_CPU_QUOTA:
                        break;
                case SV_RESIZE_DISK_RATE:
                case SV_RESIZE_DISK_IOPS:
                case SV_RESIZE_DISK_SIZE:
                        if (find_target(step, disks, err) < 0)
                                return -1;
                        break;
                case SV_RESIZE_NET_RATE:
                        if (find_card(step, nics, err) < 0)
                                return -1;
                        break;
                case SV_RESIZE_VCPUS:
                        if (check_vcpus_step(step, status, err) < 0)
                                return -1;
                        break;
                case SV_RESIZE_MEMORY:
                        if (check_memory_step(step, status, err) < 0)
                                return -1;
                        break;
                }
        }
        return 0;
}
