/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/given.h"

#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "tee/localca.h"

static _Thread_local struct sv_given_call *now;

void sv_given_set(struct sv_given_call *call)
{
        now = call;
}

const struct sv_bytes *sv_given_find(const securevm_files *files, const char *path)
{
        for (size_t i = 0; files && i < files->n; i++)
                if (!strcmp(files->list[i].path, path))
                        return &files->list[i].data;
        return NULL;
}

static int find_given(const char *path, size_t max, struct sv_bytes *out, const char *check,
                      struct sv_err *err)
{
        const struct sv_bytes *data = now ? sv_given_find(now->files, path) : NULL;

        if (!data)
                return sv_fail(err, SV_SYSTEM, check, "%s is not among the files that were given",
                               path);
        if (data->n > max)
                return sv_fail(err, SV_FORMAT, check,
                               "%s is larger than the %zu bytes allowed for it", path, max);
        *out = *data;
        return 0;
}

int __wrap_sv_file_read(const char *path, size_t max, struct sv_buf *out, const char *check,
                        struct sv_err *err);
int __wrap_sv_file_read(const char *path, size_t max, struct sv_buf *out, const char *check,
                        struct sv_err *err)
{
        struct sv_bytes data;

        if (find_given(path, max, &data, check, err) < 0)
                return -1;
        sv_buf_put(out, data);
        return sv_buf_ok(out, path, err);
}

int __wrap_sv_file_map(const char *path, size_t max, struct sv_map *out, const char *check,
                       struct sv_err *err);
int __wrap_sv_file_map(const char *path, size_t max, struct sv_map *out, const char *check,
                       struct sv_err *err)
{
        *out = (struct sv_map){.mapped = 0};
        return find_given(path, max, &out->bytes, check, err);
}

int __wrap_sv_digest_file(enum sv_digest alg, const char *path, uint8_t *out, uint64_t *size,
                          struct sv_err *err);
int __wrap_sv_digest_file(enum sv_digest alg, const char *path, uint8_t *out, uint64_t *size,
                          struct sv_err *err)
{
        struct sv_bytes data;

        if (find_given(path, SIZE_MAX, &data, "digest.file", err) < 0)
                return -1;
        if (size)
                *size = data.n;
        return sv_digest(alg, data, out, err);
}

/* Whose vTPMs a policy trusts by default is this host's to say; nothing here writes one. */
int __wrap_sv_localca_find(struct sv_localca *out, const char *check, struct sv_err *err);
int __wrap_sv_localca_find(struct sv_localca *out, const char *check, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, check, "there is no host here");
}

int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
        /* errno stays: it may be what tells that memory ended (sv_check_memory). */
        return now && sv_given_find(now->files, path) ? 0 : -1;
}

/* Only lines of text for a prediction are made by what ends without memory. */
_Noreturn void __wrap_abort(void);
_Noreturn void __wrap_abort(void)
{
        if (!now)
                __builtin_trap();
        longjmp(now->no_memory, 1);
}
