/* SPDX-License-Identifier: Apache-2.0 */
/* Which node each cell gets: a search through all assignments, the promising first, that leaves a
 * branch when it cannot become better than what was found. */
#include <stdlib.h>

#include "base/core/text.h"
#include "launcher/tune/place-int.h"

struct search {
        const struct sv_topology *t;
        const struct sv_place_wish *w;
        const struct sv_bitset *usable;
        unsigned *cpus;   /* usable of each node, less what the branch has given away */
        uint64_t *room;   /* the same in bytes */
        unsigned *rank;   /* of each node: how many have more memory */
        unsigned *wasted; /* of each node: 1 when it has cards that this guest does not ask for */
        unsigned *l3s;    /* of each node a row: its CPUs by last-level cache, the most first */
        size_t *order;    /* of nodes, the promising first */
        size_t *at;       /* node of each cell in this branch */
        size_t *best;
        uint64_t cost; /* of best; UINT64_MAX: none yet */
        unsigned steps;
};

static void get_node_cpus(const struct search *s, size_t node, struct sv_bitset *out)
{
        *out = s->t->nodes[node].cpus;
        sv_bitset_keep(out, s->usable);
}

static bool is_device_node(const struct sv_topology *t, size_t node)
{
        for (size_t i = 0; i < t->n_devices; i++)
                if (t->devices[i].node == (int)node)
                        return true;
        return false;
}

static int compare_descending(const void *a, const void *b)
{
        unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

        return x < y ? 1 : x > y ? -1 : 0;
}

/* How many of the node's usable CPUs each last-level cache has, the most first. */
static void fill_l3s(const struct search *s, size_t node, unsigned *row)
{
        struct sv_bitset cpus;

        get_node_cpus(s, node, &cpus);
        for (size_t i = 0; i < s->t->n_cpus; i++)
                row[s->t->cpus[i].l3] += sv_bitset_has(&cpus, s->t->cpus[i].id);
        qsort(row, s->t->n_l3s, sizeof(*row), compare_descending);
}

/* The fewest that so many vCPUs take of a node. */
static unsigned count_l3s(const struct search *s, size_t node, unsigned vcpus)
{
        const unsigned *row = &s->l3s[node * s->t->n_l3s];
        unsigned n = 0;

        while (n < s->t->n_l3s && vcpus) {
                vcpus -= row[n] < vcpus ? row[n] : vcpus;
                n++;
        }
        return n;
}

/* From each device to the nearest of these nodes. */
static uint64_t add_device_distances(const struct search *s, const size_t *nodes, size_t n)
{
        uint64_t sum = 0;

        for (unsigned d = sv_bitset_next(&s->w->near, 0); d < s->t->n_nodes;
             d = sv_bitset_next(&s->w->near, d + 1)) {
                unsigned least = UINT32_MAX;

                for (size_t i = 0; i < n; i++)
                        if (sv_topology_distance(s->t, nodes[i], d) < least)
                                least = sv_topology_distance(s->t, nodes[i], d);
                sum += least;
        }
        return sum;
}

/* The fewest caches of the cells' nodes, each node's counted once. */
static uint64_t count_cells_l3s(const struct search *s, const size_t *nodes)
{
        const struct sv_place_cell *cells = s->w->cells;
        uint64_t sum = 0;

        for (size_t i = 0; i < s->w->n_cells; i++) {
                unsigned vcpus = cells[i].vcpus;
                size_t before = 0;

                while (before < i && nodes[before] != nodes[i])
                        before++;
                for (size_t j = i + 1; j < s->w->n_cells; j++)
                        vcpus += nodes[j] == nodes[i] ? cells[j].vcpus : 0;
                sum += before == i ? count_l3s(s, nodes[i], vcpus) : 0;
        }
        return sum;
}

/* One number, in which what counts more stands in higher bits. */
static uint64_t weigh(const struct search *s, const size_t *nodes, size_t n, uint64_t distances,
                      uint64_t l3s)
{
        uint64_t wasted = 0, rank = 0;

        for (size_t i = 0; i < n; i++) {
                wasted += s->wasted[nodes[i]];
                rank += s->rank[nodes[i]];
        }
        distances += add_device_distances(s, nodes, n);
        return distances << 36 | l3s << 24 | wasted << 14 | rank;
}

static bool fits(const struct search *s, size_t node, unsigned vcpus, uint64_t memory)
{
        return s->cpus[node] >= vcpus && (!s->w->memory_must_fit || s->room[node] >= memory);
}

static void try_cells(struct search *s, size_t cell, uint64_t distances)
{
        const struct sv_place_cell *c = &s->w->cells[cell];

        if (cell == s->w->n_cells) {
                uint64_t cost =
                        weigh(s, s->at, cell, distances, s->w->pin ? count_cells_l3s(s, s->at) : 0);

                if (cost >= s->cost)
                        return;
                s->cost = cost;
                for (size_t i = 0; i < cell; i++)
                        s->best[i] = s->at[i];
                return;
        }
        for (size_t i = 0; i < s->t->n_nodes && s->steps < SV_PLACE_STEPS; i++) {
                size_t node = s->order[i];
                uint64_t more = distances;

                if (!fits(s, node, c->vcpus, c->memory))
                        continue;
                for (size_t j = 0; j < cell; j++)
                        more += sv_topology_distance(s->t, s->at[j], node);
                if (s->cost != UINT64_MAX && more > s->cost >> 36)
                        continue;
                s->steps++;
                s->at[cell] = node;
                s->cpus[node] -= c->vcpus;
                s->room[node] -= s->w->memory_must_fit ? c->memory : 0;
                try_cells(s, cell + 1, more);
                s->cpus[node] += c->vcpus;
                s->room[node] += s->w->memory_must_fit ? c->memory : 0;
        }
}

/* --- a guest of one cell that no single node has room for --- */

static bool set_fits(const struct search *s, const size_t *nodes, size_t n)
{
        unsigned cpus = 0;
        uint64_t room = 0;

        for (size_t i = 0; i < n; i++) {
                cpus += s->cpus[nodes[i]];
                room += s->room[nodes[i]];
        }
        return cpus >= s->w->cells[0].vcpus &&
               (!s->w->memory_must_fit || room >= s->w->cells[0].memory);
}

struct span {
        size_t *at, *best, n_best;
        uint64_t cost;
};

static void try_nodes(struct search *s, struct span *p, size_t n, size_t from, size_t size,
                      uint64_t distances)
{
        if (n == size) {
                uint64_t cost;

                if (!set_fits(s, p->at, n))
                        return;
                cost = weigh(s, p->at, n, distances, 0);
                if (cost >= p->cost)
                        return;
                p->cost = cost;
                p->n_best = n;
                for (size_t i = 0; i < n; i++)
                        p->best[i] = p->at[i];
                return;
        }
        for (size_t i = from; i < s->t->n_nodes && s->steps < SV_PLACE_STEPS; i++) {
                uint64_t more = distances;

                for (size_t j = 0; j < n; j++)
                        more += sv_topology_distance(s->t, p->at[j], i);
                if (p->cost != UINT64_MAX && more > p->cost >> 36)
                        continue;
                s->steps++;
                p->at[n] = i;
                try_nodes(s, p, n + 1, i + 1, size, more);
        }
}

/* The smallest set, and of those the nearest to each other. */
static bool span_nodes(struct search *s, struct sv_bitset *out)
{
        struct span p = {.cost = UINT64_MAX};

        p.at = calloc(2 * s->t->n_nodes, sizeof(*p.at));
        p.best = p.at ? p.at + s->t->n_nodes : NULL;
        for (size_t size = 2; p.at && size <= s->t->n_nodes && !p.n_best; size++) {
                s->steps = 0;
                try_nodes(s, &p, 0, 0, size, 0);
        }
        for (size_t i = 0; i < p.n_best; i++)
                sv_bitset_add(out, (unsigned)p.best[i]);
        free(p.at);
        return p.n_best;
}

/* --- the whole --- */

static int compare_memory(const void *a, const void *b, void *arg)
{
        const struct search *s = arg;
        size_t x = *(const size_t *)a, y = *(const size_t *)b;

        if (s->room[x] != s->room[y])
                return s->room[x] < s->room[y] ? 1 : -1;
        return x < y ? -1 : 1;
}

static int compare_promise(const void *a, const void *b, void *arg)
{
        const struct search *s = arg;
        size_t x = *(const size_t *)a, y = *(const size_t *)b;
        uint64_t dx = add_device_distances(s, &x, 1), dy = add_device_distances(s, &y, 1);

        if (dx != dy)
                return dx < dy ? -1 : 1;
        return compare_memory(a, b, arg);
}

static int begin_search(struct search *s, struct sv_err *err)
{
        size_t n = s->t->n_nodes;

        s->cost = UINT64_MAX;
        s->cpus = calloc(n, sizeof(*s->cpus));
        s->room = calloc(n, sizeof(*s->room));
        s->rank = calloc(n, sizeof(*s->rank));
        s->wasted = calloc(n, sizeof(*s->wasted));
        s->l3s = calloc(n * s->t->n_l3s, sizeof(*s->l3s));
        s->order = calloc(n, sizeof(*s->order));
        s->at = calloc(s->w->n_cells, sizeof(*s->at));
        s->best = calloc(s->w->n_cells, sizeof(*s->best));
        if (!s->cpus || !s->room || !s->rank || !s->wasted || !s->l3s || !s->order || !s->at ||
            !s->best)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory to place a guest");
        for (size_t i = 0; i < n; i++) {
                struct sv_bitset cpus;

                get_node_cpus(s, i, &cpus);
                s->cpus[i] = sv_bitset_count(&cpus);
                s->room[i] = sv_topology_room(s->t, i, s->w->page_size);
                if (!s->w->page_size)
                        s->room[i] -=
                                s->room[i] < SV_PLACE_OVERHEAD ? s->room[i] : SV_PLACE_OVERHEAD;
                s->order[i] = i;
                s->wasted[i] = !sv_bitset_count(&s->w->near) && is_device_node(s->t, i);
                fill_l3s(s, i, &s->l3s[i * s->t->n_l3s]);
        }
        qsort_r(s->order, n, sizeof(*s->order), compare_memory, s);
        for (size_t i = 0; i < n; i++)
                s->rank[s->order[i]] = (unsigned)i;
        qsort_r(s->order, n, sizeof(*s->order), compare_promise, s);
        return 0;
}

static void end_search(struct search *s)
{
        free(s->cpus);
        free(s->room);
        free(s->rank);
        free(s->wasted);
        free(s->l3s);
        free(s->order);
        free(s->at);
        free(s->best);
}

static int fail_to_place(const struct search *s, struct sv_err *err)
{
        const struct sv_place_cell *most = &s->w->cells[0];
        unsigned cpus = 0, all = 0, wanted = 0;
        uint64_t room = 0;
        char want[32], have[32];

        for (size_t i = 0; i < s->w->n_cells; i++) {
                wanted += s->w->cells[i].vcpus;
                if (s->w->cells[i].vcpus > most->vcpus)
                        most = &s->w->cells[i];
        }
        for (size_t i = 0; i < s->t->n_nodes; i++) {
                all += s->cpus[i];
                cpus = s->cpus[i] > cpus ? s->cpus[i] : cpus;
                room = s->cpus[i] >= most->vcpus && s->room[i] > room ? s->room[i] : room;
        }
        if (all < wanted || (s->w->n_cells > 1 && cpus < most->vcpus))
                return sv_fail(err, SV_SYSTEM, "tune.place.cpus",
                               "the guest wants %u CPUs, %u of them on one node, and this host has "
                               "%u %s, at most %u on one; give it fewer, or end or move another",
                               wanted, most->vcpus, all, s->w->pin ? "that nobody else has" : "",
                               cpus);
        sv_format_size(most->memory, want);
        sv_format_size(room, have);
        return sv_fail(
                err, SV_SYSTEM, "tune.place.memory",
                "a cell of the guest wants %u CPUs and %s of %s on one node, and no node has "
                "both (a node with so many CPUs has at most %s); give it less, more cells, "
                "or \"preferred\" in place of \"strict\"",
                most->vcpus, want, s->w->page_size ? "huge pages" : "memory", have);
}

/* Nodes that were given have room, too. */
static int check_given_nodes(struct search *s, struct sv_bitset *nodes, struct sv_err *err)
{
        for (size_t i = 0; i < s->w->n_cells; i++) {
                unsigned vcpus = s->w->given ? 0 : s->w->cells[i].vcpus, cpus = 0;
                uint64_t memory = s->w->memory_must_fit ? s->w->cells[i].memory : 0, room = 0;
                SV_BUF list = SV_BUF_NULL;
                char want[32], have[32];

                for (unsigned k = sv_bitset_next(&s->w->at[i], 0); k < s->t->n_nodes;
                     k = sv_bitset_next(&s->w->at[i], k + 1)) {
                        unsigned cpu_part = s->cpus[k] < vcpus - cpus ? s->cpus[k] : vcpus - cpus;
                        uint64_t part = s->room[k] < memory - room ? s->room[k] : memory - room;

                        s->cpus[k] -= cpu_part;
                        s->room[k] -= part;
                        cpus += cpu_part;
                        room += part;
                }
                sv_bitset_put(&s->w->at[i], &list);
                if (cpus < vcpus)
                        return sv_fail(err, SV_SYSTEM, "tune.place.cpus",
                                       "node %s was expected to have %u CPUs%s for a cell of the "
                                       "guest, found %u",
                                       sv_buf_str(&list), vcpus,
                                       s->w->pin ? " that nobody else has" : "", cpus);
                sv_format_size(memory, want);
                sv_format_size(room, have);
                if (room < memory)
                        return sv_fail(err, SV_SYSTEM, "tune.place.memory",
                                       "node %s was expected to have %s of %s free for a cell of "
                                       "the guest, found %s",
                                       sv_buf_str(&list), want,
                                       s->w->page_size ? "huge pages" : "memory", have);
                nodes[i] = s->w->at[i];
        }
        return 0;
}

int sv_place_find_nodes(const struct sv_topology *t, const struct sv_place_wish *w,
                        const struct sv_bitset *usable, struct sv_bitset *nodes, struct sv_err *err)
{
        struct search s = {.t = t, .w = w, .usable = usable};
        int r = begin_search(&s, err);

        if (r == 0 && w->at) {
                r = check_given_nodes(&s, nodes, err);
                end_search(&s);
                return r;
        }
        if (r == 0)
                try_cells(&s, 0, 0);
        if (r == 0 && s.cost != UINT64_MAX) {
                for (size_t i = 0; i < w->n_cells; i++)
                        sv_bitset_add(&nodes[i], (unsigned)s.best[i]);
        } else if (r == 0 && (w->n_cells > 1 || !span_nodes(&s, &nodes[0]))) {
                r = fail_to_place(&s, err);
        }
        end_search(&s);
        return r;
}
