/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/kek/kek.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/crypto/crypto.h"
#include "broker/kek/pkcs11.h"

#define AUTH_MAX 32 /* a TPM's password is at most as long as a digest of the object's */
#define TPM      "tpm:"
#define DEVICE   "device:/dev/tpmrm0"

int sv_kek_name(struct sv_secret *kek, char id[SV_KEK_ID_SIZE], struct sv_err *err)
{
        static const char info[] = "secure-vm kek id v1\1";
        uint8_t mac[SV_DIGEST_MAX];

        if (sv_hmac(SV_SHA256, sv_bytes(sv_secret_reveal(kek), sv_secret_size(kek)),
                    sv_bytes(info, sizeof(info) - 1), mac, err) < 0)
                return -1;
        sv_hex(sv_bytes(mac, SV_KEK_ID_SIZE / 2), id);
        return 0;
}

/* --- reading --- */

int sv_kek_inspect(const char *path, struct sv_kek *out, struct sv_secret **bytes,
                   struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;
        SV_SECRET *kek = NULL;

        if (sv_file_read_private(path, SV_KEK_FILE_MAX, &raw, "broker.kek", "broker.key.mode",
                                 err) < 0)
                return -1;
        if (raw.n != SV_KEK_SIZE && raw.n && raw.p[0] == '{')
                return sv_kek_parse(sv_buf_bytes(&raw), out, err) < 0 ? sv_wrap(err, "%s", path)
                                                                      : 0;
        if (raw.n != SV_KEK_SIZE)
                return sv_fail(err, SV_USAGE, "broker.kek",
                               "%s has %zu bytes, expected the %d of a key, or a file that \"kek "
                               "seal\" wrote",
                               path, raw.n, SV_KEK_SIZE);
        kek = sv_secret_copy(sv_buf_bytes(&raw), err);
        if (!kek || sv_kek_name(kek, out->id, err) < 0)
                return -1;
        out->kind = SV_KEK_FILE;
        if (bytes) {
                *bytes = kek;
                kek = NULL;
        }
        return 0;
}

static int read_auth(const char *path, struct sv_buf *out, struct sv_err *err)
{
        out->locked = true;
        if (!path)
                return 0;
        if (sv_file_read_private(path, AUTH_MAX + 1, out, "broker.kek.auth", "broker.key.mode",
                                 err) < 0)
                return -1;
        if (out->n && out->p[out->n - 1] == '\n')
                out->n--;
        if (out->n && out->n <= AUTH_MAX)
                return 0;
        return sv_fail(err, SV_USAGE, "broker.kek.auth",
                       "%s has %zu bytes, expected a password of 1 to %d", path, out->n, AUTH_MAX);
}

static int open_work(void *arg, struct sv_buf *out, struct sv_err *err)
{
        const struct sv_kek *k = arg;
        SV_BUF auth = SV_BUF_NULL;
        SV_SECRET *kek = NULL;

        if (k->kind == SV_KEK_TPM && read_auth(k->auth, &auth, err) == 0)
                kek = sv_tpm_unseal(k->device, &k->sealed, sv_buf_bytes(&auth), err);
        else if (k->kind == SV_KEK_TOKEN)
                kek = sv_token_unwrap(k->uri, sv_buf_bytes(&k->iv), sv_buf_bytes(&k->wrapped), err);
        if (!kek)
                return -1;
        sv_buf_put(out, sv_bytes(sv_secret_reveal(kek), sv_secret_size(kek)));
        return 0;
}

struct sv_secret *sv_kek_open(const struct sv_kek *k, struct sv_err *err)
{
        SV_BUF raw = {.locked = true};
        char id[SV_KEK_ID_SIZE] = "";
        struct sv_secret *kek;

        if (sv_kek_work_apart(open_work, (void *)k, &raw, err) < 0)
                return NULL;
        kek = raw.n == SV_KEK_SIZE ? sv_secret_copy(sv_buf_bytes(&raw), err) : NULL;
        if (kek && sv_kek_name(kek, id, err) == 0 && !strcmp(id, k->id))
                return kek;
        sv_fail(err, SV_PROOF, "broker.kek.other",
                "what the %s gave (%zu bytes, id %s) is not the kek of id %s that was put there",
                k->kind == SV_KEK_TPM ? "TPM" : "token", raw.n, id, k->id);
        sv_secret_free(kek);
        return NULL;
}

struct sv_secret *sv_kek_read(const char *path, struct sv_err *err)
{
        SV_KEK k = {.kind = SV_KEK_FILE};
        struct sv_secret *kek = NULL;

        if (sv_kek_inspect(path, &k, &kek, err) < 0 || kek)
                return kek;
        kek = sv_kek_open(&k, err);
        if (!kek)
                sv_wrap(err, "%s", path);
        return kek;
}

/* --- giving it to others --- */

int sv_kek_check_target(const struct sv_kek_target *to, enum sv_kek_kind *kind, struct sv_err *err)
{
        if (!strcmp(to->where, "file"))
                *kind = SV_KEK_FILE;
        else if (!strncmp(to->where, TPM, strlen(TPM)))
                *kind = SV_KEK_TPM;
        else if (!strncmp(to->where, "pkcs11:", 7))
                *kind = SV_KEK_TOKEN;
        else
                return sv_fail(err, SV_USAGE, "broker.kek.target",
                               "expected \"file\", \"tpm:\", \"tpm:DEVICE\" or a URI \"pkcs11:…\", "
                               "found \"%s\"",
                               to->where);
        if (*kind != SV_KEK_TPM && (to->pcrs || to->auth))
                return sv_fail(err, SV_USAGE, "broker.kek.target",
                               "PCRs and a password in a file are a TPM's, and \"%s\" is none",
                               to->where);
        if (*kind != SV_KEK_TOKEN && to->make_key)
                return sv_fail(err, SV_USAGE, "broker.kek.target",
                               "a wrapping key is made in a token, and \"%s\" is none", to->where);
        if (to->auth && *to->auth != '/')
                return sv_fail(err, SV_USAGE, "broker.kek.target",
                               "the file of the password must be an absolute path, found \"%s\"",
                               to->auth);
        return *kind == SV_KEK_TOKEN ? sv_token_check_uri(to->where, err) : 0;
}

struct sealing_job {
        const struct sv_kek_target *to;
        struct sv_secret *kek;
        struct sv_kek *made; /* what goes to the other process, as text */
};

static int seal_in_tpm(const struct sealing_job *job, struct sv_kek *k, struct sv_err *err)
{
        SV_BUF auth = SV_BUF_NULL;

        if (read_auth(job->to->auth, &auth, err) < 0)
                return -1;
        k->device = sv_asprintf("%s", job->to->where[strlen(TPM)] ? job->to->where + strlen(TPM)
                                                                  : DEVICE);
        k->auth = job->to->auth ? sv_asprintf("%s", job->to->auth) : NULL;
        return sv_tpm_seal(k->device, job->to->pcrs, sv_buf_bytes(&auth),
                           sv_bytes(sv_secret_reveal(job->kek), sv_secret_size(job->kek)),
                           &k->sealed, err);
}

static int seal_in_token(const struct sealing_job *job, struct sv_kek *k, struct sv_err *err)
{
        k->uri = sv_asprintf("%s", job->to->where);
        return sv_token_wrap(k->uri, job->to->make_key,
                             sv_bytes(sv_secret_reveal(job->kek), sv_secret_size(job->kek)), &k->iv,
                             &k->wrapped, err);
}

static int seal_work(void *arg, struct sv_buf *out, struct sv_err *err)
{
        const struct sealing_job *job = arg;
        SV_KEK k = {.kind = job->made->kind};

        if (sv_kek_name(job->kek, k.id, err) < 0 ||
            (k.kind == SV_KEK_TPM ? seal_in_tpm(job, &k, err) : seal_in_token(job, &k, err)) < 0)
                return -1;
        sv_kek_print(&k, out);
        return 0;
}

int sv_kek_seal(const struct sv_kek_target *to, struct sv_secret *kek, struct sv_kek *out,
                struct sv_err *err)
{
        SV_KEK k = {.kind = SV_KEK_FILE};
        struct sealing_job job = {to, kek, &k};
        SV_BUF text = {.locked = true};
        SV_SECRET *back = NULL;

        if (sv_kek_check_target(to, &k.kind, err) < 0 ||
            sv_kek_work_apart(seal_work, &job, &text, err) < 0 ||
            sv_kek_parse(sv_buf_bytes(&text), &k, err) < 0)
                return -1;
        /* The old one goes only when it comes back from there. */
        back = sv_kek_open(&k, err);
        if (!back)
                return -1;
        *out = k;
        memset(&k, 0, sizeof(k));
        return 0;
}

/* --- files --- */

static int fill_file(int fd, const char *name, struct sv_bytes content, struct sv_err *err)
{
        if (sv_fd_write(fd, name, content, err) < 0)
                return -1;
        return fsync(fd) < 0 ? sv_fail_errno(err, "file.write", "%s", name) : 0;
}

/* What has its name is whole: it may be all that is left one day. */
int sv_kek_write_copy(const char *path, struct sv_secret *kek, struct sv_err *err)
{
        SV_STR temp = sv_asprintf("%s.XXXXXX", path);
        SV_FD fd = mkostemp(temp, O_CLOEXEC);
        int r;

        if (fd < 0)
                return sv_fail_errno(err, "broker.kek.copy", "the copy %s cannot be made", path);
        r = fill_file(fd, temp, sv_bytes(sv_secret_reveal(kek), sv_secret_size(kek)), err);
        if (r == 0 && renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
                r = sv_fail(err, errno == EEXIST ? SV_USAGE : SV_SYSTEM, "broker.kek.copy",
                            "the copy %s cannot be made: %s", path,
                            errno == EEXIST ? "it is there already, and stays" : strerror(errno));
        if (r < 0)
                unlink(temp);
        else if (sv_folder_sync(path) < 0)
                r = sv_fail_errno(err, "file.write", "%s", path);
        return r;
}

/* Behind a link it is the file that is replaced, and the link stays. */
int sv_kek_replace(const char *path, struct sv_bytes content, struct sv_err *err)
{
        SV_STR real = realpath(path, NULL);
        SV_STR temp = sv_asprintf("%s.new", real ? real : path);
        struct stat st;
        SV_FD fd = -1;
        int rc = -1;

        if (!real || stat(real, &st) < 0)
                return sv_fail_errno(err, "file.write", "%s", path);
        unlink(temp); /* of one that was killed */
        fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return sv_fail_errno(err, "file.write", "%s", temp);
        if (geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
                sv_fail_errno(err, "file.write", "cannot give %s its owner", temp);
        else if (fill_file(fd, temp, content, err) == 0)
                rc = rename(temp, real) < 0 || sv_folder_sync(real) < 0
                             ? sv_fail_errno(err, "file.write", "%s", real)
                             : 0;
        if (rc < 0)
                unlink(temp);
        return rc;
}
