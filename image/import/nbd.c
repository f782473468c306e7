/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/nbd.h"

#include <libnbd.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/core/library.h"

#define LOOK_MAX (1u << 30) /* bytes that one question about extents is about */

#define NBD_CALLS(call)                                                                    \
        call(create) call(close) call(get_error) call(add_meta_context) call(connect_unix) \
                call(can_meta_context) call(get_size) call(pread) call(block_status)

static struct nbd_calls {
#define NBD_POINTER(call) __typeof__(&nbd_##call) call;
        NBD_CALLS(NBD_POINTER)
#undef NBD_POINTER
} lib;

static const struct sv_library_call calls[] = {
#define NBD_ROW(call) {"nbd_" #call, offsetof(struct nbd_calls, call)},
        NBD_CALLS(NBD_ROW)
#undef NBD_ROW
};

static struct sv_library library = {
        .sonames = {"libnbd.so.0"},
        .check = "import.nbd",
        .advice = "images of other formats than raw are read through it; install libnbd0",
        .calls = calls,
        .n = sizeof(calls) / sizeof(calls[0]),
        .table = &lib,
        .lock = PTHREAD_MUTEX_INITIALIZER,
};

struct sv_nbd {
        struct nbd_handle *handle;
        uint64_t size;
        bool extents; /* the server says where zeros are */
};

static int fail_nbd(struct sv_err *err, const char *what)
{
        return sv_fail(err, SV_SYSTEM, "import.nbd", "%s: %s", what, lib.get_error());
}

static int connect_handle(struct sv_nbd *n, const char *path, struct sv_err *err)
{
        int64_t size;

        if (lib.add_meta_context(n->handle, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0 ||
            lib.connect_unix(n->handle, path) < 0)
                return fail_nbd(err, "cannot reach who reads the image");
        size = lib.get_size(n->handle);
        if (size < 0)
                return fail_nbd(err, "cannot learn the disk's size");
        n->size = (uint64_t)size;
        n->extents = lib.can_meta_context(n->handle, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0;
        return 0;
}

int sv_nbd_load(struct sv_err *err)
{
        return sv_library_load(&library, err);
}

int sv_nbd_connect(const char *path, struct sv_nbd **out, struct sv_err *err)
{
        struct sv_nbd *n;

        if (sv_nbd_load(err) < 0)
                return -1;
        n = calloc(1, sizeof(*n));
        if (!n)
                return sv_fail_errno(err, "base.memory", "no memory for a connection");
        n->handle = lib.create();
        if (!n->handle || connect_handle(n, path, err) < 0) {
                if (!n->handle)
                        fail_nbd(err, "cannot make a connection");
                sv_nbd_free(n);
                return -1;
        }
        *out = n;
        return 0;
}

static int read_nbd(const struct sv_source *s, uint64_t at, uint8_t *p, size_t n,
                    struct sv_err *err)
{
        struct sv_nbd *d = s->arg;

        if (lib.pread(d->handle, p, n, at, 0) < 0)
                return fail_nbd(err, "the image cannot be read");
        return 0;
}

struct answer {
        uint64_t at, end;
        bool zero, known;
};

/* (length, flags) each; those that go on as the first does belong to it. */
static int take_extents(void *arg, const char *context, uint64_t at, uint32_t *entries, size_t n,
                        int *error)
{
        struct answer *a = arg;

        if (a->known || at != a->at)
                return 0;
        a->end = at;
        a->zero = n && entries[1] & LIBNBD_STATE_ZERO;
        for (size_t i = 0; i + 1 < n && !(entries[i + 1] & LIBNBD_STATE_ZERO) == !a->zero; i += 2)
                a->end += entries[i];
        a->known = a->end > at;
        return 0;
}

static int span_nbd(const struct sv_source *s, uint64_t at, enum sv_span *kind, uint64_t *end,
                    struct sv_err *err)
{
        struct sv_nbd *d = s->arg;
        struct answer a = {.at = at};
        uint64_t left = d->size - at, n = left < LOOK_MAX ? left : LOOK_MAX;
        nbd_extent_callback take = {.callback = take_extents, .user_data = &a};

        *kind = SV_SPAN_DATA;
        *end = s->size;
        if (!d->extents)
                return 0;
        if (lib.block_status(d->handle, n, at, take, 0) < 0)
                return fail_nbd(err, "the image cannot be read");
        if (!a.known)
                return 0;
        *kind = a.zero ? SV_SPAN_ZERO : SV_SPAN_DATA;
        *end = a.end < s->size ? a.end : s->size;
        return 0;
}

struct sv_source sv_nbd_source(struct sv_nbd *n)
{
        return (struct sv_source){
                .size = n->size, .read = read_nbd, .span = span_nbd, .arg = n, .fd = -1};
}

void sv_nbd_free(struct sv_nbd *n)
{
        if (n && n->handle)
                lib.close(n->handle);
        free(n);
}
