/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest reports about the state of its disk: the generation of the file system on it, which
 * only grows, and which instance has the disk open. The report is authenticated under a key that
 * comes from the disk's, which the guest has when it was attested, and the broker has too. Pure.
 * Form: docs/FORMATS.md, "Disk report". */
#pragma once

#include "base/core/buf.h"
#include "base/core/secret.h"

#define SV_REPORT_KEY_SIZE 32
#define SV_REPORT_MAC_SIZE 32
#define SV_INSTANCE_SIZE   16

enum sv_disk_state {
        SV_DISK_OPENS, /* the first reports: before the disk is opened, and before it is mounted */
        SV_DISK_RUNS,
        SV_DISK_ENDS,   /* another instance may have the disk soon: it is still mounted */
        SV_DISK_CLOSED, /* another instance may have the disk now: nothing here can write to it */
        SV_DISK_STATES
};
/* "opens", "runs", "ends", "closed" */
const char *sv_disk_state_name(enum sv_disk_state state);

/* Agents of before leases made a report of the header and the generation alone: `unnamed`. It is
 * accepted and authenticated, and never written. */
struct sv_disk_report {
        uint8_t header[48];                 /* sv_luks_header_digest: which disk */
        uint8_t instance[SV_INSTANCE_SIZE]; /* random, made where the disk is opened */
        enum sv_disk_state state;
        uint64_t generation; /* 0: not read yet, or of no account; with "opens" and "closed" only */
        bool unnamed;        /* no instance and no state: these are 0 */
};

/* HMAC-SHA256 of a fixed text under the disk's key. */
struct sv_secret *sv_disk_report_key(struct sv_secret *disk_key, struct sv_err *err);
/* Over the report and the resource ("repo/type/tag") that it is for. */
int sv_disk_report_mac(struct sv_secret *report_key, const char *resource,
                       const struct sv_disk_report *report, uint8_t mac[SV_REPORT_MAC_SIZE],
                       struct sv_err *err);

/* {"header":HEX,"instance":HEX,"state":NAME,"generation":N,"mac":HEX} */
int sv_disk_report_write(struct sv_secret *report_key, const char *resource,
                         const struct sv_disk_report *report, struct sv_buf *out,
                         struct sv_err *err);
/* SV_FORMAT "disk.report.*". Either instance and state are there, or both are not. The MAC is not
 * looked at. */
int sv_disk_report_parse(struct sv_bytes text, struct sv_disk_report *out,
                         uint8_t mac[SV_REPORT_MAC_SIZE], struct sv_err *err);
