/* SPDX-License-Identifier: Apache-2.0 */
/* The kek's file, when it is not the key itself:
 *      {"version":1, "kind":"tpm2", "id":…, "device":…, "parent":…, "parent_name":…, "public":…,
 *       "private":…, "pcrs":{"7":…}, "auth":…}
 *      {"version":1, "kind":"pkcs11", "id":…, "uri":…, "iv":…, "wrapped":…}
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/kek/kek.h"

#define CHECK "broker.kek.form"

static const char *const kinds[] = {
        [SV_KEK_FILE] = "file", [SV_KEK_TPM] = "tpm2", [SV_KEK_TOKEN] = "pkcs11"};

const char *sv_kek_kind_name(enum sv_kek_kind kind)
{
        return kinds[kind];
}

void sv_kek_free(struct sv_kek *k)
{
        free(k->device);
        free(k->auth);
        free(k->uri);
        sv_tpm_sealed_free(&k->sealed);
        sv_buf_free(&k->iv);
        sv_buf_free(&k->wrapped);
        memset(k, 0, sizeof(*k));
}

static int take_member_text(const struct sv_json *j, const char *member, char **out,
                            struct sv_err *err)
{
        const char *text;

        if (sv_json_need_str(j, member, &text, CHECK, err) < 0)
                return -1;
        *out = sv_asprintf("%s", text);
        return 0;
}

static int take_pcr(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        struct sv_tpm_sealed *s = arg;
        const char *hex = sv_json_str(value);
        SV_BUF digest = SV_BUF_NULL;
        uint64_t i = 0;

        if (!hex || sv_parse_u64(name, SV_TPM_SEAL_PCRS - 1, &i, CHECK, NULL) < 0 ||
            sv_unhex(sv_bytes_str(hex), &digest, CHECK, NULL) < 0 || digest.n != 32)
                return sv_fail(err, SV_FORMAT, CHECK,
                               "\"pcrs\" has numbers from 0 to %d, each with a SHA-256 digest in "
                               "hex; found \"%s\"",
                               SV_TPM_SEAL_PCRS - 1, name);
        s->pcrs |= 1u << i;
        memcpy(s->values[i], digest.p, 32);
        return 0;
}

static int take_parent_handle(const struct sv_json *j, uint32_t *out, struct sv_err *err)
{
        int64_t handle;

        if (sv_json_need_int(j, "parent", 0, UINT32_MAX, &handle, CHECK, err) < 0)
                return -1;
        *out = (uint32_t)handle;
        return 0;
}

static int take_sealed(const struct sv_json *j, struct sv_kek *k, struct sv_err *err)
{
        static const char *const names[] = {"version", "kind",        "id",     "device",
                                            "parent",  "parent_name", "public", "private",
                                            "pcrs",    "auth",        NULL};
        struct sv_json *pcrs;

        if (sv_json_only(j, names, CHECK, err) < 0 ||
            take_member_text(j, "device", &k->device, err) < 0 ||
            take_parent_handle(j, &k->sealed.parent, err) < 0 ||
            sv_json_need_hex(j, "parent_name", &k->sealed.parent_name, CHECK, err) < 0 ||
            sv_json_need_b64(j, "public", &k->sealed.public2b, CHECK, err) < 0 ||
            sv_json_need_b64(j, "private", &k->sealed.private2b, CHECK, err) < 0 ||
            sv_json_need_obj(j, "pcrs", &pcrs, CHECK, err) < 0 ||
            sv_json_each(pcrs, take_pcr, &k->sealed, err) < 0)
                return -1;
        return sv_json_get(j, "auth") ? take_member_text(j, "auth", &k->auth, err) : 0;
}

static int take_wrapped(const struct sv_json *j, struct sv_kek *k, struct sv_err *err)
{
        static const char *const names[] = {"version", "kind", "id", "uri", "iv", "wrapped", NULL};

        if (sv_json_only(j, names, CHECK, err) < 0 ||
            take_member_text(j, "uri", &k->uri, err) < 0 ||
            sv_json_need_b64(j, "iv", &k->iv, CHECK, err) < 0)
                return -1;
        return sv_json_need_b64(j, "wrapped", &k->wrapped, CHECK, err);
}

static int take_head(const struct sv_json *j, struct sv_kek *k, struct sv_err *err)
{
        const char *kind, *id;
        int64_t version;

        if (sv_json_need_int(j, "version", 1, 1, &version, CHECK, err) < 0 ||
            sv_json_need_str(j, "kind", &kind, CHECK, err) < 0 ||
            sv_json_need_str(j, "id", &id, CHECK, err) < 0)
                return -1;
        if (strlen(id) != SV_KEK_ID_SIZE - 1)
                return sv_fail(err, SV_FORMAT, CHECK, "\"id\" has %zu characters, expected %d",
                               strlen(id), SV_KEK_ID_SIZE - 1);
        memcpy(k->id, id, SV_KEK_ID_SIZE);
        for (int i = SV_KEK_TPM; i <= SV_KEK_TOKEN; i++)
                if (!strcmp(kind, kinds[i])) {
                        k->kind = (enum sv_kek_kind)i;
                        return 0;
                }
        return sv_fail(err, SV_FORMAT, CHECK,
                       "\"kind\" must be \"tpm2\" or \"pkcs11\", found \"%s\"", kind);
}

int sv_kek_parse(struct sv_bytes text, struct sv_kek *out, struct sv_err *err)
{
        SV_KEK k = {.kind = SV_KEK_FILE};
        SV_JSON *j = NULL;

        if (sv_json_parse(text, CHECK, &j, err) < 0 || take_head(j, &k, err) < 0 ||
            (k.kind == SV_KEK_TPM ? take_sealed(j, &k, err) : take_wrapped(j, &k, err)) < 0)
                return -1;
        *out = k;
        memset(&k, 0, sizeof(k));
        return 0;
}

static void print_sealed(const struct sv_kek *k, struct sv_json *j)
{
        struct sv_json *pcrs;
        char name[8];

        sv_json_set_str(j, "device", k->device);
        sv_json_set_int(j, "parent", k->sealed.parent);
        sv_json_set_hex(j, "parent_name", sv_buf_bytes(&k->sealed.parent_name));
        sv_json_set_b64(j, "public", sv_buf_bytes(&k->sealed.public2b));
        sv_json_set_b64(j, "private", sv_buf_bytes(&k->sealed.private2b));
        pcrs = sv_json_set(j, "pcrs", sv_json_object());
        for (unsigned i = 0; i < SV_TPM_SEAL_PCRS; i++) {
                if (!(k->sealed.pcrs >> i & 1))
                        continue;
                snprintf(name, sizeof(name), "%u", i);
                sv_json_set_hex(pcrs, name, sv_bytes(k->sealed.values[i], 32));
        }
        if (k->auth)
                sv_json_set_str(j, "auth", k->auth);
}

void sv_kek_print(const struct sv_kek *k, struct sv_buf *out)
{
        SV_JSON *j = sv_json_object();

        sv_json_set_int(j, "version", 1);
        sv_json_set_str(j, "kind", kinds[k->kind]);
        sv_json_set_str(j, "id", k->id);
        if (k->kind == SV_KEK_TPM) {
                print_sealed(k, j);
        } else {
                sv_json_set_str(j, "uri", k->uri);
                sv_json_set_b64(j, "iv", sv_buf_bytes(&k->iv));
                sv_json_set_b64(j, "wrapped", sv_buf_bytes(&k->wrapped));
        }
        sv_json_pretty(j, out);
}
