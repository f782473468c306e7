/* SPDX-License-Identifier: Apache-2.0 */
/* What any evidence of this TEE must show, when no policy is given. */
#include "tdx/verify/tee.h"
#include "tee/strict.h"

/* clang-format off */
/* And what counts under every policy, unless it lifts it. Intel itself says what is current. */
const char sv_tdx_floor[] = "["
        R("policy.floor.debug", "/tdattributes_bits/debug", FALSE, "configuration",
          "the host may not debug the guest") ","
        R("policy.floor.tcb", "/tcb/status", "\"equals\":\"UpToDate\"", "hardware",
          "Intel says that platform, module and quoting enclave are current") "]";

const char sv_tdx_strict[] = "["
        R("policy.debug", "/tdattributes_bits/debug", FALSE, "configuration",
          "the host may not debug the guest") ","
        R("policy.attributes.unknown", "/tdattributes_bits/unknown", FALSE, "configuration",
          "the guest has no attribute that is not known") ","
        R("policy.migratable", "/tdattributes_bits/migratable", FALSE, "configuration",
          "no migration TD may take the guest") ","
        R("policy.sept_ve_disable", "/tdattributes_bits/sept_ve_disable", TRUE, "configuration",
          "a page that the host takes away stops the TD, and is no exception "
          "that it could be led by") ","
        R("policy.xfam.base", "/xfam", "\"bits_set\":\"" SV_TDX_XFAM_BASE "\"", "hardware",
          "the TD has x87 and SSE, as the TDX module gives every TD") ","
        R("policy.xfam", "/xfam", "\"bits_clear\":\"" SV_TDX_XFAM_OTHERS "\"", "hardware",
          "the TD has no extended feature that is not known") ","
        R("policy.service_td", "/service_td", FALSE, "configuration",
          "no service TD may change or migrate the TD") ","
        R("policy.tcb.status", "/tcb/status", "\"equals\":\"UpToDate\"", "hardware",
          "Intel says that platform, module and quoting enclave are current")
        "]";
/* clang-format on */
