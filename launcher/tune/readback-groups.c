/* SPDX-License-Identifier: Apache-2.0 */
/* Where libvirt may make control groups, each thread has one: FOLDER/emulator, FOLDER/vcpu0,
 * FOLDER/iothread1. /proc/PID/task/TID/cgroup (cgroups(7)) names it: "4:cpuset:/FOLDER/vcpu0" of
 * version 1, "0::/FOLDER/vcpu0" of version 2. A thread in another one keeps its CPUs, and loses
 * nodes and shares; so does one whose own group was made wider. */
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "launcher/tune/readback-int.h"
#include "launcher/tune/readback.h"
#include "launcher/tune/sys-file.h"

struct grouped {
        const struct sv_thread *thread;
        char *what;  /* for people: "vCPU 0" */
        char *own;   /* the last part of the group that it shall have: "vcpu0" */
        char *group; /* that it has */
        bool version1;
        size_t folder; /* how much of `group` lies before its own part; 0: that ends otherwise */
};

static void free_grouped(struct grouped *g, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                free(g[i].what);
                free(g[i].own);
                free(g[i].group);
        }
        free(g);
}

/* "CPU 3/KVM": the number behind `begin`, with `end` behind it. */
static bool read_number_in_name(const char *name, const char *begin, char end, uint64_t *n)
{
        const char *at = name + strlen(begin);

        return !strncmp(name, begin, strlen(begin)) && sv_sys_take_number(&at, UINT32_MAX, n) &&
               *at == end;
}

/* False for a thread that libvirt does not know by itself. */
static bool name_group(const struct sv_readback *r, const struct sv_thread *t, struct grouped *g)
{
        uint64_t n;

        if (t->tid == r->pid || !strncmp(t->name, "vhost-", 6)) {
                g->what = sv_asprintf("%s", t->tid == r->pid ? "emulator" : t->name);
                g->own = sv_asprintf("/emulator");
        } else if (read_number_in_name(t->name, "CPU ", '/', &n)) {
                g->what = sv_asprintf("vCPU %u", (unsigned)n);
                g->own = sv_asprintf("/vcpu%u", (unsigned)n);
        } else if (read_number_in_name(t->name, "IO iothread", 0, &n)) {
                g->what = sv_asprintf("%s", t->name);
                g->own = sv_asprintf("/iothread%u", (unsigned)n);
        } else {
                return false;
        }
        return true;
}

/* The group that holds CPUs and nodes: that of "cpuset", else the only one that there is. */
static char *find_group(const char *lines, bool *version1)
{
        const char *at = strstr(lines, ":cpuset:");

        *version1 = at;
        if (at)
                at += strlen(":cpuset:");
        else if (!strncmp(lines, "0::", 3))
                at = lines + 3;
        else if ((at = strstr(lines, "\n0::")))
                at += 4;
        return at ? sv_asprintf("%.*s", (int)strcspn(at, "\n"), at) : NULL;
}

static size_t measure_folder(const struct grouped *g)
{
        size_t all = g->group ? strlen(g->group) : 0, own = strlen(g->own);

        return all > own && !strcmp(g->group + all - own, g->own) ? all - own : 0;
}

static size_t read_groups(const struct sv_readback *r, struct grouped *list)
{
        size_t n = 0;

        for (size_t i = 0; i < r->n_threads; i++) {
                const struct sv_thread *t = &r->threads[i];
                SV_STR path = sv_asprintf("/proc/%u/task/%u/cgroup", r->pid, t->tid);
                SV_BUF lines = SV_BUF_NULL;

                if (!name_group(r, t, &list[n]))
                        continue;
                list[n].thread = t;
                if (sv_sys_read(r->root, path, &lines, NULL) == 0)
                        list[n].group = find_group(sv_buf_str(&lines), &list[n].version1);
                list[n].folder = measure_folder(&list[n]);
                n++;
        }
        return n;
}

static bool is_in_folder(const struct grouped *g, const char *folder, size_t n)
{
        return g->folder == n && !strncmp(g->group, folder, n);
}

/* What was noted when the guest started; else the folder of most of its threads. NULL: libvirt made
 * none for this guest. */
static char *choose_folder(const struct sv_readback *r, const struct grouped *list, size_t n)
{
        const char *noted = sv_json_str(sv_json_get(r->tuning, "group"));
        const struct grouped *best = NULL;
        size_t most = 0;

        if (noted)
                return sv_asprintf("%s", noted);
        for (size_t i = 0; i < n; i++) {
                size_t same = 0;

                for (size_t k = 0; list[i].folder && k < n; k++)
                        same += is_in_folder(&list[k], list[i].group, list[i].folder);
                if (same > most) {
                        most = same;
                        best = &list[i];
                }
        }
        return best ? sv_asprintf("%.*s", (int)best->folder, best->group) : NULL;
}

/* Only where the kernel has nodes for the group: then libvirt has set them. */
static void compare_group_nodes(const struct sv_readback *r, const struct grouped *g)
{
        SV_STR file = sv_asprintf("/sys/fs/cgroup%s%s/cpuset.mems", g->version1 ? "/cpuset" : "",
                                  g->group);
        SV_STR where = sv_asprintf("task/%u/status", g->thread->tid);
        SV_STR what = sv_asprintf("%s, memory's nodes", g->what);
        struct sv_bitset wanted = {0};
        SV_BUF want = SV_BUF_NULL, have = SV_BUF_NULL;

        sv_readback_read_nodes(r, &wanted);
        if (!sv_sys_has(r->root, file) || sv_bitset_within(&g->thread->mems, &wanted))
                return;
        sv_bitset_put(&wanted, &want);
        sv_bitset_put(&g->thread->mems, &have);
        sv_readback_add(r, where, what, sv_buf_str(&want), sv_buf_str(&have));
}

static void compare_group(const struct sv_readback *r, const struct grouped *g, const char *folder,
                          bool strict)
{
        if (!is_in_folder(g, folder, strlen(folder))) {
                SV_STR where = sv_asprintf("task/%u/cgroup", g->thread->tid);
                SV_STR what = sv_asprintf("%s, control group", g->what);
                SV_STR wanted = sv_asprintf("%s%s", folder, g->own);

                sv_readback_add(r, where, what, wanted, g->group ? g->group : "none");
        } else if (strict) {
                compare_group_nodes(r, g);
        }
}

void sv_readback_compare_groups(const struct sv_readback *r)
{
        bool strict = sv_json_get(r->tuning, "cells") &&
                      !strcmp(sv_json_text(r->tuning, "mode", ""), "strict");
        struct grouped *list = calloc(r->n_threads + 1, sizeof(*list));
        size_t n = list ? read_groups(r, list) : 0;
        SV_STR folder = list ? choose_folder(r, list, n) : NULL;

        for (size_t i = 0; folder && i < n; i++)
                compare_group(r, &list[i], folder, strict);
        free_grouped(list, n);
}

void sv_readback_note_group(const char *root, unsigned pid, struct sv_json *tuning)
{
        struct sv_thread self = {.tid = pid};
        struct sv_readback r = {
                .root = root, .pid = pid, .tuning = tuning, .threads = &self, .n_threads = 1};
        struct grouped *list = calloc(1, sizeof(*list));
        size_t n = list ? read_groups(&r, list) : 0;

        if (n && list->folder)
                list->group[list->folder] = 0;
        sv_json_set_str(tuning, "group", n && list->folder ? list->group : NULL);
        free_grouped(list, n);
}
