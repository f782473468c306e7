/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>

#include "base/json/member.h"
#include "base/program/cli.h"
#include "tee/boot.h"
#include "tee/measure.h"
#include "toy/tee.h"

static const struct sv_opt options[] = {
        {.name = "toy-salt", .arg = "TEXT", .help = "toy: measured in front of the kernel"},
        {0},
};

struct own {
        char *salt, *key;
};

static const struct sv_member members[] = {
        {"toy_salt", SV_M_TEXT, offsetof(struct own, salt), "a line", .ok = sv_m_line},
        {"key", SV_M_TEXT, offsetof(struct own, key), "a public key (PEM)"},
        {NULL},
};

static void own_free(struct own *o)
{
        free(o->salt);
        free(o->key);
}
#define OWN __attribute__((cleanup(own_free))) struct own

int sv_toy_options_check(const struct sv_guest *guest, struct sv_err *err)
{
        OWN own = {NULL, NULL};

        return sv_guest_options(guest, "toy", members, &own, err);
}

/* SHA-256 over salt, kernel, command line and the digest of the initramfs. */
static int measure(const struct sv_guest *guest, struct sv_measurement *out, struct sv_err *err)
{
        SV_HASH *h = sv_hash_new(SV_SHA256, err);
        SV_BOOT boot = {.initrd_size = 0};
        OWN own = {NULL, NULL};
        uint8_t digest[32];

        if (!h || sv_guest_options(guest, "toy", members, &own, err) < 0 ||
            sv_boot_read(guest, 0, &boot, err) < 0 ||
            sv_hash_put(h, sv_bytes_str(own.salt ? own.salt : ""), err) < 0 ||
            sv_hash_put(h, sv_buf_bytes(&boot.kernel), err) < 0 ||
            sv_hash_put(h, sv_buf_bytes(&boot.cmdline), err) < 0 ||
            sv_hash_put(h, sv_bytes(boot.initrd[0], 32), err) < 0 ||
            sv_hash_end(h, digest, err) < 0)
                return -1;
        out->values = sv_json_object();
        sv_json_set_hex(out->values, "launch", sv_bytes(digest, 32));
        return 0;
}

static int policy(const struct sv_guest *guest, const struct sv_measurement *m,
                  struct sv_json *rules, struct sv_json *trust, struct sv_err *err)
{
        OWN own = {NULL, NULL};

        if (sv_guest_options(guest, "toy", members, &own, err) < 0)
                return -1;
        sv_json_set_str(sv_rule_add(rules, "policy.toy.launch", "/launch", "executables",
                                    "kernel, command line and initramfs"),
                        "equals", sv_json_str(sv_json_get(m->values, "launch")));
        if (own.key)
                sv_json_add(sv_json_set(trust, "toy_keys", sv_json_array()),
                            sv_json_new_str(own.key));
        return 0;
}

static const char *const image_claims[] = {"/launch", NULL};

const struct sv_tee_measure sv_tee_measure_toy = {.id = &sv_tee_toy,
                                                  .options = options,
                                                  .measure = measure,
                                                  .policy = policy,
                                                  .image_claims = image_claims};
