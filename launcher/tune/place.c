/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/place.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/tune/place-int.h"

void sv_placement_free(struct sv_placement *p)
{
        free(p->nodes);
        free(p->vcpus);
        free(p->iothreads);
        sv_json_free(p->reasons);
        *p = (struct sv_placement){0};
}

/* CPUs that the wish lets vCPUs have: with `pin` those that nobody has, and of a machine with
 * isolated CPUs those; else all that are not isolated. */
static void find_usable_cpus(const struct sv_topology *t, const struct sv_place_wish *w,
                             struct sv_bitset *out)
{
        struct sv_bitset isolated = t->isolated;

        *out = t->online;
        if (sv_bitset_count(&w->allowed))
                sv_bitset_keep(out, &w->allowed);
        sv_bitset_keep(&isolated, out);
        if (!w->pin) {
                sv_bitset_drop(out, &isolated);
                return;
        }
        if (sv_bitset_count(&isolated))
                *out = isolated;
        sv_bitset_drop(out, &w->taken);
}

/* --- reasons --- */

static void add_reason(struct sv_placement *p, const char *what, const char *where,
                       const struct sv_bitset *set, const char *fmt, ...)
        __attribute__((format(printf, 5, 6)));
static void add_reason(struct sv_placement *p, const char *what, const char *where,
                       const struct sv_bitset *set, const char *fmt, ...)
{
        struct sv_json *o = sv_json_add(p->reasons, sv_json_object());
        SV_BUF why = SV_BUF_NULL;
        SV_BUF at = SV_BUF_NULL;
        va_list ap;

        va_start(ap, fmt);
        sv_buf_vprintf(&why, fmt, ap);
        va_end(ap);
        sv_buf_printf(&at, "%s%s ", where, sv_bitset_count(set) > 1 ? "s" : "");
        sv_bitset_put(set, &at);
        sv_json_set_str(o, "what", what);
        sv_json_set_str(o, "where", sv_buf_str(&at));
        sv_json_set_str(o, "why", sv_buf_str(&why));
}

static void explain_cell(const struct sv_topology *t, const struct sv_place_wish *w, size_t cell,
                         const struct sv_bitset *indexes, struct sv_placement *p)
{
        unsigned node = sv_bitset_next(indexes, 0);
        const struct sv_place_cell *c = &w->cells[cell];
        SV_STR what = sv_asprintf("cell %zu", cell);
        char want[32], have[32];

        sv_format_size(c->memory, want);
        sv_format_size(node < t->n_nodes ? sv_topology_room(t, node, w->page_size) : 0, have);
        if (w->at)
                add_reason(p, what, "node", &p->nodes[cell], "%s",
                           w->given ? "its vCPUs have their CPUs there, or the guest file says so"
                                    : "the guest file says so");
        else if (t->n_nodes == 1)
                add_reason(p, what, "node", &p->nodes[cell], "this host has one node");
        else if (sv_bitset_count(indexes) > 1)
                add_reason(p, what, "node", &p->nodes[cell],
                           "no single node has %u CPUs and %s; these are the fewest, and near to "
                           "each other",
                           c->vcpus, want);
        else if (sv_bitset_has(&w->near, node))
                add_reason(p, what, "node", &p->nodes[cell],
                           "a card or disk that the guest uses is there, and %s of %s are free",
                           have, w->page_size ? "huge pages" : "memory");
        else
                add_reason(p, what, "node", &p->nodes[cell],
                           "it has room for %u CPUs and %s (%s free)%s", c->vcpus, want, have,
                           sv_bitset_count(&w->near)
                                   ? ", and is nearest to the cards and disks that the guest uses"
                                   : "");
}

static void explain_vcpus(const struct sv_topology *t, const struct sv_place_wish *w, size_t cell,
                          unsigned first, const struct sv_bitset *cpus, struct sv_placement *p)
{
        unsigned n = w->cells[cell].vcpus, l3s = sv_place_count_l3s(t, cpus, n);
        SV_STR what = n > 1 ? sv_asprintf("vCPUs %u-%u", first, first + n - 1)
                            : sv_asprintf("vCPU %u", first);

        if (w->given)
                add_reason(p, what, "CPU", cpus, "the guest file says so");
        else if (!w->pin)
                add_reason(p, what, "CPU", cpus, "they float over their node's CPUs");
        else
                add_reason(p, what, "CPU", cpus, "one each, in %u last-level cache%s%s", l3s,
                           l3s == 1 ? "" : "s",
                           sv_bitset_count(&t->isolated) ? "; isolated from other programs" : "");
}

/* --- CPUs --- */

static void get_cpus_of(const struct sv_topology *t, const struct sv_bitset *nodes,
                        const struct sv_bitset *from, struct sv_bitset *out)
{
        *out = (struct sv_bitset){0};
        for (size_t i = 0; i < t->n_nodes; i++)
                if (sv_bitset_has(nodes, (unsigned)i))
                        sv_bitset_join(out, &t->nodes[i].cpus);
        sv_bitset_keep(out, from);
}

/* A node's first core: for the threads of QEMU's that are no vCPU, of every guest there. */
static void get_first_core(const struct sv_topology *t, const struct sv_bitset *cpus,
                           struct sv_bitset *out)
{
        const struct sv_topo_cpu *first = sv_topology_cpu(t, sv_bitset_next(cpus, 0));

        *out = (struct sv_bitset){0};
        for (size_t i = 0; first && i < t->n_cpus; i++)
                if (t->cpus[i].core == first->core && sv_bitset_has(cpus, t->cpus[i].id))
                        sv_bitset_add(out, t->cpus[i].id);
}

/* `all` less the first core, where that is enough and takes no further cache. */
static void spare_first_core(const struct sv_topology *t, const struct sv_bitset *all, unsigned n,
                             struct sv_bitset *out)
{
        struct sv_bitset first;

        get_first_core(t, all, &first);
        *out = *all;
        sv_bitset_drop(out, &first);
        if (sv_bitset_count(out) < n ||
            sv_place_count_l3s(t, out, n) > sv_place_count_l3s(t, all, n))
                *out = *all;
}

/* n CPUs of these nodes, which share them as evenly as they can. */
static void pick_of_nodes(const struct sv_topology *t, unsigned n, const struct sv_bitset *nodes,
                          const struct sv_bitset *usable, unsigned *picked)
{
        unsigned left = n, left_nodes = sv_bitset_count(nodes), done = 0, room;
        struct sv_bitset all;

        get_cpus_of(t, nodes, usable, &all);
        room = sv_bitset_count(&all);
        for (unsigned i = sv_bitset_next(nodes, 0); i < t->n_nodes;
             i = sv_bitset_next(nodes, i + 1), left_nodes--) {
                struct sv_bitset one = {0}, from;
                unsigned have, share = (left + left_nodes - 1) / left_nodes;

                sv_bitset_add(&one, i);
                get_cpus_of(t, &one, usable, &all);
                have = sv_bitset_count(&all);
                room -= have;
                /* what the nodes behind this one cannot have is its */
                share = left > room && left - room > share ? left - room : share;
                share = share < have ? share : have;
                spare_first_core(t, &all, share, &from);
                sv_place_pick_cpus(t, &from, share, picked + done);
                done += share;
                left -= share;
        }
}

/* Cells of one node are placed together, so that they take no cache more than they need. */
static int pin_cells(const struct sv_topology *t, const struct sv_place_wish *w,
                     const struct sv_bitset *usable, const struct sv_bitset *cells,
                     struct sv_placement *p, struct sv_err *err)
{
        unsigned *picked = calloc(p->n_vcpus, sizeof(*picked));

        if (!picked)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for %zu vCPUs",
                               p->n_vcpus);
        for (size_t i = 0; i < w->n_cells; i++) {
                unsigned n = 0, next = 0, vcpu = 0;
                bool first = true;

                for (size_t j = 0; j < w->n_cells; j++) {
                        bool same = sv_bitset_equal(&cells[i], &cells[j]);

                        first &= j >= i || !same;
                        n += same ? w->cells[j].vcpus : 0;
                }
                if (!first)
                        continue;
                pick_of_nodes(t, n, &cells[i], usable, picked);
                for (size_t j = 0; j < w->n_cells; j++)
                        for (unsigned k = 0; k < w->cells[j].vcpus; k++, vcpu++)
                                if (sv_bitset_equal(&cells[i], &cells[j]))
                                        sv_bitset_add(&p->vcpus[vcpu], picked[next++]);
        }
        free(picked);
        return 0;
}

/* The other threads lie at the devices, or at the first cell: on CPUs that are nobody's. */
static void place_others(const struct sv_topology *t, const struct sv_place_wish *w,
                         const struct sv_bitset *cells, struct sv_placement *p)
{
        struct sv_bitset nodes = cells[0], open = t->online, mine = {0}, at;
        const char *why = "a core that no vCPU of this guest has";

        for (size_t i = 0; i < w->n_cells; i++)
                if (sv_bitset_count_both(&cells[i], &w->near)) {
                        nodes = cells[i];
                        sv_bitset_keep(&nodes, &w->near);
                        break;
                }
        if (sv_bitset_count(&w->allowed))
                sv_bitset_keep(&open, &w->allowed);
        sv_bitset_drop(&open, &t->isolated);
        for (size_t i = 0; i < p->n_vcpus; i++)
                sv_bitset_join(&mine, &p->vcpus[i]);
        if (w->pin || w->given) {
                sv_bitset_drop(&open, &w->taken);
                sv_bitset_drop(&open, &mine);
        }
        get_cpus_of(t, &nodes, &open, &at);
        if (w->pin || w->given)
                get_first_core(t, &at, &p->emulator);
        else
                p->emulator = at;
        if (!w->pin && !w->given)
                why = "they float with the vCPUs";
        else if (sv_bitset_count(&t->isolated))
                why = "of its node, a core that is not isolated";
        if (!sv_bitset_count(&p->emulator)) {
                p->emulator = sv_bitset_count(&open) ? open : mine;
                why = sv_bitset_count(&open) ? "no CPU is left on its node"
                                             : "no other CPU is left";
        }
        for (size_t i = 0; i < p->n_iothreads; i++)
                p->iothreads[i] = p->emulator;
        add_reason(p,
                   p->n_iothreads ? "emulator, vhost and I/O threads"
                                  : "emulator and vhost threads",
                   "CPU", &p->emulator, "%s", why);
}

/* --- the whole --- */

static int make_placement(const struct sv_place_wish *w, struct sv_placement *p, struct sv_err *err)
{
        p->n_cells = w->n_cells;
        p->n_iothreads = w->iothreads;
        for (size_t i = 0; i < w->n_cells; i++)
                p->n_vcpus += w->cells[i].vcpus;
        p->nodes = calloc(p->n_cells, sizeof(*p->nodes));
        p->vcpus = calloc(p->n_vcpus, sizeof(*p->vcpus));
        p->iothreads = calloc(p->n_iothreads + 1, sizeof(*p->iothreads));
        p->reasons = sv_json_array();
        return p->nodes && p->vcpus && p->iothreads
                       ? 0
                       : sv_fail(err, SV_SYSTEM, "base.memory", "no memory to place a guest");
}

static int place_cells(const struct sv_topology *t, const struct sv_place_wish *w,
                       const struct sv_bitset *usable, const struct sv_bitset *cells,
                       struct sv_placement *p, struct sv_err *err)
{
        unsigned first = 0;

        if (w->pin && !w->given && pin_cells(t, w, usable, cells, p, err) < 0)
                return -1;
        for (size_t i = 0; i < w->n_cells; i++) {
                unsigned n = w->cells[i].vcpus;
                struct sv_bitset at, mine = {0};

                for (unsigned k = sv_bitset_next(&cells[i], 0); k < t->n_nodes;
                     k = sv_bitset_next(&cells[i], k + 1))
                        sv_bitset_add(&p->nodes[i], t->nodes[k].id);
                explain_cell(t, w, i, &cells[i], p);
                get_cpus_of(t, &cells[i], usable, &at);
                for (unsigned k = first; k < first + n; k++) {
                        if (w->given)
                                p->vcpus[k] = w->given[k];
                        else if (!w->pin)
                                p->vcpus[k] = at;
                        sv_bitset_join(&mine, &p->vcpus[k]);
                }
                explain_vcpus(t, w, i, first, &mine, p);
                first += n;
        }
        return 0;
}

int sv_place_guest(const struct sv_topology *t, const struct sv_place_wish *w,
                   struct sv_placement *out, struct sv_err *err)
{
        struct sv_bitset *cells = calloc(w->n_cells, sizeof(*cells)), usable;
        SV_PLACEMENT p = {0};
        int r = -1;

        find_usable_cpus(t, w, &usable);
        if (!cells)
                sv_fail(err, SV_SYSTEM, "base.memory", "no memory to place a guest");
        else if (make_placement(w, &p, err) == 0 &&
                 sv_place_find_nodes(t, w, &usable, cells, err) == 0)
                r = place_cells(t, w, &usable, cells, &p, err);
        if (r == 0) {
                place_others(t, w, cells, &p);
                r = sv_json_ok(err);
        }
        free(cells);
        if (r == 0) {
                *out = p;
                p = (struct sv_placement){0};
        }
        return r;
}
