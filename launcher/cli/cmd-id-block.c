/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm id-block: who this guest is, signed, so that the platform itself refuses to launch
 * anything else under that name. */
#include "base/core/encoding.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"

#include <stdio.h>
#include <string.h>

#include "launcher/choose.h"
#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "guest/guest.h"
#include "base/program/log.h"
#include "tee/boot.h"

static const struct sv_opt opts[] = {
        {.name = "tee", .arg = "T", .help = "the TEE, when more than one has such a thing"},
        {.name = "launch-digest",
         .arg = "HEX",
         .help = "without a guest file: the launch digest that the guest must have"},
        {.name = "key",
         .arg = "KEY",
         .help = "the ID key that signs: a PEM file, or a URI of a key store (pkcs11:...)"},
        {.name = "author-key",
         .arg = "KEY",
         .help = "the author's key that vouches for the ID key: PEM file or URI"},
        {.name = "anonymous",
         .help = "nobody's key signs: the platform still compares digest and policy"},
        {.name = "policy",
         .arg = "0x...",
         .help = "the guest policy that the launch must have; otherwise the guest file's, or "
                 "0x30000"},
        {.name = "svn",
         .arg = "N",
         .help = "the guest's security version, which reports then carry (0)"},
        {.name = "family-id",
         .arg = "HEX",
         .help = "16 bytes of the owner's choice, which reports then carry"},
        {.name = "image-id",
         .arg = "HEX",
         .help = "16 bytes of the owner's choice, which reports then carry"},
        {.name = "out", .arg = "PREFIX", .help = "write PREFIX.id-block and PREFIX.id-auth"},
        {0},
};

/* Options that go into the block, by the names of struct sv_id_in. */
static const char *const members[] = {"policy", "svn", "family-id", "image-id"};

static int choose_id_tee(const struct sv_args *args, const struct sv_guest *guest,
                         const struct sv_tee_measure **out, struct sv_err *err)
{
        const char *name = sv_opt(args, "tee");
        const struct sv_tee_host *tee;

        if (!name && guest && strcmp(guest->tee, "auto"))
                name = guest->tee;
        if (name && (sv_tee_choose(name, guest, SV_CHOOSE_ANY, &tee, err) < 0 ||
                     sv_tee_choose_measure(tee->id, out, err) < 0))
                return -1;
        for (size_t i = 0; !name && sv_tees_measure[i]; i++)
                if (sv_tees_measure[i]->id_block) {
                        *out = sv_tees_measure[i];
                        return 0;
                }
        if (!name || !(*out)->id_block)
                return sv_fail(
                        err, SV_USAGE, "id-block.tee",
                        "guests on %s have no ID block: their platform compares nothing at launch",
                        name ? name : "this build");
        return 0;
}

static int check_id_args(const struct sv_args *args, struct sv_err *err)
{
        if ((args->n != 0) == sv_has(args, "launch-digest"))
                return sv_fail(err, SV_USAGE, "id-block.digest",
                               "either a guest file or --launch-digest must say what is launched");
        if (sv_has(args, "key") == sv_has(args, "anonymous"))
                return sv_fail(err, SV_USAGE, "id-block.key",
                               "either --key must say who signs, or --anonymous that nobody does");
        if (sv_has(args, "author-key") && !sv_has(args, "key"))
                return sv_fail(err, SV_USAGE, "id-block.key",
                               "--author-key vouches for an ID key: give --key as well");
        return 0;
}

static int open_id_key(const struct sv_args *args, const char *option, struct sv_key **key,
                       struct sv_err *err)
{
        if (!sv_has(args, option))
                return 0;
        *key = sv_key_open(sv_opt(args, option), err);
        return *key ? 0 : sv_wrap(err, "--%s", option);
}

/* Files, and how the guest file names them. */
static int write_id_files(const struct sv_args *args, const struct sv_tee_measure *tee,
                          const struct sv_id_out *made, struct sv_json *result, struct sv_err *err)
{
        const char *prefix = sv_opt(args, "out");
        SV_STR block = sv_asprintf("%s.id-block", prefix ? prefix : "");
        SV_STR auth = sv_asprintf("%s.id-auth", prefix ? prefix : "");
        struct sv_json *own;

        if (!prefix)
                return 0;
        if (sv_file_write(block, 0644, sv_buf_bytes(&made->block), err) < 0 ||
            sv_file_write(auth, 0644, sv_buf_bytes(&made->auth), err) < 0)
                return -1;
        own = sv_json_set(sv_json_set(sv_json_set(result, "guest", sv_json_object()), "tees",
                                      sv_json_object()),
                          tee->id->name, sv_json_object());
        sv_json_set_str(own, "id_block", block);
        sv_json_set_str(own, "id_auth", auth);
        sv_json_set_bool(own, "author_key", sv_has(args, "author-key"));
        return 0;
}

static int print_id_value(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (!sv_json_str(value))
                sv_json_print(value, &text);
        printf("%s %s\n", name, sv_json_str(value) ? sv_json_str(value) : sv_buf_str(&text));
        return 0;
}

static int print_id_block(const struct sv_args *args, const struct sv_id_out *made,
                          struct sv_json *result, struct sv_err *err)
{
        const struct sv_json *guest = sv_json_get(result, "guest");
        SV_BUF text = SV_BUF_NULL;

        if (sv_has(args, "anonymous"))
                sv_info("nobody signed: the ID key's digest in a report will say only that this "
                        "block was used");
        if (sv_has(args, "json"))
                return 0;
        sv_json_each(made->values, print_id_value, NULL, err);
        if (!guest)
                return sv_json_each(sv_json_get(result, "libvirt"), print_id_value, NULL, err);
        sv_json_print(guest, &text);
        sv_info("the guest file names the two files with %s", sv_buf_str(&text));
        return 0;
}

static int make_id_block(const struct sv_args *args, const struct sv_guest *guest,
                         struct sv_json **result, struct sv_err *err)
{
        SV_JSON *wanted = sv_json_object();
        struct sv_id_in in = {.guest = guest, .members = wanted};
        struct sv_id_out made = {0};
        const struct sv_tee_measure *tee = NULL;
        struct sv_json *libvirt;
        SV_KEY *key = NULL, *author = NULL;
        SV_BUF digest = SV_BUF_NULL;
        int r;

        for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
                if (sv_has(args, members[i]))
                        sv_json_set_str(wanted, members[i], sv_opt(args, members[i]));
        if (choose_id_tee(args, guest, &tee, err) < 0)
                return -1;
        if (guest && sv_boot_check(guest, err) < 0)
                return -1;
        if (open_id_key(args, "key", &key, err) < 0)
                return -1;
        if (open_id_key(args, "author-key", &author, err) < 0)
                return -1;
        if (!guest && sv_unhex(sv_bytes_str(sv_opt(args, "launch-digest")), &digest,
                               "id-block.digest", NULL) < 0)
                return sv_fail(err, SV_USAGE, "id-block.digest",
                               "--launch-digest: hex digits were expected");
        if (!guest && !digest.n)
                return sv_fail(err, SV_USAGE, "id-block.digest", "--launch-digest is empty");
        in.key = key;
        in.author = author;
        in.launch_digest = sv_buf_bytes(&digest);
        if (tee->id_block(&in, &made, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "tee", tee->id->name);
        sv_json_set(*result, "values", sv_json_ref(made.values));
        /* the elements of <launchSecurity>, and its attribute */
        libvirt = sv_json_set(*result, "libvirt", sv_json_object());
        sv_json_set_b64(libvirt, "idBlock", sv_buf_bytes(&made.block));
        sv_json_set_b64(libvirt, "idAuth", sv_buf_bytes(&made.auth));
        sv_json_set_str(libvirt, "authorKey", author ? "yes" : "no");
        r = write_id_files(args, tee, &made, *result, err) < 0
                    ? -1
                    : print_id_block(args, &made, *result, err);
        sv_id_out_free(&made);
        return r;
}

static int run_id_block(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_GUEST guest = {0};

        if (check_id_args(args, err) < 0 ||
            (args->n && sv_guest_take(args->pos[0], &guest, err) < 0))
                return -1;
        return make_id_block(args, args->n ? &guest : NULL, result, err);
}

const struct sv_cmd sv_cmd_id_block = {
        .name = "id-block",
        .args = "[GUEST.json]",
        .help = "sign which guest may be launched, so that the platform itself refuses any other",
        .opts = opts,
        .run = run_id_block,
};
