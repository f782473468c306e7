/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "sev/host/host.h"

const char *sv_sev_status(uint32_t status)
{
        static const char *const texts[] = {
                [0x00] = "the firmware was not asked, or had nothing to object",
                [0x01] = "the platform is in the wrong state: SNP was not initialised (reload ccp)",
                [0x02] = "the guest is in the wrong state for this step",
                [0x03] = "the platform's configuration is invalid",
                [0x04] = "a buffer is too small",
                [0x06] = "a certificate is invalid",
                [0x07] = "the policy does not allow it: this platform is older than the policy "
                         "asks, has SMT or several sockets that it forbids, or the "
                         "ID block's policy is not the guest's",
                [0x08] = "the guest is not active",
                [0x09] = "an address is invalid",
                [0x0a] = "a signature of the ID block or ID authentication is wrong",
                [0x0b] = "the guest measured something else than the ID block says",
                [0x0c] = "the address space identifier is already in use",
                [0x0d] = "the address space identifier is invalid",
                [0x0e] = "caches must be written back first (WBINVD)",
                [0x0f] = "the data fabric must be flushed first (DF_FLUSH)",
                [0x10] = "there is no such guest",
                [0x11] = "the firmware does not know this command: it is too old",
                [0x12] = "the guest is still active",
                [0x13] = "the hardware failed, the platform is safe",
                [0x14] = "the hardware failed, the platform is not safe: reset it",
                [0x15] = "the firmware does not support this feature",
                [0x16] = "a parameter is invalid; for a CPUID page: a CPU model or topology that "
                         "this processor does not allow",
                [0x17] = "the firmware has run out of a resource",
                [0x18] = "a part-specific integrity check failed",
                [0x19] = "a page has the wrong size",
                [0x1a] = "a page is in the wrong state of the reverse map table",
                [0x1c] = "a page belongs to somebody else",
                [0x1d] = "the counter of encrypted messages would overflow",
                [0x20] = "the reverse map table must be initialised again",
                [0x21] = "the security version is too low",
                [0x22] = "the version is too low",
                [0x23] = "the firmware must be shut down first",
                [0x24] = "the firmware's update failed",
                [0x25] = "the committed firmware must be restored",
                [0x26] = "the reverse map table could not be initialised",
                [0x27] = "a key is invalid",
        };

        return status < sizeof(texts) / sizeof(texts[0]) && texts[status]
                       ? texts[status]
                       : "the firmware gave a status that we do not know";
}
