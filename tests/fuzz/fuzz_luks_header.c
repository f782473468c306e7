/* A volume's first bytes: the header, its digest and the copy that the library would read. */
#include "luks/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_luks_header h;
        uint8_t digest[48];
        SV_BUF copy = SV_BUF_NULL;

        if (sv_luks_header_parse(sv_bytes(data, size), &h, &err) == 0) {
                sv_luks_header_digest(sv_bytes(data, size), &h, digest, &err);
                sv_luks_header_copy(sv_bytes(data, size), &h, &copy, &err);
        }
        return 0;
}
