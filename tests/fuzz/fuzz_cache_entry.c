/* SPDX-License-Identifier: Apache-2.0 */
/* An entry of the cache of collateral, with a digest that is right: what is behind it must stand
 * for itself. And a Retry-After. */
#include <stdlib.h>

#include "attest/fetch/form.h"
#include "base/core/encoding.h"
#include "base/crypto/crypto.h"
#include "base/core/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_BUF file = SV_BUF_NULL;
        SV_BUF again = SV_BUF_NULL;
        SV_ENTRY e = {0};
        SV_STR text = sv_asprintf("%.*s", (int)size, (const char *)data);
        uint8_t digest[SV_DIGEST_MAX];
        char hex[65];
        int64_t until;

        if (sv_digest(SV_SHA256, sv_bytes(data, size), digest, NULL) < 0)
                return 0;
        sv_buf_printf(&file, "%s\n", sv_hex(sv_bytes(digest, 32), hex));
        sv_buf_put(&file, sv_bytes(data, size));
        if (sv_entry_parse(sv_buf_bytes(&file), &e, NULL) == 0 &&
            sv_entry_write(&e, &again, NULL) < 0)
                abort(); /* what can be read can be written */
        if (sv_fetch_retry_after(text, 1000, &until) && (until < 1000 || until > 1000 + 7 * 86400))
                abort();
        return 0;
}
