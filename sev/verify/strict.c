/* SPDX-License-Identifier: Apache-2.0 */
/* What any evidence of this TEE must show above its floor (sev/verify/floor.c), when nobody gives a
 * policy. */
#include "sev/verify/tee.h"
#include "tee/strict.h"

/* clang-format off */
const char sv_snp_strict[] = "["
        R("policy.smt", "/smt_agrees", TRUE, "configuration",
          "the guest's word on SMT and the platform's agree") ","
        R("policy.provisional", "/tcb/provisional", FALSE, "hardware",
          "the platform's firmware is committed: it cannot be rolled back") ","
        R("policy.tcb.committed", "/tcb/committed_covers_reported", TRUE, "hardware",
          "the reported TCB is one that the platform committed") ","
        R("policy.tcb.current", "/tcb/current_covers_committed", TRUE, "hardware",
          "the running TCB is not older than the committed one") ","
        R("policy.tcb.launch", "/tcb/launch_covers_reported", TRUE, "hardware",
          "the guest was launched under at least the reported TCB") "]";
/* clang-format on */
