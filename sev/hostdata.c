#include "sev/host.h"

#include <stdio.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/limits.h"

/* Init-data (confidential-containers/trustee kbs/docs/initdata.md) is TOML whose top level says: algorithm = "sha384". */
static int algorithm_of(const char *text, enum sv_digest *alg, struct sv_err *err)
{
        *alg = SV_SHA256;
        for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
                char name[16];

                if (*line == '[')
                        break;
                if (sscanf(line, "algorithm = \"%15[^\"\n]\"", name) != 1)
                        continue;
                *alg = sv_digest_by_name(name);
                if (*alg != SV_SHA256 && *alg != SV_SHA384 && *alg != SV_SHA512)
                        return sv_fail(err, SV_USAGE, "sev.init_data", "init-data names the digest \"%s\"; sha256, sha384 and sha512 are possible", name);
                return 0;
        }
        return 0;
}

int sv_sev_host_data(const struct sv_sev_options *o, uint8_t out[32], bool *given, struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;
        uint8_t digest[SV_DIGEST_MAX];
        enum sv_digest alg;

        *given = o->host_data || o->init_data;
        memset(out, 0, 32);
        if (o->init_data) {
                if (sv_file_read(o->init_data, SV_JSON_SIZE_MAX, &raw, "sev.init_data", err) < 0 || algorithm_of(sv_buf_str(&raw), &alg, err) < 0 ||
                    sv_digest(alg, sv_buf_bytes(&raw), digest, err) < 0)
                        return -1;
                memcpy(out, digest, 32);
        } else if (o->host_data) {
                if (sv_unhex(sv_bytes_str(o->host_data), &raw, "guest.sev-snp.host_data", err) < 0)
                        return -1;
                memcpy(out, raw.p, raw.n < 32 ? raw.n : 32);
        }
        return 0;
}
