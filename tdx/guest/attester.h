/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's half of TDX: the row of agent/attesters.c, and its parts for tests. */
#pragma once

#include "tee/attester.h"
#include "tee/tsm.h"
#include "tdx/guest/device.h"

#define SV_TDX_CCEL  "/sys/firmware/acpi/tables/data/CCEL"
#define SV_TDX_CONF  "/etc/tdx-attest.conf" /* of Intel's packages: "port=4050" */
#define SV_TDX_RTMR3 "/sys/class/misc/tdx_guest/measurements/rtmr3:sha384" /* Linux 6.16 */

/* NULL, or members NULL: this machine's own. */
struct sv_tdx_guest {
        const struct sv_tsm *tsm;
        const struct sv_tdx_dev *dev;
        const char *qgs;     /* where the quote service is (tdx/guest/qgs.h) */
        const char *sysroot; /* in front of paths below /sys and /etc */
};
/* The quote comes from the quote service itself when SV_TDX_CONF names its vsock port: a few
 * milliseconds, where configfs-tsm waits in steps of a second. When that service does not answer,
 * the quote comes from configfs-tsm, and *note says so. Without a port it always comes from
 * configfs-tsm. REPORTDATA is report_data (32 to 64 bytes; 48 from KBS), then zeros; the event log
 * is the firmware's CCEL, when there is one. SV_USAGE "tdx.guest.report-data", SV_SYSTEM
 * "tdx.guest.stale" (a quote over other data), "tdx.guest.event-log", tsm.*, tdx.device.*,
 * tdx.qgs.*; and those of tdx/verify/quote.h. */
int sv_tdx_guest_evidence(const struct sv_tdx_guest *guest, struct sv_bytes report_data,
                          struct sv_json **evidence, struct sv_note *note, struct sv_err *err);
/* Extends RTMR3, so that nothing that runs later in this boot can show it as it was. A kernel that
 * does not offer that: 0, and *note says so. SV_SYSTEM "tdx.guest.seal". */
int sv_tdx_guest_seal(const struct sv_tdx_guest *guest, struct sv_note *note, struct sv_err *err);
