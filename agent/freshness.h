/* SPDX-License-Identifier: Apache-2.0 */
/* Is the disk as new as it was? The generation of a btrfs grows with each of its commits, and
 * everything on it hangs together by it; the broker keeps the highest one that it heard of.
 *
 *      sv_freshness_read      from the opened disk's superblock, before it is mounted
 *      sv_freshness_confirm   to the broker, which refuses an older one, and a second instance
 *      sv_freshness_mounted   what was mounted is not older: the host could have exchanged the
 *                             disk in between
 *      sv_freshness_keep      what later reports need, into the kernel's keyring of root
 *      sv_agent_report        secure-vm-agent report: what is written is not lost any more */
#pragma once

#include "attest/kbs/client.h"
#include "luks/report.h"

#define SV_FSID_SIZE 16

typedef void sv_retry_log(const char *step, const struct sv_err *err, unsigned in_ms, unsigned try,
                          unsigned tries);

/* SV_FORMAT "disk.btrfs" when there is none. */
int sv_freshness_read(const char *opened, uint64_t *generation, struct sv_err *err);
/* SV_PROOF "disk.rollback", "disk.in-use", "disk.superseded". Tries again when the network
 * fails. */
int sv_freshness_confirm(struct sv_kbs_client *client, const char *resource,
                         struct sv_secret *report_key, const struct sv_disk_report *report,
                         struct sv_err *err);
/* The first report: while another instance has the disk it tries again, SV_LEASE_TRIES times, and
 * passes each refusal to `retry`. */
int sv_freshness_claim(struct sv_kbs_client *client, const char *resource,
                       struct sv_secret *report_key, const struct sv_disk_report *report,
                       sv_retry_log *retry, struct sv_err *err);
/* `where` is where it was mounted: SV_PROOF "disk.rollback", SV_SYSTEM "disk.btrfs". Fills fsid,
 * which file system it is. */
int sv_freshness_mounted(const char *where, uint64_t generation, uint8_t fsid[SV_FSID_SIZE],
                         struct sv_err *err);
/* Of the report its header and instance. SV_SYSTEM "disk.keyring". */
int sv_freshness_keep(const struct sv_disk_report *report, const uint8_t fsid[SV_FSID_SIZE],
                      struct sv_secret *report_key, struct sv_err *err);
/* What was kept; the caller frees *report_key. SV_USAGE "disk.keyring" when there is nothing. */
int sv_freshness_find(struct sv_disk_report *report, uint8_t fsid[SV_FSID_SIZE],
                      struct sv_secret **report_key, struct sv_err *err);
/* Commits the btrfs at `where`, and says which generation is on the medium then. SV_USAGE
 * "disk.other" when it is another file system: its number would lock the disk out. SV_SYSTEM
 * "disk.btrfs". */
int sv_freshness_sync(const char *where, const uint8_t fsid[SV_FSID_SIZE], uint64_t *generation,
                      struct sv_err *err);
