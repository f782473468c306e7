/* SPDX-License-Identifier: Apache-2.0 */
/* What a host has for guests, and what those that run take of it. A confidential guest's memory is
 * never given twice: nothing takes a private page back, so that it counts at its true cost, the
 * private and the shared part. An ordinary guest's may be promised more than once. Pure but for
 * the files that are read. */
#pragma once

#include "base/json/json.h"

/* QEMU, its devices' buffers and swtpm, beside a guest's memory. Bytes. */
#define SV_BUDGET_OVERHEAD    (96ull << 20)
#define SV_BUDGET_PERCENT_MAX 10000

/* A host's file: $XDG_CONFIG_HOME/secure-vm/host.json, root's /etc/secure-vm/host.json, with
 * SECURE_VM_DIR .host.json below that. */
struct sv_budget_rules {
        bool kept;               /* somebody has said so; else what stands here is only advice */
        unsigned memory_percent; /* what ordinary guests may have in all, of the host's memory */
        unsigned cpu_percent;    /* vCPUs of all guests, of the host's CPUs */
        unsigned shared_percent; /* of a confidential guest's memory that it may share besides */
        uint64_t reserve;        /* bytes that stay the host's own */
};

/* What counts without a file, or for what it leaves out. */
struct sv_budget_rules sv_budget_defaults(void);
/* SV_FORMAT or SV_SYSTEM "host.budget.file". */
int sv_budget_read_rules(struct sv_budget_rules *out, struct sv_err *err);
int sv_budget_write_rules(const struct sv_budget_rules *r, struct sv_err *err);

struct sv_budget {
        struct sv_budget_rules rules;
        uint64_t memory; /* the host's, bytes */
        unsigned cpus;
        uint64_t confidential, ordinary; /* bytes that guests of either kind may take */
        uint64_t could_come;             /* besides: what guests could be given while they run */
        unsigned vcpus;
};

/* The host's memory and CPUs, nothing given yet. `sysroot` as for sv_host_kvm. SV_SYSTEM "proc". */
int sv_budget_begin(const char *sysroot, const struct sv_budget_rules *rules, struct sv_budget *out,
                    struct sv_err *err);
/* Bytes that a guest can come to take of its host: with QEMU's own, and the shared part. */
uint64_t sv_budget_cost(const struct sv_budget_rules *rules, uint64_t memory, bool confidential);
void sv_budget_add(struct sv_budget *b, uint64_t memory, unsigned vcpus, bool confidential);
/* Bytes of real memory that are accounted for, and those that may be. */
uint64_t sv_budget_taken(const struct sv_budget *b);
uint64_t sv_budget_room(const struct sv_budget *b);
/* Does what is given fit? SV_SYSTEM "host.budget.memory", "host.budget.cpu", with the numbers and
 * what to do. */
int sv_budget_check(const struct sv_budget *b, struct sv_err *err);
