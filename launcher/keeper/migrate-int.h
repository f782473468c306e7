/* SPDX-License-Identifier: Apache-2.0 */
/* What launcher/keeper/migrate*.c share. */
#pragma once

#include "launcher/keeper/migrate.h"
#include "launcher/virt/domain-read.h"

struct sv_pool;
struct sv_virt;

/* A file that was made at the target. */
struct sv_migrate_made {
        char *folder, *name;
};

struct sv_migrate_run {
        const struct sv_migrate *m;
        struct sv_virt *from, *to;
        char *xml; /* of the guest */
        struct sv_domain_facts domain;
        struct sv_host_facts here, there;
        char *hostname; /* the target's */
        char *address;  /* "tcp://…", or NULL for libvirt to choose */
        bool shared;    /* both hosts see the same disks: it was tried */
        struct sv_migrate_made made[SV_GUEST_DISKS_MAX + 8];
        size_t n_made;
        bool copies_are_shared; /* those of what boots, too: they stay when the guest has gone */
};

/* Everything that can be told before; nothing is changed. */
int sv_migrate_check(struct sv_migrate_run *r, struct sv_err *err);

/* The same, of one that starts anew there: its machine, its TEE, room and networks. */
int sv_migrate_check_cold(struct sv_migrate_run *r, struct sv_err *err);
/* SV_USAGE "migrate.same" when the two are one. */
int sv_migrate_check_hosts(struct sv_migrate_run *r, struct sv_err *err);
int sv_migrate_read_host(struct sv_virt *v, struct sv_host_facts *out, struct sv_err *err);
/* A connection to the target, its name, and what it is. */
int sv_migrate_open_target(struct sv_migrate_run *r, struct sv_err *err);
void sv_migrate_free_run(struct sv_migrate_run *r);
/* "memory" and "memory_free" of a look beforehand; a guest that is `off` takes none. */
void sv_migrate_put_memory(struct sv_migrate_run *r, bool off, struct sv_json *result);

/* Whether both hosts see the same folder, tried with a mark. */
int sv_migrate_try_shared(struct sv_migrate_run *r, const char *folder, bool *shared,
                          struct sv_err *err);
/* The disks' files: shared, or room for them there. */
int sv_migrate_check_disks(struct sv_migrate_run *r, struct sv_err *err);
/* Whether both hosts see the same copies of what boots: then nothing of them is removed. */
int sv_migrate_find_shared_copies(struct sv_migrate_run *r, struct sv_err *err);
/* Has a file that is in both folders the same contents? */
int sv_migrate_compare_files(struct sv_pool *here, struct sv_pool *there, const char *name,
                             bool *same, struct sv_err *err);
/* Files at the target that the guest needs there: its disks, empty, where they are copied, and what
 * it boots from. */
int sv_migrate_make_files(struct sv_migrate_run *r, struct sv_err *err);
/* What it boots from that is no copy of ours is the same there: "migrate.firmware". */
int sv_migrate_check_boot_files(struct sv_migrate_run *r, struct sv_err *err);
/* Those that it boots from alone; what is there already is replaced. */
int sv_migrate_make_boot_files(struct sv_migrate_run *r, struct sv_err *err);
/* After a failure: nothing of the guest stays there. */
void sv_migrate_remove_made(struct sv_migrate_run *r);
/* When the guest has gone: the copies of what it booted from here. */
int sv_migrate_remove_copies(struct sv_migrate_run *r, struct sv_err *err);
