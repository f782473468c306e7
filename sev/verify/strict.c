/* SPDX-License-Identifier: Apache-2.0 */
/* What any evidence of this TEE must show, when no policy is given. */
#include "sev/verify/tee.h"
#include "tee/strict.h"

/* clang-format off */
const char sv_snp_strict[] = "["
        R("policy.debug", "/policy_bits/debug", FALSE, "configuration",
          "the host may not debug the guest") ","
        R("policy.migrate_ma", "/policy_bits/migrate_ma", FALSE, "configuration",
          "no migration agent may take the guest") ","
        R("policy.vmpl", "/vmpl", "\"one_of\":[0,1,2,3]", "instance-identity",
          "the guest asked for the report, not the host (VMPL 0xffffffff)") ","
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
