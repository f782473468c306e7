/* SPDX-License-Identifier: Apache-2.0 */
/* The live migration of a connection's domain (sv_virt_lookup) to another connection's host, and
 * what is asked of both hosts before. */
#pragma once

#include "base/core/bytes.h"

struct sv_virt;
struct sv_domain_facts;
struct sv_host_facts;
struct sv_buf;
struct sv_migration;

struct sv_virt_migrate {
        const char *to;      /* URI of the target, for the source's daemon with peer_to_peer */
        const char *address; /* "tcp://10.0.0.2": where QEMU connects to; NULL: the target's name */
        const char *disks;   /* names to copy (" vda vdb "); NULL: none, they are shared */
        uint64_t bandwidth;  /* MiB/s, 0: no limit */
        uint64_t downtime_ms; /* 0: as it is set */
        bool auto_converge, post_copy, compress, tls, peer_to_peer;
        /* the paths are shared, whatever libvirt thinks of their file system: it was tried */
        bool shared;
        bool recover; /* a post-copy that broke */
};

struct sv_virt_progress {
        uint64_t done, remaining, total; /* bytes, of memory and disks */
        uint64_t rate;                   /* bytes/s */
        uint64_t passes;                 /* over the memory */
        uint64_t elapsed_ms, downtime_ms;
        uint64_t faults;     /* pages that a post-copy's target asked for */
        uint64_t throttle;   /* percent of its time in which auto-converge lets the guest not run */
        uint64_t compressed; /* bytes sent as what changed in a page, and not as the page */
};

/* From now on a host that has gone is noticed: sv_virt_is_alive then is false. */
void sv_virt_keep_alive(struct sv_virt *v);
/* Of its host. The caller frees, as below. */
char *sv_virt_get_capabilities(struct sv_virt *v, struct sv_err *err);
/* Can its QEMU run such a domain? The text of its capabilities, NULL with the error. */
char *sv_virt_get_domain_capabilities(struct sv_virt *v, const struct sv_domain_facts *f,
                                      struct sv_err *err);
/* Of its libvirt: 11003000 is 11.3.0; 0: it does not say. */
unsigned long sv_virt_get_daemon_version(struct sv_virt *v);
/* Memory in bytes that guests can still get; 0: the host does not say. */
uint64_t sv_virt_get_free_memory(struct sv_virt *v);
/* Is there a network of this name? -1 when the daemon has no network driver to ask. */
int sv_virt_has_network(struct sv_virt *v, const char *name);
/* What there is in a domain's place: NULL, or "a guest of this name", "of this UUID", or, when the
 * daemon cannot be asked, "that it does not tell of". */
const char *sv_virt_find_taken(struct sv_virt *v, const char *name, const char *uuid);
/* Can its processor run the guest's <cpu>? 1, 0, or -1 when it cannot be asked. */
int sv_virt_compare_cpu(struct sv_virt *v, const struct sv_domain_facts *f, const char *xml);

/* Begins it, in a thread. */
int sv_virt_migrate_begin(struct sv_virt *from, struct sv_virt *to,
                          const struct sv_virt_migrate *how, struct sv_migration **out,
                          struct sv_err *err);
/* Waits so long; true when it has ended. */
bool sv_virt_migrate_wait(struct sv_migration *m, unsigned ms);
/* false when there is nothing to tell (yet). */
bool sv_virt_migrate_progress(struct sv_migration *m, struct sv_virt_progress *out);
void sv_virt_migrate_abort(struct sv_migration *m);
/* The guest goes to the target now, and its memory after it. */
int sv_virt_migrate_switch(struct sv_migration *m, struct sv_err *err);
/* Frees it. 0 when the guest runs at the target; *total then. */
int sv_virt_migrate_end(struct sv_migration *m, struct sv_virt_progress *total, struct sv_err *err);
