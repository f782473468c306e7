/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/numa_maps (proc(5)): a line a mapping: address, policy, then words as N0=128 (pages of
 * a node), kernelpagesize_kB=2048. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/tune/readback-int.h"
#include "launcher/tune/sys-file.h"

struct memory {
        struct sv_bitset wanted;
        uint64_t huge;   /* bytes that lie in pages of the wanted size */
        uint64_t page;   /* that size; 0: none is wanted */
        bool bound;      /* a mapping has a policy for wanted nodes */
        uint64_t astray; /* bytes of such mappings on other nodes */
        char policy[64]; /* of the first mapping that is bound otherwise; "" */
};

static uint64_t read_mapping_number(const char *line, const char *word, uint64_t otherwise)
{
        const char *at = strstr(line, word);
        uint64_t n = otherwise;

        if (!at)
                return otherwise;
        at += strlen(word);
        return sv_sys_take_number(&at, UINT32_MAX, &n) ? n : otherwise;
}

/* Pages on nodes, in bytes: all, and those that are elsewhere than wanted. */
static void count_nodes(const char *line, uint64_t page, const struct sv_bitset *wanted,
                        uint64_t *all, uint64_t *astray)
{
        for (const char *at = line; (at = strstr(at, " N"));) {
                uint64_t node, pages;

                at += 2;
                if (!sv_sys_take_number(&at, SV_NODES_MAX - 1, &node) || *at++ != '=' ||
                    !sv_sys_take_number(&at, UINT32_MAX, &pages))
                        continue;
                *all += pages * page;
                *astray += sv_bitset_has(wanted, (unsigned)node) ? 0 : pages * page;
        }
}

/* "bind:0-1", "prefer:0", "prefer (many):0": the nodes; false for "default". */
static bool read_mapping_nodes(const char *line, struct sv_bitset *nodes, char policy[64])
{
        const char *at = strchr(line, ' ');
        SV_STR list = NULL;
        size_t n;

        if (!at || (strncmp(at, " bind", 5) && strncmp(at, " prefer", 7)) ||
            !(at = strchr(at, ':')))
                return false;
        n = strcspn(++at, " \n");
        list = sv_asprintf("%.*s", (int)n, at);
        snprintf(policy, 64, "%.60s", list);
        return sv_bitset_parse(list, SV_NODES_MAX, nodes, "nodes", "tune.readback", NULL) == 0;
}

static void count_mapping(const char *line, struct memory *m)
{
        uint64_t page = read_mapping_number(line, "kernelpagesize_kB=", 4) << 10, all = 0,
                 astray = 0;
        struct sv_bitset nodes = {0};
        char policy[64];

        count_nodes(line, page, &m->wanted, &all, &astray);
        if (strstr(line, " huge") && page == m->page)
                m->huge += all;
        if (!read_mapping_nodes(line, &nodes, policy))
                return;
        if (sv_bitset_within(&nodes, &m->wanted)) {
                m->bound = true;
                m->astray += astray;
        } else if (!*m->policy) {
                memcpy(m->policy, policy, sizeof(policy));
        }
}

/* Control groups bind without a policy of the mapping: then no thread may have other nodes. */
static bool is_confined(const struct sv_readback *r, const struct sv_bitset *wanted)
{
        for (size_t i = 0; i < r->n_threads; i++)
                if (!strncmp(r->threads[i].name, "CPU ", 4) &&
                    !sv_bitset_within(&r->threads[i].mems, wanted))
                        return false;
        return r->n_threads > 0;
}

static void compare_nodes(const struct sv_readback *r, const struct memory *m, const char *wanted)
{
        bool strict = !strcmp(sv_json_text(r->tuning, "mode", ""), "strict");

        if (*m->policy)
                sv_readback_add(r, "numa_maps", "memory's nodes", wanted, m->policy);
        else if (!m->bound && !is_confined(r, &m->wanted))
                sv_readback_add(r, "numa_maps", "memory's nodes", wanted, "any");
        if (strict && m->astray) {
                SV_STR found =
                        sv_asprintf("%llu KiB elsewhere", (unsigned long long)(m->astray >> 10));

                sv_readback_add(r, "numa_maps", "memory", wanted, found);
        }
}

void sv_readback_read_nodes(const struct sv_readback *r, struct sv_bitset *out)
{
        const struct sv_json *cells = sv_json_get(r->tuning, "cells");

        for (size_t i = 0; i < sv_json_len(cells); i++) {
                const char *list = sv_json_str(sv_json_at(cells, i));
                struct sv_bitset one = {0};

                if (list &&
                    sv_bitset_parse(list, SV_NODES_MAX, &one, "nodes", "tune.readback", NULL) == 0)
                        sv_bitset_join(out, &one);
        }
}

int sv_readback_compare_memory(const struct sv_readback *r, struct sv_err *err)
{
        const struct sv_json *cells = sv_json_get(r->tuning, "cells");
        struct memory m = {.page = (uint64_t)sv_json_int(sv_json_get(r->tuning, "hugepages"), 0)};
        uint64_t memory = (uint64_t)sv_json_int(sv_json_get(r->tuning, "memory"), 0);
        SV_STR path = sv_asprintf("%s/proc/%u/numa_maps", r->root, r->pid);
        SV_BUF maps = SV_BUF_NULL, nodes = SV_BUF_NULL;
        char *line, *next;

        if (!cells && !m.page)
                return 0;
        /* a kernel without NUMA has no such file, and one node */
        if (access(path, F_OK) < 0)
                return 0;
        if (sv_file_read(path, SV_MAPS_SIZE_MAX, &maps, "tune.readback", err) < 0)
                return -1;
        sv_readback_read_nodes(r, &m.wanted);
        sv_buf_u8(&maps, 0);
        if (sv_buf_ok(&maps, path, err) < 0)
                return -1;
        for (line = (char *)maps.p; line && *line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = 0;
                count_mapping(line, &m);
        }
        sv_bitset_put(&m.wanted, &nodes);
        if (cells)
                compare_nodes(r, &m, sv_buf_str(&nodes));
        if (m.page && m.huge < memory) {
                SV_STR wanted = sv_asprintf("%llu KiB in pages of %llu KiB",
                                            (unsigned long long)(memory >> 10),
                                            (unsigned long long)(m.page >> 10));
                SV_STR found = sv_asprintf("%llu KiB", (unsigned long long)(m.huge >> 10));

                sv_readback_add(r, "numa_maps", "huge pages", wanted, found);
        }
        return 0;
}
