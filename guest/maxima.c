/* SPDX-License-Identifier: Apache-2.0 */
/* Up to where a guest can grow while it runs: what contradicts the rest of its file. */
#include "guest/tuning.h"

#define MIB (1ull << 20)

unsigned sv_guest_vcpus_max(const struct sv_guest *g)
{
        return g->vcpus_max > g->vcpus ? g->vcpus_max : g->vcpus;
}

uint64_t sv_guest_memory_max(const struct sv_guest *g)
{
        return g->memory_max > g->memory ? g->memory_max : g->memory;
}

/* virtio-mem's own, the size of a huge page of x86; memory of larger ones comes in those. */
uint64_t sv_guest_memory_block(const struct sv_guest *g)
{
        return g->tune.hugepages > 2 * MIB ? g->tune.hugepages : 2 * MIB;
}

/* Who shares out vCPUs among nodes, cores or CPUs of the host shares out those that are there. */
static const char *find_shared_out(const struct sv_guest *g)
{
        return g->tune.numa.cells > 1     ? "\"cells\""
               : g->tune.cpus.threads > 1 ? "\"threads\""
               : g->tune.cpus.n_pin       ? "\"pin\""
                                          : NULL;
}

static int check_vcpus_max(struct sv_member_reader *r, const struct sv_guest *g, struct sv_err *err)
{
        const char *other = find_shared_out(g);

        if (g->vcpus_max && g->vcpus_max < g->vcpus)
                return sv_member_fail(r, "/vcpus_max", "guest.vcpus_max", err,
                                      "at least the %u vCPUs that it boots with were expected, "
                                      "found %u; change \"vcpus\" or this",
                                      g->vcpus, g->vcpus_max);
        if (g->vcpus_max > g->vcpus && other)
                return sv_member_fail(r, "/vcpus_max", "guest.vcpus_max", err,
                                      "%s (tuning) shares out the vCPUs that the guest boots "
                                      "with, and those that come later would have no place; "
                                      "remove one of the two",
                                      other);
        return 0;
}

static int check_memory_max(struct sv_member_reader *r, const struct sv_guest *g,
                            struct sv_err *err)
{
        uint64_t block = sv_guest_memory_block(g);

        if (g->memory_max && g->memory_max < g->memory)
                return sv_member_fail(r, "/memory_max", "guest.memory_max", err,
                                      "at least the %llu MiB that it boots with were expected, "
                                      "found %llu MiB; change \"memory\" or this",
                                      (unsigned long long)(g->memory / MIB),
                                      (unsigned long long)(g->memory_max / MIB));
        if (g->memory_max <= g->memory)
                return 0;
        if ((g->memory_max - g->memory) % block)
                return sv_member_fail(r, "/memory_max", "guest.memory_max", err,
                                      "a multiple of %llu MiB above \"memory\" was expected, "
                                      "found %llu MiB",
                                      (unsigned long long)(block / MIB),
                                      (unsigned long long)((g->memory_max - g->memory) / MIB));
        if (g->tune.numa.cells > 1 || g->tune.memory.locked)
                return sv_member_fail(r, "/memory_max", "guest.memory_max", err,
                                      "%s (tuning) is for memory that is there from the start; "
                                      "remove one of the two",
                                      g->tune.memory.locked ? "\"locked\"" : "\"cells\"");
        return 0;
}

int sv_guest_check_maxima(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        return check_vcpus_max(r, g, err) < 0 ? -1 : check_memory_max(r, g, err);
}
