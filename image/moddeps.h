/* SPDX-License-Identifier: Apache-2.0 */
/* modules.dep as depmod writes it (modules.dep(5)): "kernel/a/x.ko: kernel/b/y.ko kernel/c/z.ko" a
 * line. */
#pragma once

#include "base/core/buf.h"

struct sv_moddep_soft {
        size_t module;
        bool after; /* else before */
};

struct sv_moddep {
        char *path;   /* relative to the modules directory */
        char *name;   /* "virtio_net": file name without its suffixes, '-' as '_' */
        size_t *deps; /* indices into the list */
        size_t n_deps;
        struct sv_moddep_soft *soft; /* image/softdeps.h: asked for, not linked to */
        size_t n_soft;
        unsigned char mark; /* while ordering */
};

struct sv_moddeps {
        struct sv_moddep *list;
        size_t n;
};

#define SV_MODDEPS_NULL \
        {               \
                0       \
        }

/* The whole file. SV_FORMAT "image.modules.dep": a line without ':', a path that is absolute,
 * climbs or is no module, a module named twice, or a dependency without a line of its own. */
int sv_moddeps_parse(struct sv_bytes text, struct sv_moddeps *out, struct sv_err *err);
void sv_moddeps_free(struct sv_moddeps *m);
#define SV_MODDEPS __attribute__((cleanup(sv_moddeps_free))) struct sv_moddeps

/* By name, '-' and '_' alike; NULL when there is none. */
const struct sv_moddep *sv_moddeps_find(const struct sv_moddeps *m, const char *name);
/* Appends to order[] (room for m->n) the module and everything it needs or asks for that is not
 * there yet, what is needed first, and what is asked for where that leaves it. SV_FORMAT
 * "image.modules.cycle" when modules need each other in a circle. */
int sv_moddeps_order(struct sv_moddeps *m, const struct sv_moddep *module,
                     const struct sv_moddep **order, size_t *n, struct sv_err *err);

/* Equal, '-' and '_' alike? */
bool sv_module_same_name(const char *a, const char *b);
/* ".ko", ".ko.gz", ".ko.xz" or ".ko.zst" at the path's end; NULL when it is no module's file. */
const char *sv_module_suffix(const char *path);
/* The name of the module in this file ("kernel/a/x-y.ko.zst" -> "x_y"), or NULL when it is no
 * module's file. The caller frees. */
char *sv_module_name(const char *path);
