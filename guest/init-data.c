/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init-data.h"

#include <stdio.h>

#include "base/core/file.h"
#include "base/core/limits.h"

static int parse_init_algorithm(const char *text, enum sv_digest *alg, const char *check,
                                struct sv_err *err)
{
        for (const char *line = text; line && *line;
             line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
                char name[16];

                if (*line == '[')
                        break;
                if (sscanf(line, "algorithm = \"%15[^\"\n]\"", name) != 1)
                        continue;
                *alg = sv_digest_by_name(name);
                if (*alg != SV_SHA256 && *alg != SV_SHA384 && *alg != SV_SHA512)
                        return sv_fail(err, SV_USAGE, check,
                                       "init-data names the digest \"%s\"; sha256, sha384 and "
                                       "sha512 are possible",
                                       name);
                return 0;
        }
        return 0;
}

static int digest_init_data(struct sv_bytes raw, const char *text, enum sv_digest alg,
                            uint8_t *field, size_t size, const char *check, struct sv_err *err)
{
        uint8_t digest[SV_DIGEST_MAX] = {0};

        if (parse_init_algorithm(text, &alg, check, err) < 0 ||
            sv_digest(alg, raw, digest, err) < 0)
                return -1;
        memset(field, 0, size);
        memcpy(field, digest, size < sizeof(digest) ? size : sizeof(digest));
        return 0;
}

int sv_init_data_field(const char *text, enum sv_digest otherwise, uint8_t *field, size_t size,
                       const char *check, struct sv_err *err)
{
        return digest_init_data(sv_bytes_str(text), text, otherwise, field, size, check, err);
}

int sv_init_data(const char *path, enum sv_digest otherwise, uint8_t *field, size_t size,
                 const char *check, struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;

        if (sv_file_read(path, SV_JSON_SIZE_MAX, &raw, check, err) < 0)
                return -1;
        return digest_init_data(sv_buf_bytes(&raw), sv_buf_str(&raw), otherwise, field, size, check,
                                err);
}
