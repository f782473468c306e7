/* SPDX-License-Identifier: Apache-2.0 */
/* Where a guest lies: as near as any assignment could be on twelve machines, and never worse than
 * what others would have chosen. */
#include "launcher/tune/place.h"
#include "tests/unit/host_tree.h"

#define CELLS_MAX 4

static struct sv_err err;
static struct sv_topology machines[N_HOSTS];

/* What is compared: sums of distances first, then last-level caches. */
struct nearness {
        bool found;
        double distances;
        unsigned l3s;
};

static bool is_worse(const struct nearness *a, const struct nearness *b)
{
        return a->distances > b->distances + 1e-9 ||
               (a->distances > b->distances - 1e-9 && a->l3s > b->l3s);
}

/* --- the machine as the rules see it, counted without the product's search --- */

static struct sv_bitset get_free_cpus(const struct sv_topology *t, const struct sv_place_wish *w,
                                      size_t node)
{
        struct sv_bitset cpus = t->nodes[node].cpus;

        if (sv_bitset_count(&t->isolated))
                sv_bitset_keep(&cpus, &t->isolated);
        sv_bitset_drop(&cpus, &w->taken);
        return cpus;
}

static unsigned count_free(const struct sv_topology *t, const struct sv_place_wish *w, size_t node)
{
        struct sv_bitset cpus = get_free_cpus(t, w, node);

        return sv_bitset_count(&cpus);
}

static uint64_t get_room(const struct sv_topology *t, const struct sv_place_wish *w, size_t node)
{
        uint64_t room = sv_topology_room(t, node, w->page_size);

        if (w->page_size)
                return room;
        return room < 256 * MIB ? 0 : room - 256 * MIB;
}

/* The fewest caches for so many CPUs: every subset is tried. */
static unsigned try_every_l3(const struct sv_topology *t, const struct sv_place_wish *w,
                             size_t node, unsigned vcpus)
{
        struct sv_bitset cpus = get_free_cpus(t, w, node);
        unsigned have[16] = {0}, n = 0, best = 99, number[256];

        memset(number, 0xff, sizeof(number));
        for (size_t i = 0; i < t->n_cpus; i++) {
                if (!sv_bitset_has(&cpus, t->cpus[i].id))
                        continue;
                if (number[t->cpus[i].l3] == UINT32_MAX)
                        number[t->cpus[i].l3] = n++;
                have[number[t->cpus[i].l3]]++;
        }
        for (unsigned set = 0; set < 1u << n; set++) {
                unsigned sum = 0;

                if ((unsigned)__builtin_popcount(set) >= best)
                        continue;
                for (unsigned i = 0; i < n; i++)
                        sum += set >> i & 1 ? have[i] : 0;
                if (sum >= vcpus)
                        best = (unsigned)__builtin_popcount(set);
        }
        return best;
}

/* Within each cell (its vCPUs to its memory), between cells, from each device to the nearest one.
 */
static double sum_distances(const struct sv_topology *t, const struct sv_place_wish *w,
                            const size_t *at, size_t n)
{
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j <= i; j++)
                        sum += sv_topology_distance(t, at[i], at[j]);
        for (size_t d = 0; d < t->n_nodes; d++) {
                double least = 1e9;

                if (!sv_bitset_has(&w->near, (unsigned)d))
                        continue;
                for (size_t i = 0; i < n; i++)
                        if (sv_topology_distance(t, at[i], d) < least)
                                least = sv_topology_distance(t, at[i], d);
                sum += least;
        }
        return sum;
}

static bool assignment_fits(const struct sv_topology *t, const struct sv_place_wish *w,
                            const size_t *at)
{
        for (size_t node = 0; node < t->n_nodes; node++) {
                uint64_t memory = 0;
                unsigned vcpus = 0;

                for (size_t i = 0; i < w->n_cells; i++)
                        if (at[i] == node) {
                                vcpus += w->cells[i].vcpus;
                                memory += w->cells[i].memory;
                        }
                if (vcpus > count_free(t, w, node) || memory > get_room(t, w, node))
                        return false;
        }
        return true;
}

static unsigned sum_l3s(const struct sv_topology *t, const struct sv_place_wish *w,
                        const size_t *at)
{
        unsigned sum = 0;

        for (size_t node = 0; node < t->n_nodes; node++) {
                unsigned vcpus = 0;

                for (size_t i = 0; i < w->n_cells; i++)
                        vcpus += at[i] == node ? w->cells[i].vcpus : 0;
                sum += vcpus ? try_every_l3(t, w, node, vcpus) : 0;
        }
        return sum;
}

static struct nearness judge(const struct sv_topology *t, const struct sv_place_wish *w,
                             const size_t *at)
{
        return (struct nearness){true, sum_distances(t, w, at, w->n_cells), sum_l3s(t, w, at)};
}

/* --- every assignment --- */

static struct nearness try_everything(const struct sv_topology *t, const struct sv_place_wish *w)
{
        struct nearness best = {.found = false};
        size_t at[CELLS_MAX] = {0}, all = 1;

        for (size_t i = 0; i < w->n_cells; i++)
                all *= t->n_nodes;
        for (size_t k = 0; k < all; k++) {
                struct nearness n = {true, 0, 0};
                size_t rest = k;

                for (size_t i = 0; i < w->n_cells; i++, rest /= t->n_nodes)
                        at[i] = rest % t->n_nodes;
                n.distances = sum_distances(t, w, at, w->n_cells);
                if ((best.found && n.distances > best.distances) || !assignment_fits(t, w, at))
                        continue;
                n.l3s = sum_l3s(t, w, at);
                if (!best.found || is_worse(&best, &n))
                        best = n;
        }
        return best;
}

/* --- numad, and libvirt's placement='auto', which asks it: nodes by CPUs times memory until the
 * whole fits; everything floats over them (numad.c, pick_numa_nodes) --- */

static struct nearness ask_numad(const struct sv_topology *t, const struct sv_place_wish *w,
                                 bool cells_stay)
{
        struct nearness n = {.found = false};
        size_t set[16], taken = 0;
        unsigned vcpus = 0, cpus = 0;
        uint64_t memory = 0, room = 0;

        for (size_t i = 0; i < w->n_cells; i++) {
                vcpus += w->cells[i].vcpus;
                memory += w->cells[i].memory;
        }
        while (cpus < vcpus || room < memory) {
                size_t best = t->n_nodes;
                double most = 0;

                for (size_t i = 0; i < t->n_nodes; i++) {
                        double magnitude = (double)count_free(t, w, i) * (double)get_room(t, w, i);
                        bool in = false;

                        for (size_t k = 0; k < taken; k++)
                                in |= set[k] == i;
                        if (!in && magnitude > most) {
                                most = magnitude;
                                best = i;
                        }
                }
                if (best == t->n_nodes)
                        return n;
                set[taken++] = best;
                cpus += count_free(t, w, best);
                room += get_room(t, w, best);
        }
        n.found = true;
        /* wherever in the set, on average; a guest without cells of its own has all its memory
         * there
         */
        for (size_t i = 0; i < taken; i++) {
                for (size_t j = 0; j < taken; j++)
                        n.distances += (double)(w->n_cells * (w->n_cells + 1) / 2) *
                                       sv_topology_distance(t, set[i], set[j]) /
                                       (double)(taken * taken);
                for (size_t d = 0; d < t->n_nodes; d++)
                        if (sv_bitset_has(&w->near, (unsigned)d))
                                n.distances += sv_topology_distance(t, set[i], d) / (double)taken;
                n.l3s += try_every_l3(t, w, set[i], cells_stay ? 1 : count_free(t, w, set[i]));
        }
        return n;
}

/* --- nova: cells by memory and devices, the first of all permutations that fits, each guest cell
 * on a node of its own (virt/hardware.py, numa_fit_instance_to_host) --- */

static void sort_for_nova(const struct sv_topology *t, const struct sv_place_wish *w, size_t *order)
{
        bool asks = sv_bitset_count(&w->near) > 0;

        for (size_t i = 0; i < t->n_nodes; i++)
                order[i] = i;
        for (size_t i = 0; i < t->n_nodes; i++)
                for (size_t j = i + 1; j < t->n_nodes; j++) {
                        size_t a = order[i], b = order[j];
                        bool da = false, db = false, swap;

                        for (size_t k = 0; k < t->n_devices; k++) {
                                da |= t->devices[k].node == (int)a;
                                db |= t->devices[k].node == (int)b;
                        }
                        if (asks) {
                                da = sv_bitset_has(&w->near, (unsigned)a);
                                db = sv_bitset_has(&w->near, (unsigned)b);
                        }
                        if (da != db)
                                swap = asks ? db : da;
                        else
                                swap = get_room(t, w, b) > get_room(t, w, a);
                        if (swap) {
                                order[i] = b;
                                order[j] = a;
                        }
                }
}

static bool permute(const struct sv_topology *t, const struct sv_place_wish *w, const size_t *order,
                    size_t cell, size_t *at)
{
        if (cell == w->n_cells)
                return true;
        for (size_t i = 0; i < t->n_nodes; i++) {
                size_t node = order[i];
                bool used = false;

                for (size_t k = 0; k < cell; k++)
                        used |= at[k] == node;
                if (used || count_free(t, w, node) < w->cells[cell].vcpus ||
                    get_room(t, w, node) < w->cells[cell].memory)
                        continue;
                at[cell] = node;
                if (permute(t, w, order, cell + 1, at))
                        return true;
        }
        return false;
}

static struct nearness ask_nova(const struct sv_topology *t, const struct sv_place_wish *w)
{
        size_t order[16], at[CELLS_MAX];

        sort_for_nova(t, w, order);
        return permute(t, w, order, 0, at) ? judge(t, w, at) : (struct nearness){.found = false};
}

/* --- ours --- */

/* Each vCPU has a CPU of its node, nobody else's, none twice. */
static void check_placement(const struct sv_topology *t, const struct sv_place_wish *w,
                            const struct sv_placement *p)
{
        struct sv_bitset seen = {0};
        unsigned v = 0;

        for (size_t i = 0; i < w->n_cells; i++)
                for (unsigned k = 0; k < w->cells[i].vcpus; k++, v++) {
                        unsigned cpu = sv_bitset_next(&p->vcpus[v], 0);
                        const struct sv_topo_cpu *c = sv_topology_cpu(t, cpu);

                        assert_non_null(c);
                        assert_int_equal(sv_bitset_count(&p->vcpus[v]), 1);
                        assert_false(sv_bitset_has(&seen, cpu));
                        assert_false(sv_bitset_has(&w->taken, cpu));
                        assert_true(sv_bitset_has(&p->nodes[i], t->nodes[c->node].id));
                        assert_int_equal(c->isolated, sv_bitset_count(&t->isolated) > 0);
                        sv_bitset_add(&seen, cpu);
                }
        assert_int_equal(v, p->n_vcpus);
        assert_true(sv_bitset_count(&p->emulator) > 0);
}

static struct nearness judge_placement(const struct sv_topology *t, const struct sv_place_wish *w,
                                       const struct sv_placement *p)
{
        struct nearness n = {.found = true};
        struct sv_bitset l3s = {0};
        size_t at[CELLS_MAX];

        for (size_t i = 0; i < w->n_cells; i++)
                at[i] = (size_t)sv_topology_node(t, sv_bitset_next(&p->nodes[i], 0));
        n.distances = sum_distances(t, w, at, w->n_cells);
        for (size_t i = 0; i < p->n_vcpus; i++) {
                const struct sv_topo_cpu *c = sv_topology_cpu(t, sv_bitset_next(&p->vcpus[i], 0));

                sv_bitset_add(&l3s, c->l3);
        }
        n.l3s = sv_bitset_count(&l3s);
        return n;
}

static unsigned compared, spanned, refused_so_often;

static void compare(const struct sv_topology *t, const struct sv_place_wish *w)
{
        struct nearness best = try_everything(t, w), others[3], ours;
        SV_PLACEMENT p = {0};
        int r = sv_place_guest(t, w, &p, &err);

        if (!best.found) {
                /* several nodes for a guest without cells, or nothing */
                spanned += r == 0;
                refused_so_often += r < 0;
                assert_true(r < 0 || (w->n_cells == 1 && sv_bitset_count(&p.nodes[0]) > 1));
                if (r == 0)
                        check_placement(t, w, &p);
                return;
        }
        if (r < 0)
                fail_msg("%s [%s]", err.msg, err.check);
        compared++;
        check_placement(t, w, &p);
        ours = judge_placement(t, w, &p);
        others[0] = ask_numad(t, w, true);
        others[1] = ask_numad(t, w, false);
        others[2] = ask_nova(t, w);
        if (ours.distances > best.distances || ours.l3s > best.l3s)
                fail_msg("ours %g, %u caches; best %g, %u", ours.distances, ours.l3s,
                         best.distances, best.l3s);
        for (size_t i = 1; i < 3; i++)
                if (others[i].found && is_worse(&ours, &others[i]))
                        fail_msg("ours %g, %u caches; rule %zu has %g, %u", ours.distances,
                                 ours.l3s, i, others[i].distances, others[i].l3s);
        if (others[0].found && ours.distances > others[0].distances + 1e-9)
                fail_msg("ours %g, numad %g", ours.distances, others[0].distances);
}

/* Some CPUs are others' already, the same in each run. */
static void take_some(const struct sv_topology *t, unsigned part, struct sv_bitset *out)
{
        uint32_t seed = 7;

        for (size_t i = 0; i < t->n_cpus; i++) {
                seed = seed * 1103515245 + 12345;
                if ((seed >> 16) % 8 < part)
                        sv_bitset_add(out, t->cpus[i].id);
        }
}

static void as_near_as_any(void **state)
{
        static const unsigned vcpus[] = {1, 3, 8, 24, 96};
        static const uint64_t memory[] = {4 * GIB, 48 * GIB};

        for (size_t h = 0; h < N_HOSTS; h++)
                for (size_t i = 0; i < 5 * 2 * 3 * 4 * 2 * 2; i++) {
                        const struct sv_topology *t = &machines[h];
                        unsigned n_cells = (unsigned[]){1, 2, 4}[i / 10 % 3], device = i / 30 % 4;
                        struct sv_place_cell cells[CELLS_MAX];
                        struct sv_place_wish w = {.cells = cells,
                                                  .n_cells = n_cells,
                                                  .pin = true,
                                                  .memory_must_fit = true,
                                                  .iothreads = 1};

                        for (unsigned c = 0; c < n_cells; c++)
                                cells[c] = (struct sv_place_cell){
                                        vcpus[i % 5] / n_cells + (c < vcpus[i % 5] % n_cells),
                                        memory[i / 5 % 2] / n_cells};
                        if (vcpus[i % 5] < n_cells || (device && device > t->n_devices))
                                continue;
                        if (device && t->devices[device - 1].node >= 0)
                                sv_bitset_add(&w.near, (unsigned)t->devices[device - 1].node);
                        if (i / 120 % 2)
                                take_some(t, 3, &w.taken);
                        if (i / 240 % 2)
                                w.page_size = t->nodes[0].pages[1].total ? GIB : 2 * MIB;
                        compare(t, &w);
                }
        print_message("%u compared, %u on several nodes, %u refused\n", compared, spanned,
                      refused_so_often);
        assert_true(compared > 1500 && spanned > 10 && refused_so_often > 50);
}

static void is_set(const struct sv_bitset *s, const char *list)
{
        SV_BUF out = SV_BUF_NULL;

        sv_bitset_put(s, &out);
        assert_string_equal(sv_buf_str(&out), list);
}

/* One by one what the comparison does not ask. */
static void by_hand(void **state)
{
        struct sv_place_cell two[] = {{4, 8 * GIB}, {4, 8 * GIB}}, one = {4, 8 * GIB};
        struct sv_place_wish w = {
                .cells = two, .n_cells = 2, .pin = true, .memory_must_fit = true, .iothreads = 2};
        const struct sv_topology *epyc = &machines[3], *isolated = &machines[10];
        SV_PLACEMENT p = {0}, q = {0}, f = {0}, s = {0};

        /* siblings behind each other, the node's first core for the other threads */
        w.near.words[0] = 1 << 2;
        w.cells = &one;
        w.n_cells = 1;
        OK(sv_place_guest(epyc, &w, &p, &err));
        is_set(&p.nodes[0], "2");
        is_set(&p.vcpus[0], "33");
        is_set(&p.vcpus[1], "97");
        is_set(&p.vcpus[2], "34");
        is_set(&p.vcpus[3], "98");
        is_set(&p.emulator, "32,96");
        is_set(&p.iothreads[1], "32,96");
        assert_int_equal(sv_json_len(p.reasons), 3);
        assert_string_equal(sv_json_text(sv_json_at(p.reasons, 0), "what", ""), "cell 0");
        assert_string_equal(sv_json_text(sv_json_at(p.reasons, 0), "where", ""), "node 2");
        assert_string_equal(sv_json_text(sv_json_at(p.reasons, 1), "where", ""),
                            "CPUs 33-34,97-98");
        /* isolated CPUs are for vCPUs, the others for the rest */
        OK(sv_place_guest(isolated, &w, &q, &err));
        assert_true(sv_bitset_within(&q.vcpus[3], &isolated->isolated));
        assert_int_equal(sv_bitset_count_both(&q.emulator, &isolated->isolated), 0);
        /* unpinned: all of the node, no isolated one */
        w.pin = false;
        OK(sv_place_guest(epyc, &w, &f, &err));
        is_set(&f.vcpus[0], "32-47,96-111");
        is_set(&f.emulator, "32-47,96-111");
        /* a cell that several nodes share */
        w.pin = true;
        one.vcpus = 40;
        OK(sv_place_guest(epyc, &w, &s, &err));
        assert_int_equal(sv_bitset_count(&s.nodes[0]), 2);
        assert_true(sv_bitset_has(&s.nodes[0], 2));
}

static void refused(void **state)
{
        struct sv_place_cell one = {4, 8 * GIB}, two[] = {{64, GIB}, {64, GIB}};
        struct sv_place_wish w = {
                .cells = &one, .n_cells = 1, .pin = true, .memory_must_fit = true};
        const struct sv_topology *t = &machines[3];
        SV_PLACEMENT p = {0};

        one.vcpus = 129;
        FAILS(sv_place_guest(t, &w, &p, &err), SV_SYSTEM, "tune.place.cpus");
        one.vcpus = 4;
        one.memory = 500 * GIB;
        FAILS(sv_place_guest(t, &w, &p, &err), SV_SYSTEM, "tune.place.memory");
        w.memory_must_fit = false;
        OK(sv_place_guest(t, &w, &p, &err));
        sv_placement_free(&p);
        w.memory_must_fit = true;
        one.memory = GIB;
        w.page_size = GIB;
        FAILS(sv_place_guest(t, &w, &p, &err), SV_SYSTEM, "tune.place.memory");
        w.page_size = 0;
        w.cells = two;
        w.n_cells = 2;
        FAILS(sv_place_guest(t, &w, &p, &err), SV_SYSTEM, "tune.place.cpus");
        w.cells = &one;
        w.n_cells = 1;
        sv_bitset_add(&w.allowed, 5);
        FAILS(sv_place_guest(t, &w, &p, &err), SV_SYSTEM, "tune.place.cpus");
        one.vcpus = 1;
        OK(sv_place_guest(t, &w, &p, &err));
        is_set(&p.vcpus[0], "5");
        is_set(&p.emulator, "5");
}

/* The most that is searched: it ends, with something that fits. */
static void bounded(void **state)
{
        struct sv_place_cell cells[16];
        struct sv_place_wish w = {
                .cells = cells, .n_cells = 16, .pin = true, .memory_must_fit = true};
        SV_PLACEMENT p = {0};

        for (size_t i = 0; i < 16; i++)
                cells[i] = (struct sv_place_cell){20, GIB};
        OK(sv_place_guest(&machines[6], &w, &p, &err));
        check_placement(&machines[6], &w, &p);
}

static int read_machines(void **state)
{
        if (make_base(state) < 0)
                return -1;
        for (size_t i = 0; i < N_HOSTS; i++) {
                SV_STR root = sv_asprintf("%s/%zu", base, i);

                put_host(root, &hosts[i]);
                OK(sv_topology_read(root, &machines[i], &err));
                OK(sv_remove_tree(root, &err));
        }
        return 0;
}

static int free_machines(void **state)
{
        for (size_t i = 0; i < N_HOSTS; i++)
                sv_topology_free(&machines[i]);
        return remove_base(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(as_near_as_any),
                cmocka_unit_test(by_hand),
                cmocka_unit_test(refused),
                cmocka_unit_test(bounded),
        };

        return cmocka_run_group_tests(tests, read_machines, free_machines);
}
