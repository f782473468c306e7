/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/reference-file.h"

#include <stdio.h>

#include "attest/jose/reference.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "policy/reference.h"

struct sv_key *sv_reference_read_key(const char *file, struct sv_err *err)
{
        SV_BUF pem = SV_BUF_NULL;

        if (!file) {
                sv_fail(err, SV_USAGE, "reference.key", "--key is missing: who signs it?");
                return NULL;
        }
        if (sv_file_read_private(file, SV_PEM_SIZE_MAX, &pem, "reference.key", "reference.key.mode",
                                 err) < 0)
                return NULL;
        return sv_key_from_pem(sv_buf_bytes(&pem), true, err);
}

/* What others may read is a public key, or is refused as that. */
struct sv_key *sv_reference_read_signer(const char *file, struct sv_err *err)
{
        SV_BUF pem = SV_BUF_NULL;
        struct sv_err mode = SV_ERR_NULL;
        struct sv_key *key;

        if (sv_file_read_private(file, SV_PEM_SIZE_MAX, &pem, "reference.key", "reference.key.mode",
                                 &mode) == 0) {
                key = sv_key_from_pem(sv_buf_bytes(&pem), false, NULL);
                return key ? key : sv_key_from_pem(sv_buf_bytes(&pem), true, err);
        }
        if (sv_file_read(file, SV_PEM_SIZE_MAX, &pem, "reference.key", err) < 0)
                return NULL;
        key = sv_key_from_pem(sv_buf_bytes(&pem), false, err);
        if (!key && !strcmp(mode.check, "reference.key.mode") && err)
                *err = mode;
        return key;
}

static bool is_json_object(struct sv_bytes text)
{
        while (text.n && strchr(" \t\r\n", *text.p)) {
                text.p++;
                text.n--;
        }
        return text.n && *text.p == '{';
}

static int open_set(struct sv_bytes text, const char *key_file, struct sv_json **out,
                    struct sv_err *err)
{
        SV_KEY *key = NULL;

        if (is_json_object(text))
                return sv_reference_parse(text, out, err);
        if (!key_file)
                return sv_fail(err, SV_USAGE, "reference.key",
                               "it is signed, and no key says by whom: give the author's key, or "
                               "what the set says as JSON");
        key = sv_reference_read_signer(key_file, err);
        return key ? sv_reference_open(text, key, out, err) : -1;
}

int sv_reference_read(const char *file, const char *key_file, struct sv_json **out,
                      struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(file, SV_POLICY_SIZE_MAX, &text, "reference.size", err) < 0 ||
            open_set(sv_buf_bytes(&text), key_file, out, err) < 0)
                return sv_wrap(err, "%s", file);
        return 0;
}

int sv_reference_put_out(const struct sv_args *args, struct sv_bytes text, struct sv_json **result,
                         struct sv_err *err)
{
        const char *out = sv_opt(args, "out");
        SV_JSON *set = NULL;

        if (sv_reference_parse(text, &set, err) < 0 ||
            (out && sv_output_write(out, 0666, text, err) < 0))
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "name", sv_reference_name(set));
        sv_json_set_int(*result, "generation", sv_reference_generation(set));
        sv_json_set(*result, "set", sv_json_ref(set));
        if (!out && !sv_has(args, "json"))
                printf("%.*s", (int)text.n, (const char *)text.p);
        return 0;
}
