/* SPDX-License-Identifier: Apache-2.0 */
/* A volume's first bytes: the header, its digest and the copy that the library would read. What
 * follows the input is zeros, and the checksum is made right: whoever changes a header can do that
 * too, and without it the fuzzer would see little behind it. */
#include "base/crypto/crypto.h"
#include "luks/foreign.h"
#include "luks/header.h"

#define CSUM_AT 448

static uint8_t head[SV_LUKS_HEAD_SIZE];

static void make_checksum(size_t size)
{
        uint8_t digest[SV_DIGEST_MAX];

        memset(head + CSUM_AT, 0, 64);
        if (sv_digest(SV_SHA256, sv_bytes(head, size), digest, NULL) == 0)
                memcpy(head + CSUM_AT, digest, 32);
}

static void run(struct sv_bytes in)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_luks_header h;
        uint8_t digest[48];
        SV_BUF copy = SV_BUF_NULL, other = SV_BUF_NULL;
        static const struct sv_token token = {"https://b:8443", "", "default/demo/data"};
        size_t n;

        if (sv_luks_foreign_size(in, &n, &err) == 0)
                sv_luks_foreign_copy(in, &token, &other, &err);
        if (sv_luks_header_parse(in, &h, &err) == 0) {
                sv_luks_header_digest(in, &h, digest, &err);
                sv_luks_header_copy(in, &h, &copy, &err);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        run(sv_bytes(data, size));
        if (size > sizeof(head) || size < CSUM_AT + 64)
                return 0;
        memcpy(head, data, size);
        memset(head + size, 0, sizeof(head) - size);
        make_checksum(16384);
        run(sv_bytes(head, sizeof(head)));
        return 0;
}
