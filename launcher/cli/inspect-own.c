/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/inspect-own.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/crypto/x509.h"
#include "guest/guest.h"
#include "image/cpio.h"
#include "image/zstd.h"
#include "launcher/guest-file.h"
#include "luks/header.h"
#include "ovmf/inspect.h"
#include "policy/policy.h"

static bool begins_with(struct sv_bytes file, const char *magic, size_t n)
{
        return file.n >= n && memcmp(file.p, magic, n) == 0;
}

/* --- an encrypted disk --- */

static int describe_disk(struct sv_bytes head, uint64_t size, struct sv_json **out,
                         struct sv_err *err)
{
        struct sv_luks_header h;
        uint8_t digest[48];
        SV_JSON *disk = NULL;

        if (sv_luks_header_parse(head, &h, err) < 0 ||
            sv_luks_header_digest(head, &h, digest, err) < 0)
                return -1;
        disk = sv_json_object();
        sv_json_set_str(disk, "kind", "encrypted disk");
        sv_json_set_str(disk, "uuid", h.uuid);
        sv_json_set_int(disk, "size", (int64_t)size);
        sv_json_set_bool(disk, "integrity", h.integrity);
        if (h.integrity)
                sv_json_set_int(disk, "data_size", (int64_t)h.data_size);
        sv_json_set_hex(disk, "header_digest", sv_bytes(digest, sizeof(digest)));
        *out = sv_json_ref(disk);
        return 0;
}

int sv_inspect_disk(const char *path, struct sv_json **out, struct sv_err *err)
{
        SV_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        SV_BUF head = SV_BUF_NULL;
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                return 0;
        if (!sv_buf_grow(&head, SV_LUKS_HEAD_SIZE))
                return sv_buf_ok(&head, "the beginning of a disk", err);
        n = pread(fd, head.p, head.n, 0); /* a pipe has none, and keeps what it has */
        head.n = n < 0 ? 0 : (size_t)n;
        if (!begins_with(sv_buf_bytes(&head), "LUKS\xba\xbe", 6))
                return 0;
        return describe_disk(sv_buf_bytes(&head), (uint64_t)st.st_size, out, err);
}

/* --- an initramfs of ours: zstd, one archive --- */

static int describe_member(const struct sv_cpio_member *m, struct sv_json *files,
                           struct sv_json *out, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%.*s", (int)m->path.n, (const char *)m->path.p);
        struct sv_json *row;

        if (!S_ISREG(m->mode))
                return 0;
        row = sv_json_add(files, sv_json_object());
        sv_json_set_str(row, "path", path);
        sv_json_set_int(row, "size", (int64_t)m->data.n);
        return strcmp(path, "init") ? 0 : sv_inspect_digest(out, "agent_sha256", m->data, err);
}

static int inspect_initramfs(const char *path, struct sv_bytes file, struct sv_json **out,
                             struct sv_err *err)
{
        SV_JSON *archive = NULL;
        SV_BUF unpacked = SV_BUF_NULL;
        struct sv_json *files;
        struct sv_rd r;

        if (!begins_with(file, "\x28\xb5\x2f\xfd", 4))
                return 0;
        if (sv_zstd_decompress(file, SV_BUF_MAX, &unpacked, err) < 0)
                return -1;
        archive = sv_json_object();
        sv_json_set_str(archive, "kind", "initramfs");
        sv_json_set_int(archive, "unpacked_size", (int64_t)unpacked.n);
        if (sv_inspect_digest(archive, "sha256", file, err) < 0)
                return -1;
        files = sv_json_set(archive, "files", sv_json_array());
        r = sv_rd(sv_buf_bytes(&unpacked));
        for (bool end = false; !end;) {
                struct sv_cpio_member m;

                if (sv_cpio_next(&r, &m, &end, err) < 0 ||
                    (!end && describe_member(&m, files, archive, err) < 0))
                        return -1;
        }
        *out = sv_json_ref(archive);
        return 0;
}

/* --- certificates --- */

static void set_cert_time(struct sv_json *row, const char *member, int64_t seconds)
{
        char text[32];

        sv_json_set_str(row, member, sv_format_time(seconds, text));
}

static void describe_certificate(const struct sv_cert *cert, struct sv_json *row)
{
        uint8_t sha256[32];

        sv_inspect_certificate(cert, row);
        sv_cert_fingerprint(cert, sha256);
        sv_json_set_hex(row, "sha256", sv_bytes(sha256, sizeof(sha256)));
}

/* In PEM any number of them, in DER one. */
static int inspect_certificates(const char *path, struct sv_bytes file, struct sv_json **out,
                                struct sv_err *err)
{
        static const char pem[] = "-----BEGIN CERTIFICATE-----";
        bool text = file.p && memmem(file.p, file.n, pem, sizeof(pem) - 1);
        SV_CERTS certs = {0};
        struct sv_json *list;

        if (!text && !begins_with(file, "\x30", 1))
                return 0;
        if (sv_certs_parse(file, &certs, "inspect.certificates", text ? err : NULL) < 0)
                return text ? -1 : 0;
        *out = sv_json_object();
        sv_json_set_str(*out, "kind", "certificates");
        list = sv_json_set(*out, "certificates", sv_json_array());
        for (size_t i = 0; i < certs.n; i++)
                describe_certificate(certs.list[i], sv_json_add(list, sv_json_object()));
        return 0;
}

static int inspect_crl(const char *path, struct sv_bytes file, struct sv_json **out,
                       struct sv_err *err)
{
        struct sv_crl crl;

        if (!begins_with(file, "\x30", 1) || sv_crl_read(file, &crl, "inspect.kind", NULL) < 0)
                return 0;
        *out = sv_json_object();
        sv_json_set_str(*out, "kind", "revocation list");
        sv_json_set_str(*out, "issuer", crl.issuer);
        set_cert_time(*out, "this_update", crl.this_update);
        if (crl.next_update != INT64_MIN)
                set_cert_time(*out, "next_update", crl.next_update);
        sv_json_set_int(*out, "revoked", (int64_t)crl.revoked);
        return sv_inspect_digest(*out, "sha256", file, err);
}

/* --- documents --- */

/* The document as it stands in the file, once its own reader takes it. */
static int inspect_own_document(const char *path, struct sv_bytes file, struct sv_json **out,
                                struct sv_err *err)
{
        SV_JSON *doc = NULL;
        struct sv_policy *policy = NULL;
        SV_GUEST guest = {0};
        bool is_policy;

        if (file.n > SV_GUEST_SIZE_MAX || sv_json_parse(file, "inspect.kind", &doc, NULL) < 0)
                return 0;
        is_policy = sv_json_get(doc, "rules") && sv_json_get(doc, "trust");
        if (!is_policy &&
            (!sv_json_get(doc, "name") || !(sv_json_get(doc, "kernel") || sv_json_get(doc, "uki"))))
                return 0;
        if (is_policy ? sv_policy_parse(file, &policy, err) < 0
                      : sv_guest_file_read(path, &guest, err) < 0)
                return -1;
        sv_policy_free(policy);
        *out = sv_json_object();
        sv_json_set_str(*out, "kind", is_policy ? "policy" : "guest file");
        sv_json_set(*out, is_policy ? "policy" : "guest", sv_json_ref(doc));
        return 0;
}

/* --- the broker's audit log: one record a line (docs/FORMATS.md, "Audit record") --- */

struct audit_sum {
        struct sv_json *outcomes; /* how many of each */
        struct sv_json *checks;   /* of refusals and failures, by check */
        char first[64], last[64];
        size_t n;
};

static void count_name(struct sv_json *counts, const char *name)
{
        sv_json_set_int(counts, name, sv_json_int(sv_json_get(counts, name), 0) + 1);
}

static int add_audit_record(struct sv_bytes line, struct audit_sum *sum, struct sv_err *err)
{
        SV_JSON *record = NULL;
        const char *time, *outcome, *check;

        sum->n++;
        if (sv_json_parse(line, "inspect.audit", &record, NULL) < 0)
                return sv_fail(err, SV_FORMAT, "inspect.audit",
                               "record %zu: one JSON object in a line was expected", sum->n);
        time = sv_json_str(sv_json_get(record, "time"));
        outcome = sv_json_str(sv_json_get(record, "outcome"));
        check = sv_json_str(sv_json_get(record, "check"));
        if (!time || !outcome || !sv_json_str(sv_json_get(record, "action")))
                return sv_fail(err, SV_FORMAT, "inspect.audit",
                               "record %zu: time, action and outcome were expected", sum->n);
        snprintf(sum->last, sizeof(sum->last), "%s", time);
        if (sum->n == 1)
                snprintf(sum->first, sizeof(sum->first), "%s", time);
        count_name(sum->outcomes, outcome);
        if (check)
                count_name(sum->checks, check);
        return 0;
}

static bool is_audit_record(struct sv_bytes line)
{
        SV_JSON *record = NULL;

        return line.n < SV_GUEST_SIZE_MAX &&
               sv_json_parse(line, "inspect.kind", &record, NULL) == 0 &&
               sv_json_get(record, "time") && sv_json_get(record, "action") &&
               sv_json_get(record, "outcome");
}

static struct sv_bytes take_line(struct sv_bytes *rest)
{
        const uint8_t *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
        size_t n = end ? (size_t)(end - rest->p) : rest->n;
        struct sv_bytes line = sv_bytes(rest->p, n);

        n += end != NULL;
        *rest = sv_bytes(rest->p + n, rest->n - n);
        return line;
}

static int inspect_audit(const char *path, struct sv_bytes file, struct sv_json **out,
                         struct sv_err *err)
{
        SV_JSON *outcomes = sv_json_object(), *checks = sv_json_object();
        struct audit_sum sum = {.outcomes = outcomes, .checks = checks};
        struct sv_bytes rest = file;

        if (!begins_with(file, "{", 1) || !is_audit_record(take_line(&rest)))
                return 0;
        for (rest = file; rest.n;)
                if (add_audit_record(take_line(&rest), &sum, err) < 0)
                        return -1;
        *out = sv_json_object();
        sv_json_set_str(*out, "kind", "audit log");
        sv_json_set_int(*out, "records", (int64_t)sum.n);
        sv_json_set_str(*out, "first", sum.first);
        sv_json_set_str(*out, "last", sum.last);
        sv_json_set(*out, "outcomes", sv_json_ref(outcomes));
        sv_json_set(*out, "checks", sv_json_ref(checks));
        return 0;
}

int sv_inspect_own(const char *path, struct sv_bytes file, struct sv_json **out, struct sv_err *err)
{
        /* Documents first: a policy may hold certificates. */
        static int (*const kinds[])(const char *path, struct sv_bytes file, struct sv_json **out,
                                    struct sv_err *err) = {inspect_own_document, inspect_audit,
                                                           inspect_initramfs, inspect_certificates,
                                                           inspect_crl};

        for (size_t i = 0; !*out && i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (kinds[i](path, file, out, err) < 0)
                        return -1;
        return 0;
}
