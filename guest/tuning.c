/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/tuning.h"
#include "guest/nics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"

#define MIB (1ull << 20)

/* Numbers, commas and dashes: launcher/tune/bitset.h reads it, beside the host that it is about. */
static bool is_number_list(const char *s)
{
        return *s >= '0' && *s <= '9' && strspn(s, "0123456789,-") == strlen(s) &&
               strlen(s) <= SV_PATH_MAX;
}

static bool is_pin(const char *s)
{
        return !strcmp(s, "auto") || is_number_list(s);
}

static bool is_numa_mode(const char *s)
{
        return sv_m_is_one_of(s, (const char *const[]){"strict", "preferred", NULL});
}

static bool is_disk_io(const char *s)
{
        return sv_m_is_one_of(s, (const char *const[]){"io_uring", "native", "threads", NULL});
}

static bool is_disk_cache(const char *s)
{
        return sv_m_is_one_of(
                s, (const char *const[]){"none", "writeback", "writethrough", "directsync", NULL});
}

static bool is_disk_discard(const char *s)
{
        return sv_m_is_one_of(s, (const char *const[]){"unmap", "ignore", NULL});
}

static bool is_disk_zeroes(const char *s)
{
        return sv_m_is_one_of(s, (const char *const[]){"off", "on", "unmap", NULL});
}

#define D(member) offsetof(struct sv_disk, tuning.member)
const struct sv_member sv_guest_disk_tuning_members[] = {
        {"queues", SV_M_UNSIGNED, D(queues), "1 to " SV_STRING(SV_QUEUES_MAX) " queues", .min = 1,
         .max = SV_QUEUES_MAX},
        {"iothread", SV_M_UNSIGNED, D(iothread),
         "the number of an I/O thread from 1 to " SV_STRING(SV_IOTHREADS_MAX), .min = 1,
         .max = SV_IOTHREADS_MAX},
        {"io", SV_M_TEXT, D(io), "\"io_uring\", \"native\" or \"threads\"", .ok = is_disk_io},
        {"cache", SV_M_TEXT, D(cache),
         "\"none\", \"writeback\", \"writethrough\" or \"directsync\"", .ok = is_disk_cache},
        {"discard", SV_M_TEXT, D(discard), "\"unmap\" or \"ignore\"", .ok = is_disk_discard},
        {"detect_zeroes", SV_M_TEXT, D(detect_zeroes), "\"off\", \"on\" or \"unmap\"",
         .ok = is_disk_zeroes},
        {"sector", SV_M_UNSIGNED, D(sector), "512 or 4096 bytes", .min = 512, .max = 4096},
        {"physical_sector", SV_M_UNSIGNED, D(physical_sector), "512 to 65536 bytes", .min = 512,
         .max = 65536},
        {NULL},
};

#define N(member) offsetof(struct sv_nic, tuning.member)
const struct sv_member sv_guest_nic_tuning_members[] = {
        {"queues", SV_M_UNSIGNED, N(queues), "1 to " SV_STRING(SV_QUEUES_MAX) " queues", .min = 1,
         .max = SV_QUEUES_MAX},
        {"vhost", SV_M_BOOL, N(vhost), "true or false"},
        {NULL},
};

#define T(member) offsetof(struct sv_guest, tune.member)
static const struct sv_member numa_members[] = {
        {"cells", SV_M_UNSIGNED, T(numa.cells),
         "1 to " SV_STRING(SV_GUEST_CELLS_MAX) " nodes that the guest sees", .min = 1,
         .max = SV_GUEST_CELLS_MAX},
        {"mode", SV_M_TEXT, T(numa.mode), "\"strict\" or \"preferred\"", .ok = is_numa_mode},
        {"nodes", SV_M_TEXTS, T(numa.nodes),
         "for each of the guest's nodes a node of the host, as [\"0\", \"1\"]",
         .ok = is_number_list, .count = T(numa.n_nodes), .max = SV_GUEST_CELLS_MAX},
        {NULL},
};

static const struct sv_member cpus_members[] = {
        {"pin", SV_M_TEXTS, T(cpus.pin),
         "\"auto\", or for each vCPU the CPUs of the host that it may have, as [\"2\", \"3\"]",
         .ok = is_pin, .count = T(cpus.n_pin), .max = 512},
        {"emulator", SV_M_TEXT, T(cpus.emulator), "CPUs of the host, as \"0-1\"",
         .ok = is_number_list},
        {"iothreads", SV_M_TEXTS, T(cpus.iothreads),
         "for each I/O thread the CPUs of the host that it may have, as [\"0\"]",
         .ok = is_number_list, .count = T(cpus.n_iothreads), .max = SV_IOTHREADS_MAX},
        {"threads", SV_M_UNSIGNED, T(cpus.threads), "1 or 2 threads of a core that the guest sees",
         .min = 1, .max = 2},
        {NULL},
};

static const struct sv_member memory_members[] = {
        {"shared", SV_M_BOOL, T(memory.shared), "true or false"},
        {"locked", SV_M_BOOL, T(memory.locked), "true or false"},
        {"balloon", SV_M_BOOL, T(memory.balloon), "true or false"},
        {"reporting", SV_M_BOOL, T(memory.reporting), "true or false"},
        {"deflate", SV_M_BOOL, T(memory.deflate), "true or false"},
        {NULL},
};

static const struct sv_member tuning_members[] = {
        {"numa", SV_M_PART, 0, "an object", .part = numa_members},
        {"cpus", SV_M_PART, 0, "an object", .part = cpus_members},
        {"hugepages", SV_M_SIZE, T(hugepages), "the size of a page, as \"2MiB\" or \"1GiB\"",
         .min = 2 * MIB, .max = 1024 * MIB},
        {"memory", SV_M_PART, 0, "an object", .part = memory_members},
        {NULL},
};

bool sv_guest_knows_tuning(const char *name)
{
        const struct sv_member *m = tuning_members;

        while (m->name && strcmp(m->name, name))
                m++;
        return m->name;
}

bool sv_guest_pins_itself(const struct sv_guest *g)
{
        return g->tune.cpus.n_pin == 1 && !strcmp(g->tune.cpus.pin[0], "auto");
}

bool sv_cache_is_direct(const char *cache)
{
        return cache && (!strcmp(cache, "none") || !strcmp(cache, "directsync"));
}

/* --- what no single member can say --- */

static int check_cells(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        unsigned cells = g->tune.numa.cells ? g->tune.numa.cells : 1,
                 threads = g->tune.cpus.threads ? g->tune.cpus.threads : 1;
        uint64_t page = g->tune.hugepages ? g->tune.hugepages : MIB;

        if (g->vcpus % cells || g->memory % (cells * MIB))
                return sv_member_fail(
                        r, "/tuning/numa/cells", "guest.tuning.numa.cells", err,
                        "%u vCPUs and %llu MiB cannot be shared out evenly among %u nodes; change "
                        "\"vcpus\", \"memory\" or this",
                        g->vcpus, (unsigned long long)(g->memory / MIB), cells);
        if (g->vcpus / cells % threads)
                return sv_member_fail(r, "/tuning/cpus/threads", "guest.tuning.cpus.threads", err,
                                      "%u vCPUs of a node are no cores of %u threads",
                                      g->vcpus / cells, threads);
        if (page & (page - 1) || g->memory / cells % page)
                return sv_member_fail(
                        r, "/tuning/hugepages", "guest.tuning.hugepages", err,
                        "a power of two was expected, by which the %llu MiB of a node can be "
                        "divided; found %llu MiB",
                        (unsigned long long)(g->memory / cells / MIB),
                        (unsigned long long)(page / MIB));
        return 0;
}

static int check_pins(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        unsigned cells = g->tune.numa.cells ? g->tune.numa.cells : 1;
        bool automatic = sv_guest_pins_itself(g);

        if (g->tune.numa.n_nodes && g->tune.numa.n_nodes != cells)
                return sv_member_fail(r, "/tuning/numa/nodes", "guest.tuning.numa.nodes", err,
                                      "one of the host's nodes for each of the guest's %u was "
                                      "expected, found %zu",
                                      cells, g->tune.numa.n_nodes);
        for (size_t i = 0; !automatic && i < g->tune.cpus.n_pin; i++)
                if (g->tune.cpus.n_pin != g->vcpus || !strcmp(g->tune.cpus.pin[i], "auto"))
                        return sv_member_fail(
                                r, "/tuning/cpus/pin", "guest.tuning.cpus.pin", err,
                                "\"auto\" was expected, or a list of CPUs for each of "
                                "the %u vCPUs, found %zu",
                                g->vcpus, g->tune.cpus.n_pin);
        if (g->tune.cpus.n_iothreads && g->tune.cpus.n_iothreads != sv_guest_count_iothreads(g))
                return sv_member_fail(
                        r, "/tuning/cpus/iothreads", "guest.tuning.cpus.iothreads", err,
                        "CPUs for each of the %u I/O threads that \"disks\" name were "
                        "expected, found %zu",
                        sv_guest_count_iothreads(g), g->tune.cpus.n_iothreads);
        return 0;
}

static int check_queues(struct sv_member_reader *r, const struct sv_guest *g, unsigned queues,
                        const char *at, const char *check, struct sv_err *err)
{
        if (queues <= g->vcpus)
                return 0;
        return sv_member_fail(r, at, check, err,
                              "%u queues for %u vCPUs: a vCPU uses one; give at most as many",
                              queues, g->vcpus);
}

static int check_disk_tuning(struct sv_member_reader *r, const struct sv_guest *g, size_t i,
                             struct sv_err *err)
{
        const struct sv_disk *d = &g->disks[i];
        unsigned sector = d->tuning.sector ? d->tuning.sector : 512;
        char at[64];

        snprintf(at, sizeof(at), "/disks/%zu/tuning", i);
        if (check_queues(r, g, d->tuning.queues, at, "guest.disks.tuning.queues", err) < 0)
                return -1;
        if (d->tuning.io && !strcmp(d->tuning.io, "native") && d->tuning.cache &&
            !sv_cache_is_direct(d->tuning.cache))
                return sv_member_fail(
                        r, at, "guest.disks.tuning.io", err,
                        "\"native\" needs the cache \"none\" or \"directsync\", found "
                        "\"%s\"",
                        d->tuning.cache);
        if (d->tuning.detect_zeroes && !strcmp(d->tuning.detect_zeroes, "unmap") &&
            d->tuning.discard && strcmp(d->tuning.discard, "unmap"))
                return sv_member_fail(r, at, "guest.disks.tuning.detect_zeroes", err,
                                      "\"unmap\" needs \"discard\": \"unmap\"");
        if ((sector != 512 && sector != 4096) ||
            (d->tuning.physical_sector &&
             (d->tuning.physical_sector < sector ||
              d->tuning.physical_sector & (d->tuning.physical_sector - 1))))
                return sv_member_fail(r, at, "guest.disks.tuning.sector", err,
                                      "\"sector\" of 512 or 4096 bytes was expected, and a "
                                      "\"physical_sector\" that is a power of two and not smaller");
        return 0;
}

static int check_nic_tuning(struct sv_member_reader *r, struct sv_guest *g, size_t i,
                            struct sv_err *err)
{
        struct sv_nic *n = &g->nics[i];
        char at[64];

        snprintf(at, sizeof(at), "/nics/%zu/tuning/vhost", i);
        n->tuning.vhost_given = sv_json_pointer(r->root, at);
        snprintf(at, sizeof(at), "/nics/%zu/tuning", i);
        if (check_queues(r, g, n->tuning.queues, at, "guest.nics.tuning.queues", err) < 0)
                return -1;
        if (!strcmp(n->type, "vf") && sv_json_pointer(r->root, at))
                return sv_member_fail(r, at, "guest.nics.tuning.vf", err,
                                      "queues and vhost are QEMU's, and the guest has this card "
                                      "itself; remove this");
        if (!strcmp(n->type, "user") && (n->tuning.queues > 1 || n->tuning.vhost))
                return sv_member_fail(r, at, "guest.nics.tuning.user", err,
                                      "a \"user\" interface is QEMU's own network, which has one "
                                      "queue and no vhost; take a bridge, or remove this");
        return 0;
}

static int read_tuning(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        SV_JSON *known = sv_json_object();

        for (const struct sv_member *m = tuning_members; m->name; m++) {
                struct sv_json *value = sv_json_get(g->tuning, m->name);

                /* false asks for nothing */
                if (value && (sv_json_type(value) != SV_JSON_BOOL || sv_json_bool(value, true)))
                        sv_json_set(known, m->name, sv_json_ref(value));
        }
        if (sv_json_ok(err) < 0)
                return -1;
        g->tune.numa.given = sv_json_get(known, "numa");
        return sv_member_read(r, known, "/tuning", "guest.tuning", tuning_members, g, err);
}

/* What is not said follows from what is. */
static int check_balloon(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        bool reports = sv_json_pointer(r->root, "/tuning/memory/reporting") &&
                       g->tune.memory.reporting,
             deflates =
                     sv_json_pointer(r->root, "/tuning/memory/deflate") && g->tune.memory.deflate;

        g->tune.memory.balloon_given =
                sv_json_pointer(r->root, "/tuning/memory/balloon") || reports || deflates;
        if (!g->tune.memory.balloon && (reports || deflates))
                return sv_member_fail(r, "/tuning/memory/balloon", "guest.tuning.memory.balloon",
                                      err,
                                      "\"reporting\" and \"deflate\" are the balloon's, and the "
                                      "guest is to have none; remove them");
        if (g->tune.memory.locked && reports)
                return sv_member_fail(r, "/tuning/memory/reporting",
                                      "guest.tuning.memory.reporting", err,
                                      "locked memory stays with the guest, so that nothing of it "
                                      "goes back; remove this or \"locked\"");
        g->tune.memory.reporting &= g->tune.memory.balloon && !g->tune.memory.locked;
        g->tune.memory.deflate &= g->tune.memory.balloon;
        return 0;
}

int sv_guest_check_tuning(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        if (g->tuning && read_tuning(r, g, err) < 0)
                return -1;
        if (check_cells(r, g, err) < 0 || check_pins(r, g, err) < 0 || check_balloon(r, g, err) < 0)
                return -1;
        for (size_t i = 0; i < g->n_disks; i++)
                if (check_disk_tuning(r, g, i, err) < 0)
                        return -1;
        for (size_t i = 0; i < g->n_nics; i++)
                if (check_nic_tuning(r, g, i, err) < 0)
                        return -1;
        return 0;
}

unsigned sv_guest_count_iothreads(const struct sv_guest *g)
{
        unsigned n = 0;

        for (size_t i = 0; i < g->n_disks; i++)
                n = g->disks[i].tuning.iothread > n ? g->disks[i].tuning.iothread : n;
        return n;
}

void sv_guest_free_tuning(struct sv_guest *g)
{
        sv_guest_free_texts(g->tune.numa.nodes, g->tune.numa.n_nodes);
        sv_guest_free_texts(g->tune.cpus.pin, g->tune.cpus.n_pin);
        sv_guest_free_texts(g->tune.cpus.iothreads, g->tune.cpus.n_iothreads);
        free(g->tune.numa.mode);
        free(g->tune.cpus.emulator);
        for (size_t i = 0; i < g->n_disks; i++) {
                free(g->disks[i].tuning.io);
                free(g->disks[i].tuning.cache);
                free(g->disks[i].tuning.discard);
                free(g->disks[i].tuning.detect_zeroes);
        }
}
