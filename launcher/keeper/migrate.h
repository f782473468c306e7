/* SPDX-License-Identifier: Apache-2.0 */
/* Live migration: a guest of a libvirt daemon goes on at another host, its vTPM and its connections
 * with it. All that can be told beforehand is asked before anything moves
 * (launcher/keeper/migrate-check.c); whatever fails later, the guest is where it was, or there. */
#pragma once

#include "base/json/json.h"

struct sv_migrate {
        const char *name;
        const char *from, *to; /* URIs of the daemons */
        const char *address;   /* of the target for QEMU, host or host:port; NULL: found out */
        uint64_t bandwidth;    /* bytes/s; 0: no limit */
        uint64_t downtime_ms;  /* 0: libvirt's */
        bool copy_storage;     /* else the disks' files are on storage that both hosts share */
        bool auto_converge, post_copy, compress, tls, peer_to_peer;
        bool recover; /* what a broken post-copy left */
        bool check;   /* only look */
        bool quiet;
};

/* SV_USAGE "migrate.*" for what cannot be as it is asked for, SV_SYSTEM "migrate.*" for what the
 * hosts lack, "move.unfinished" for a guest whose move was broken off, "migrate.interrupted" after
 * SIGINT, SIGTERM and SIGHUP. Adds to `result` where the guest runs now and what it took; with
 * `check` "memory", the bytes that it takes there, and "memory_free" where the target says how many
 * it has. */
int sv_migrate_guest(const struct sv_migrate *m, struct sv_json *result, struct sv_err *err);
/* Whether guests could go from one daemon to the other at all: both answer, and are of two hosts
 * (SV_USAGE "migrate.same"). */
int sv_migrate_check_pair(const char *from, const char *to, struct sv_err *err);
