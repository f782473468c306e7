/* SPDX-License-Identifier: Apache-2.0 */
/* NVMe over fabrics: connections of this host to subsystems, made by the kernel through libnvme,
 * which is loaded by the first call that needs it. The library copies keys into memory of its own,
 * so it is called in a process that ends with the call, cannot be traced and leaves no core file.
 */
#pragma once

#include "base/core/address.h"
#include "base/core/buf.h"

/* Keys of DH-HMAC-CHAP (NVMe Base Specification, 8.3.5) as nvme-cli makes them, "DHHC-1:…". */
struct sv_fabric_keys {
        struct sv_buf text;
        const char *host;       /* this host's; NULL: none */
        const char *controller; /* by which the subsystem proves itself; NULL: it need not */
};

struct sv_fabric_ask {
        const char *subsystem; /* NQN */
        const char *transport; /* "tcp", "rdma" */
        const char *address;   /* IPv4 or IPv6 */
        unsigned port;
        const char *host;                  /* NQN that this host says it is */
        const struct sv_fabric_keys *keys; /* NULL: none */
};

struct sv_fabric_place {
        char address[SV_ADDRESS_TEXT];
        unsigned port;
};

/* One or two lines of a file that only its owner can read: the host's key, and the controller's.
 * SV_SYSTEM "fabric.secret.file", "fabric.secret.mode"; SV_USAGE "fabric.secret.form". */
int sv_fabric_read_keys(const char *path, struct sv_fabric_keys *out, struct sv_err *err);
void sv_fabric_free_keys(struct sv_fabric_keys *k);
#define SV_FABRIC_KEYS __attribute__((cleanup(sv_fabric_free_keys))) struct sv_fabric_keys

/* Is there what a connection needs: the kernel's modules (SV_SYSTEM "fabric.module"), for `keys`
 * its authentication ("fabric.secret.kernel"), libnvme ("fabric.library")? Connects to nothing. */
int sv_fabric_check(const char *root, bool keys, struct sv_err *err);
/* This host's NQN by /etc/nvme/hostnqn below root: SV_SYSTEM "fabric.host" without one. The caller
 * frees. */
char *sv_fabric_read_host(const char *root, struct sv_err *err);

/* Returns when the controller is live; 1: it was there, and is another's. SV_SYSTEM:
 * "fabric.refused" nobody listens; "fabric.secret" the keys, or that there are none, were refused;
 * "fabric.host" the subsystem is not for this host; "fabric.subsystem" there is none of that name;
 * "fabric.module"; "fabric.connect" what else the kernel said. */
int sv_fabric_connect(const struct sv_fabric_ask *ask, struct sv_err *err);
/* Where the service at this address says that the subsystem is, by the same transport; at most
 * `max`. The same errors; SV_SYSTEM "fabric.discovery" when it knows no place. */
int sv_fabric_discover(const struct sv_fabric_ask *ask, struct sv_fabric_place *out, size_t max,
                       size_t *n, struct sv_err *err);
/* What the kernel's words about a connection that failed mean: as above, `said` is kept in the
 * message. Pure. */
int sv_fabric_judge(const struct sv_fabric_ask *ask, const char *said, struct sv_err *err);
