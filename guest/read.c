/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a guest file: rows of members, one function per kind of value. Nothing is opened here but
 * the file itself. */
#include "guest/fabric.h"
#include "guest/nics.h"
#include "guest/tuning.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "base/json/member.h"
#include "base/core/limits.h"
#include "base/core/text.h"

#define MIB (1ull << 20)

/* --- the parts, inner before outer --- */

static const struct sv_member disk_members[] = {
        {"path", SV_M_PATH, offsetof(struct sv_disk, path), "a path to the disk's raw image",
         .no_default = true},
        {"nvme", SV_M_PART, 0, "an object like {\"subsystem\": \"nqn.…\", …}",
         .part = sv_guest_fabric_members, .no_default = true},
        {"id", SV_M_TEXT, offsetof(struct sv_disk, id), "1 to 20 of A-Z a-z 0-9 _ -",
         .ok = sv_m_disk_id},
        {"readonly", SV_M_BOOL, offsetof(struct sv_disk, readonly), "true or false"},
        {"encrypted", SV_M_BOOL, offsetof(struct sv_disk, encrypted), "true or false"},
        {"verity", SV_M_TEXT, offsetof(struct sv_disk, verity),
         "the word that \"secure-vm image verity\" printed for this disk", .ok = sv_m_verity},
        {"tuning", SV_M_PART, 0, "an object", .part = sv_guest_disk_tuning_members},
        {NULL},
};

static const struct sv_member fallback_members[] = {
        {"url", SV_M_TEXT, offsetof(struct sv_guest_broker, url),
         "the broker's address as https://HOST:PORT", .ok = sv_m_url, .need = true},
        {"pin", SV_M_TEXT, offsetof(struct sv_guest_broker, pin),
         "\"sha256:\" and 64 lower-case hex digits, as secure-vm-broker init prints it",
         .ok = sv_m_pin},
        {"owner", SV_M_TEXT, offsetof(struct sv_guest_broker, owner),
         "a name of 1 to 63 of A-Z a-z 0-9 _ . -, not beginning with a dot", .ok = sv_name_ok},
        {NULL},
};

#define AT(member) offsetof(struct sv_guest, attestation.member)
static const struct sv_member attestation_members[] = {
        {"url", SV_M_TEXT, AT(url), "the broker's address as https://HOST:PORT", .ok = sv_m_url,
         .need = true},
        {"pin", SV_M_TEXT, AT(pin),
         "\"sha256:\" and 64 lower-case hex digits, as secure-vm-broker init prints it",
         .ok = sv_m_pin, .no_default = true},
        {"fallbacks", SV_M_LIST, AT(fallbacks),
         "a list of at most " SV_STRING(SV_FALLBACKS_MAX) " brokers beside the first",
         .element = "an object like {\"url\": \"https://HOST:PORT\"}", .count = AT(n_fallbacks),
         .part = fallback_members, .size = sizeof(struct sv_guest_broker), .max = SV_FALLBACKS_MAX},
        {"ca", SV_M_PATH, AT(ca), "a path to a PEM file", .no_default = true},
        {"resource", SV_M_TEXT, AT(resource), "repository/type/tag", .ok = sv_m_resource},
        {"ek_roots", SV_M_PATHS, AT(ek_roots), "a list of paths to PEM files",
         .count = AT(n_ek_roots)},
        {"lease", SV_M_UNSIGNED, AT(lease),
         "seconds from 0 to " SV_STRING(SV_LEASE_MAX_S) " that a report keeps the disk", .min = 0,
         .max = SV_LEASE_MAX_S},
        {"wait", SV_M_UNSIGNED, AT(wait),
         "seconds from 1 to " SV_STRING(SV_WAIT_MAX_S) " for a network and for the broker",
         .min = 1, .max = SV_WAIT_MAX_S},
        {"card", SV_M_TEXT, AT(card), "the \"mac\" of one of the interfaces in \"nics\"",
         .ok = sv_m_mac},
        {NULL},
};

static const struct sv_member security_members[] = {
        {"model", SV_M_TEXT, offsetof(struct sv_guest, security.model),
         "\"selinux\" or \"apparmor\"", .ok = sv_m_model},
        {"required", SV_M_BOOL, offsetof(struct sv_guest, security.required), "true or false"},
        {"shared_user", SV_M_BOOL, offsetof(struct sv_guest, security.shared_user),
         "true or false"},
        {NULL},
};

static const struct sv_member console_members[] = {
        {"log_size", SV_M_SIZE, offsetof(struct sv_guest, console.log_size),
         "a size like \"16MiB\": a multiple of 1 MiB, from 1 MiB to 1 GiB", .min = MIB,
         .max = 1024 * MIB},
        {NULL},
};

#define G(member) offsetof(struct sv_guest, member)
static const struct sv_member guest_members[] = {
        {"$schema", SV_M_IGNORE, 0, "a text"},
        {"folder", SV_M_IGNORE, 0, "a path of a folder"}, /* choose_guest_folder */
        {"name", SV_M_TEXT, G(name), "1 to 63 of A-Z a-z 0-9 _ . -, not beginning with a dot",
         .ok = sv_name_ok, .need = true},
        {"uuid", SV_M_UUID, G(uuid), "a UUID as 8-4-4-4-12 lower-case hex digits"},
        {"tee", SV_M_TEXT, G(tee), "\"auto\" or the name of a TEE (small letters, digits, dashes)",
         .ok = sv_m_tee},
        {"vcpus", SV_M_UNSIGNED, G(vcpus), "a whole number from 1 to 512", .min = 1, .max = 512},
        {"memory", SV_M_SIZE, G(memory),
         "a size like \"2GiB\": a multiple of 1 MiB, from 128 MiB to 16 TiB", .min = 128 * MIB,
         .max = 1ull << 44},
        {"vcpus_max", SV_M_UNSIGNED, G(vcpus_max), "a whole number from 1 to 512", .min = 1,
         .max = 512},
        {"memory_max", SV_M_SIZE, G(memory_max),
         "a size like \"8GiB\": a multiple of 1 MiB, from 128 MiB to 16 TiB", .min = 128 * MIB,
         .max = 1ull << 44},
        {"cpu", SV_M_TEXT, G(cpu), "the name of a CPU model, as \"EPYC-v4\"", .ok = sv_m_cpu},
        {"firmware", SV_M_PATH, G(firmware), "a path to a firmware image"},
        {"firmware_features", SV_M_TEXTS, G(firmware_features),
         "a list of features of QEMU's firmware descriptors, as \"secure-boot\"", .ok = sv_m_tee,
         .count = G(n_firmware_features), .max = SV_FIRMWARE_FEATURES_MAX},
        {"kernel", SV_M_PATH, G(kernel), "a path to a kernel image", .no_default = true},
        {"initrd", SV_M_PATH, G(initrd), "a path to an initramfs"},
        {"shim", SV_M_PATH, G(shim), "a path to a shim"},
        {"cmdline", SV_M_TEXT, G(cmdline), "one line of text", .ok = sv_m_line},
        {"uki", SV_M_PATH, G(uki), "a path to a unified kernel image", .no_default = true},
        {"disks", SV_M_LIST, G(disks), "a list of at most " SV_STRING(SV_GUEST_DISKS_MAX) " disks",
         .element = "an object like {\"path\": \"disk.img\"}", .count = G(n_disks),
         .part = disk_members, .size = sizeof(struct sv_disk), .max = SV_GUEST_DISKS_MAX},
        {"nics", SV_M_LIST, G(nics),
         "a list of at most " SV_STRING(SV_GUEST_NICS_MAX) " network interfaces",
         .element = "an object like {\"type\": \"user\"}", .count = G(n_nics),
         .part = sv_guest_nic_members, .size = sizeof(struct sv_nic), .max = SV_GUEST_NICS_MAX},
        {"attestation", SV_M_PART, 0, "an object with \"url\" and \"pin\"",
         .part = attestation_members},
        {"console", SV_M_PART, 0, "an object", .part = console_members},
        {"security", SV_M_PART, 0, "an object", .part = security_members},
        {"tees", SV_M_ANY_OBJECT, G(tees), "an object with one object per TEE"},
        {"tuning", SV_M_ANY_OBJECT, G(tuning), "an object"},
        {NULL},
};

/* --- what no single member can say --- */

static int check_guest_boot(struct sv_member_reader *r, const struct sv_guest *g,
                            struct sv_err *err)
{
        if (g->kernel && g->uki)
                return sv_member_fail(
                        r, "/uki", "guest.uki", err,
                        "either \"kernel\" or \"uki\" was expected, found both; remove one");
        if (g->firmware && g->n_firmware_features)
                return sv_member_fail(r, "/firmware_features", "guest.firmware_features", err,
                                      "either a file (\"firmware\") or what it must be able to do "
                                      "was expected, found both; remove one");
        if (!g->kernel && !g->uki)
                return sv_member_fail(r, "", "guest.kernel", err,
                                      "nothing says what to boot; add \"kernel\" or \"uki\"");
        if (g->initrd && !g->kernel)
                return sv_member_fail(r, "/initrd", "guest.initrd", err,
                                      "an initramfs goes with \"kernel\"; a \"uki\" carries its "
                                      "own, remove this member");
        return 0;
}

/* A verity disk is the root, and an encrypted one beside it lies above it. It is only read, so that
 * many guests may have it. */
static int check_guest_verity(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        size_t n_verity = 0;
        char at[64];

        for (size_t i = 0; i < g->n_disks; i++) {
                struct sv_disk *d = &g->disks[i];

                if (!d->verity)
                        continue;
                snprintf(at, sizeof(at), "/disks/%zu/verity", i);
                if (++n_verity > 1)
                        return sv_member_fail(r, at, "guest.disks.verity", err,
                                              "one verity disk at most was expected: it is the "
                                              "root");
                snprintf(at, sizeof(at), "/disks/%zu/readonly", i);
                if (sv_json_pointer(r->root, at) && !d->readonly)
                        return sv_member_fail(r, at, "guest.disks.verity", err,
                                              "a verity disk is only read; remove this member");
                snprintf(at, sizeof(at), "/disks/%zu/encrypted", i);
                if (d->encrypted)
                        return sv_member_fail(r, at, "guest.disks.verity", err,
                                              "a verity disk is in the clear and needs no key; "
                                              "remove this member, or name the encrypted disk "
                                              "beside it");
                d->readonly = true;
        }
        return 0;
}

static int check_guest_disks(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        const struct sv_disk *root = sv_guest_root(g);
        bool verity = root && root->verity;
        size_t n_encrypted = 0;
        char at[64];

        for (size_t i = 0; i < g->n_disks; i++) {
                struct sv_disk *d = &g->disks[i];

                snprintf(at, sizeof(at), "/disks/%zu/encrypted", i);
                if (!sv_json_pointer(r->root, at))
                        d->encrypted = i == 0 && g->attestation.url && !verity;
                if (d->encrypted && !g->attestation.url)
                        return sv_member_fail(r, at, "guest.disks.encrypted", err,
                                              "an encrypted disk needs a broker that has its key; "
                                              "add \"attestation\" or remove this member");
                if (d->encrypted && d->readonly)
                        return sv_member_fail(r, at, "guest.disks.encrypted", err,
                                              "an encrypted disk is opened for writing; remove "
                                              "\"readonly\" or \"encrypted\"");
                if (d->encrypted && ++n_encrypted > 1)
                        return sv_member_fail(r, at, "guest.disks.encrypted", err,
                                              "one encrypted disk at most was expected; the agent "
                                              "opens one, the system opens others from there");
                if (!d->id)
                        d->id = i ? sv_asprintf("disk%zu", i) : sv_asprintf("root");
                for (size_t j = 0; j < i; j++) {
                        snprintf(at, sizeof(at), "/disks/%zu", i);
                        if (!strcmp(d->id, g->disks[j].id))
                                return sv_member_fail(
                                        r, at, "guest.disks.id", err,
                                        "disk %zu already has the id \"%s\"; give this one another",
                                        j, d->id);
                        if (!strcmp(d->path, g->disks[j].path) &&
                            !(d->readonly && g->disks[j].readonly))
                                return sv_member_fail(r, at, "guest.disks.path", err,
                                                      "disk %zu is the same file; two writers "
                                                      "would destroy it, make both \"readonly\"",
                                                      j);
                }
        }
        return 0;
}

static bool has_url_before(const struct sv_guest *g, size_t n)
{
        const char *url = g->attestation.fallbacks[n].url;

        for (size_t i = 0; i < n; i++)
                if (!strcmp(url, g->attestation.fallbacks[i].url))
                        return true;
        return !strcmp(url, g->attestation.url);
}

/* Another owner knows nothing of who has the disk. */
static int check_guest_fallback(struct sv_member_reader *r, struct sv_guest *g, size_t n,
                                struct sv_err *err)
{
        struct sv_guest_broker *b = &g->attestation.fallbacks[n];
        char at[64];

        snprintf(at, sizeof(at), "/attestation/fallbacks/%zu", n);
        if (has_url_before(g, n))
                return sv_member_fail(r, at, "guest.attestation.fallbacks.url", err,
                                      "this broker is there already; remove one of the two");
        if (!b->pin && !b->owner && g->attestation.pin)
                b->pin = sv_asprintf("%s", g->attestation.pin);
        if (!b->pin && !g->attestation.ca)
                return sv_member_fail(r, at, "guest.attestation.fallbacks.pin", err,
                                      "nothing says how the guest knows this broker; add \"pin\" "
                                      "(secure-vm-broker init prints it)");
        if (b->owner && g->attestation.lease)
                return sv_member_fail(r, at, "guest.attestation.fallbacks.owner", err,
                                      "brokers of two owners do not know of each other's guests, "
                                      "and two of them could have the disk at a time; give "
                                      "\"attestation\" a \"lease\" of 0 if you keep them apart "
                                      "yourself, or remove this broker");
        return 0;
}

static int check_guest_attestation(struct sv_member_reader *r, struct sv_guest *g,
                                   struct sv_err *err)
{
        if (!g->attestation.url)
                return 0;
        if (!g->attestation.pin && !g->attestation.ca)
                return sv_member_fail(r, "/attestation", "guest.attestation.pin", err,
                                      "nothing says how the guest knows the broker; add \"pin\" "
                                      "(secure-vm-broker init prints it) or \"ca\"");
        if (!g->attestation.resource)
                g->attestation.resource = sv_asprintf("default/%s/root", g->name);
        if (g->attestation.lease && g->attestation.lease < SV_LEASE_MIN_S)
                return sv_member_fail(r, "/attestation/lease", "guest.attestation.lease", err,
                                      "expected 0 (several guests may have the disk at a time) or "
                                      "at least %d seconds, found %u",
                                      SV_LEASE_MIN_S, g->attestation.lease);
        for (size_t i = 0; i < g->attestation.n_fallbacks; i++)
                if (check_guest_fallback(r, g, i, err) < 0)
                        return -1;
        return 0;
}

static int derive_guest_uuid(struct sv_guest *g, struct sv_err *err)
{
        SV_STR text = sv_asprintf("secure-vm guest %s", g->name);
        uint8_t digest[SV_DIGEST_MAX];

        if (sv_digest(SV_SHA256, sv_bytes_str(text), digest, err) < 0)
                return -1;
        memcpy(g->uuid, digest, 16);
        g->uuid[6] = (g->uuid[6] & 0x0f) | 0x80; /* RFC 9562 section 5.8 */
        g->uuid[8] = (g->uuid[8] & 0x3f) | 0x80;
        return 0;
}

static int check_guest(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        struct sv_err cause = SV_ERR_NULL;
        SV_BUF line = SV_BUF_NULL;

        /* the interfaces' hardware addresses come from it */
        if (!sv_json_get(r->root, "uuid") && derive_guest_uuid(g, err) < 0)
                return -1;
        if (check_guest_boot(r, g, err) < 0 || check_guest_attestation(r, g, err) < 0 ||
            sv_guest_check_fabrics(r, g, err) < 0 || check_guest_verity(r, g, err) < 0 ||
            check_guest_disks(r, g, err) < 0 || sv_guest_check_nics(r, g, err) < 0 ||
            sv_guest_check_tuning(r, g, err) < 0 || sv_guest_check_maxima(r, g, err) < 0)
                return -1;
        if (!g->tee)
                g->tee = sv_asprintf("auto");
        g->security.optional =
                sv_json_pointer(r->root, "/security/required") && !g->security.required;
        if (sv_guest_cmdline(g, &line, &cause) < 0)
                return sv_member_fail(r, "/cmdline", "guest.cmdline", err, "%s", cause.msg);
        return 0;
}

/* Relative paths are relative to the folder that the file names, without one to its own. */
static int choose_guest_folder(struct sv_member_reader *r, struct sv_err *err)
{
        const struct sv_json *said = sv_json_get(r->root, "folder");
        const char *folder = sv_json_str(said);

        if (!said)
                return 0;
        if (!folder || *folder != '/' || !sv_m_line(folder) || strlen(folder) > SV_PATH_MAX)
                return sv_member_fail(r, "/folder", "guest.folder", err,
                                      "expected the absolute path of the folder that relative "
                                      "paths are relative to, found %s%s; remove it for the "
                                      "guest file's own",
                                      folder ? "the path " : sv_json_type_name(sv_json_type(said)),
                                      folder ? folder : "");
        r->dir = folder;
        return 0;
}

int sv_guest_parse(struct sv_bytes text, const char *file, const char *dir, struct sv_guest *out,
                   struct sv_err *err)
{
        SV_GUEST g = {.vcpus = 2,
                      .memory = 1024 * MIB,
                      .tune.memory = {.balloon = true, .reporting = true, .deflate = true},
                      .console.log_size = SV_CONSOLE_LOG_SIZE,
                      .attestation.lease = SV_LEASE_S};
        struct sv_member_reader r = {.text = text, .file = file, .dir = dir};
        SV_JSON *root = NULL;

        if (sv_json_parse(text, "guest", &root, err) < 0) {
                if (err)
                        err->class =
                                SV_USAGE; /* a file that a person wrote for us is configuration */
                return sv_wrap(err, "%s", file);
        }
        r.root = root;
        if (sv_json_type(root) != SV_JSON_OBJECT)
                return sv_member_fail(&r, "", "guest.json", err,
                                      "an object was expected, found %s; begin with {\"name\": …}",
                                      sv_json_type_name(sv_json_type(root)));
        if (choose_guest_folder(&r, err) < 0 ||
            sv_member_read(&r, root, "", "guest", guest_members, &g, err) < 0 ||
            check_guest(&r, &g, err) < 0)
                return -1;
        g.file = sv_asprintf("%s", file);
        g.dir = sv_asprintf("%s", r.dir);
        g.text = sv_asprintf("%.*s", (int)text.n, (const char *)text.p);
        *out = g;
        g = (struct sv_guest){0};
        return 0;
}

int sv_guest_options(const struct sv_guest *g, const char *tee, const struct sv_member *rows,
                     void *base, struct sv_err *err)
{
        const struct sv_json *obj = sv_json_get(g->tees, tee);
        struct sv_member_reader r = {.text = g->text ? sv_bytes_str(g->text) : SV_BYTES_NULL,
                                     .file = g->file ? g->file : "options",
                                     .dir = g->dir ? g->dir : "."};
        char pointer[64], check[64];

        if (!obj)
                return 0;
        snprintf(pointer, sizeof(pointer), "/tees/%s", tee);
        snprintf(check, sizeof(check), "guest.%s", tee);
        if (sv_json_type(obj) != SV_JSON_OBJECT)
                return sv_member_fail(&r, pointer, check, err, "expected an object, found %s",
                                      sv_json_type_name(sv_json_type(obj)));
        return sv_member_read(&r, obj, pointer, check, rows, base, err);
}

#define NOBODY 65534

/* Whose the file is; one of root's that lies in somebody's folder may be that one's choice, and so
 * may what lies in a folder of somebody's that it names. */
static int find_guest_owner(int fd, const char *folder, const char *named, unsigned *owner,
                            struct sv_err *err)
{
        struct stat file, dir, base;

        if (fstat(fd, &file) < 0 || stat(folder, &dir) < 0)
                return sv_fail_errno(err, "guest.file", "%s", folder);
        if (stat(named, &base) < 0)
                base.st_uid = NOBODY; /* whoever makes it */
        *owner = file.st_uid ? file.st_uid : dir.st_uid ? dir.st_uid : base.st_uid;
        return 0;
}

int sv_guest_read(const char *path, struct sv_guest *out, struct sv_err *err)
{
        SV_STR real = realpath(path, NULL);
        SV_FD fd = real ? open(real, O_RDONLY | O_CLOEXEC) : -1;
        SV_BUF text = SV_BUF_NULL;
        SV_STR dir = NULL;
        SV_GUEST g = {0};

        if (fd < 0)
                return sv_fail_errno(err, "guest.file", "cannot open %s", path);
        if (sv_fd_read(fd, path, SV_GUEST_SIZE_MAX, &text, "guest.file", err) < 0)
                return -1;
        dir = sv_asprintf("%.*s", (int)(strrchr(real, '/') - real), real);
        if (sv_guest_parse(sv_buf_bytes(&text), real, dir, &g, err) < 0 ||
            find_guest_owner(fd, *dir ? dir : "/", *g.dir ? g.dir : "/", &g.owner, err) < 0)
                return -1;
        *out = g;
        g = (struct sv_guest){0};
        return 0;
}
