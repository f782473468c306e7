/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's half of SEV-SNP: the row of agent/attesters.c, and its parts for tests. */
#pragma once

#include "tee/attester.h"
#include "tee/tsm.h"
#include "sev/guest/device.h"

/* NULL, or members NULL: this machine's own. */
struct sv_snp_guest {
        const struct sv_tsm *tsm;
        const struct sv_snp_dev *dev;
        bool has_vmpl;
        /* 0 to 3; without has_vmpl the level that kernel or device choose for themselves */
        unsigned vmpl;
};
/* struct sv_attester.derive. SV_USAGE "snp.derive.root", ".mix", ".vmpl", ".svn", ".tcb"; otherwise
 * what sev/guest/device.h says. */
int sv_snp_guest_derive(const struct sv_snp_guest *guest, const struct sv_json *options,
                        struct sv_secret **key, struct sv_err *err);
/* REPORT_DATA is report_data (32 to 64 bytes; 48 from KBS), then zeros. configfs-tsm when it is
 * there and answers for SNP, otherwise the device. SV_SYSTEM "snp.guest.stale" when the report is
 * over other data, "snp.guest.vmpl" when it is of another level than was asked for. */
int sv_snp_guest_evidence(const struct sv_snp_guest *guest, struct sv_bytes report_data,
                          struct sv_json **evidence, struct sv_err *err);
