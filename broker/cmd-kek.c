/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/cmd-kek.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/cmd-audit.h"
#include "broker/reseal.h"

const struct sv_opt sv_kek_show_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {"open", NULL, "have it opened by what keeps it", 0, false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_opt sv_kek_seal_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {"to", "WHERE", "\"file\", \"tpm:[DEVICE]\" or a PKCS#11 URI", 0, false},
        {"pcrs", "LIST", "TPM: opens only with these PCRs as they are now (7,11)", 0, false},
        {"auth", "FILE", "TPM: opens only with the password in this file", 0, false},
        {"make-key", NULL, "token: make the key that wraps, when it has none of that name", 0,
         false},
        {"from", "FILE", "a copy of the kek, when what kept it is lost", 0, false},
        {"copy", "FILE", "a new file that gets the kek itself: keep it elsewhere", 0, false},
        {"no-copy", NULL, "no copy: the kek is lost with the TPM or token", 0, false},
        {NULL, NULL, NULL, 0, false},
};

/* What is in the file, and no key. */
static void describe_kek(const struct sv_kek *k, struct sv_json *j)
{
        struct sv_json *pcrs;

        sv_json_set_str(j, "kind", sv_kek_kind_name(k->kind));
        sv_json_set_str(j, "id", k->id);
        if (k->kind == SV_KEK_TOKEN)
                sv_json_set_str(j, "uri", k->uri);
        if (k->kind != SV_KEK_TPM)
                return;
        sv_json_set_str(j, "device", k->device);
        if (k->auth)
                sv_json_set_str(j, "auth", k->auth);
        pcrs = sv_json_set(j, "pcrs", sv_json_array());
        for (unsigned i = 0; i < SV_TPM_SEAL_PCRS; i++)
                if (k->sealed.pcrs >> i & 1)
                        sv_json_add(pcrs, sv_json_new_int(i));
}

static void print_kek(const struct sv_kek *k)
{
        printf("kind %s\nid %s\n", sv_kek_kind_name(k->kind), k->id);
        if (k->kind == SV_KEK_TOKEN)
                printf("uri %s\n", k->uri);
        if (k->kind != SV_KEK_TPM)
                return;
        printf("device %s\n", k->device);
        if (k->auth)
                printf("auth %s\n", k->auth);
        printf("pcrs");
        for (unsigned i = 0; i < SV_TPM_SEAL_PCRS; i++)
                if (k->sealed.pcrs >> i & 1)
                        printf(" %u", i);
        printf("%s\n", k->sealed.pcrs ? "" : " none");
}

int sv_run_kek_show(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER_CONFIG config = {0};
        SV_KEK k = {.kind = SV_KEK_FILE};
        SV_SECRET *kek = NULL;
        const char *path;

        if (sv_need_option(args, "config", &path, err) < 0 ||
            sv_broker_config_read(path, &config, err) < 0 ||
            sv_kek_inspect(config.kek, &k, NULL, err) < 0)
                return -1;
        if (sv_has(args, "open")) {
                kek = sv_kek_read(config.kek, err);
                if (!kek)
                        return -1;
        }
        *result = sv_json_object();
        describe_kek(&k, *result);
        if (!sv_has(args, "json"))
                print_kek(&k);
        return 0;
}

static int parse_pcrs(const char *list, uint32_t *out, struct sv_err *err)
{
        SV_STR copy = sv_asprintf("%s", list ? list : "");
        char *save = NULL;
        uint64_t i;

        for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
                if (sv_parse_u64(p, SV_TPM_SEAL_PCRS - 1, &i, "cli.option", err) < 0)
                        return -1;
                *out |= 1u << i;
        }
        return !list || *out ? 0
                             : sv_fail(err, SV_USAGE, "cli.option",
                                       "--pcrs takes numbers of PCRs with commas between them");
}

int sv_run_kek_seal(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER b = {.audit_fd = -1};
        struct sv_reseal r = {
                .to = {.auth = sv_opt(args, "auth"), .make_key = sv_has(args, "make-key")},
                .from = sv_opt(args, "from"),
                .copy = sv_opt(args, "copy"),
                .no_copy = sv_has(args, "no-copy")};
        SV_KEK made = {.kind = SV_KEK_FILE};
        const char *config;

        if (sv_need_option(args, "config", &config, err) < 0 ||
            sv_need_option(args, "to", &r.to.where, err) < 0 ||
            parse_pcrs(sv_opt(args, "pcrs"), &r.to.pcrs, err) < 0 ||
            sv_broker_open(config, &b, err) < 0 || sv_broker_reseal(&b, &r, &made, err) < 0)
                return -1;
        *result = sv_json_object();
        describe_kek(&made, *result);
        if (r.copy)
                sv_json_set_str(*result, "copy", r.copy);
        if (!sv_has(args, "json"))
                print_kek(&made);
        return 0;
}
