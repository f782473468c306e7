/* SPDX-License-Identifier: Apache-2.0 */
/* Which CPUs of a node: the fewest last-level caches, and of those whole cores. */
#include <stdlib.h>

#include "launcher/tune/place-int.h"

/* How many of `cpus` each cache has; the caller frees. */
static unsigned *count_by_l3(const struct sv_topology *t, const struct sv_bitset *cpus)
{
        unsigned *n = calloc(t->n_l3s, sizeof(*n));

        for (size_t i = 0; n && i < t->n_cpus; i++)
                n[t->cpus[i].l3] += sv_bitset_has(cpus, t->cpus[i].id);
        return n;
}

/* The smallest that has so many, else the largest; n_l3s when none has any. */
static size_t choose_l3(const struct sv_topology *t, const unsigned *have, unsigned want)
{
        size_t best = t->n_l3s;

        for (size_t i = 0; i < t->n_l3s; i++) {
                bool enough = have[i] >= want, best_enough = best < t->n_l3s && have[best] >= want;

                if (!have[i])
                        continue;
                if (best == t->n_l3s || (enough && !best_enough) ||
                    (enough == best_enough &&
                     (enough ? have[i] < have[best] : have[i] > have[best])))
                        best = i;
        }
        return best;
}

unsigned sv_place_count_l3s(const struct sv_topology *t, const struct sv_bitset *cpus,
                            unsigned vcpus)
{
        unsigned *have = count_by_l3(t, cpus), n = 0;

        while (have && vcpus) {
                size_t l3 = choose_l3(t, have, vcpus);

                if (l3 == t->n_l3s)
                        break;
                vcpus -= have[l3] < vcpus ? have[l3] : vcpus;
                have[l3] = 0;
                n++;
        }
        free(have);
        return n;
}

/* Threads of a core that are in the set. */
static unsigned count_core(const struct sv_topology *t, const struct sv_bitset *cpus, unsigned core,
                           unsigned *all)
{
        unsigned n = 0;

        *all = 0;
        for (size_t i = 0; i < t->n_cpus; i++)
                if (t->cpus[i].core == core) {
                        n += sv_bitset_has(cpus, t->cpus[i].id);
                        ++*all;
                }
        return n;
}

/* Takes up to n CPUs of one cache out of `left`: cores with all their threads first; then, for what
 * is less than a core, those that somebody else has a part of already; then any. */
static unsigned take_from_l3(const struct sv_topology *t, struct sv_bitset *left, size_t l3,
                             unsigned n, unsigned *out)
{
        unsigned taken = 0;

        for (int pass = 0; pass < 3; pass++)
                for (size_t i = 0; i < t->n_cpus && taken < n; i++) {
                        unsigned core = t->cpus[i].core, all, have;

                        if (t->cpus[i].l3 != l3 || !sv_bitset_has(left, t->cpus[i].id))
                                continue;
                        have = count_core(t, left, core, &all);
                        if ((pass == 0 && (have < all || n - taken < all)) ||
                            (pass == 1 && have == all))
                                continue;
                        for (size_t k = i; k < t->n_cpus && taken < n; k++)
                                if (t->cpus[k].core == core && sv_bitset_has(left, t->cpus[k].id)) {
                                        out[taken++] = t->cpus[k].id;
                                        sv_bitset_remove(left, t->cpus[k].id);
                                }
                }
        return taken;
}

void sv_place_pick_cpus(const struct sv_topology *t, const struct sv_bitset *from, unsigned n,
                        unsigned *out)
{
        unsigned *have = count_by_l3(t, from), taken = 0;
        struct sv_bitset left = *from;

        while (have && taken < n) {
                size_t l3 = choose_l3(t, have, n - taken);

                if (l3 == t->n_l3s)
                        break;
                have[l3] = 0;
                taken += take_from_l3(t, &left, l3, n - taken, out + taken);
        }
        free(have);
}
