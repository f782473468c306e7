/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/descriptors.h"

#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/json/json.h"

#define MACHINE "pc-q35-9.0" /* descriptors name families of machines: "pc-q35-*" */

/* --- one after the other --- */

static const char *name_descriptor(const char *path)
{
        return strrchr(path, '/') + 1;
}

/* By name; of one name that of /etc first. */
static int compare_descriptors(const void *a, const void *b)
{
        const char *one = *(char *const *)a, *other = *(char *const *)b;
        int by_name = strcmp(name_descriptor(one), name_descriptor(other));

        return by_name ? by_name : strcmp(one, other);
}

/* NULL for one that is empty, which switches off what has its name, or broken. */
static struct sv_json *read_descriptor(const char *path)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_json *j = NULL;

        if (sv_file_read(path, SV_DESCRIPTOR_SIZE_MAX, &text, "host.firmware", NULL) == 0)
                sv_json_parse(sv_buf_bytes(&text), "host.firmware", &j, NULL);
        return j;
}

/* fn until it has found something. */
static char *visit_descriptors(const char *sysroot,
                               char *(*fn)(const void *arg, const struct sv_json *descriptor),
                               const void *arg)
{
        SV_STR own = sv_asprintf("%s/etc/qemu/firmware/*.json", sysroot);
        SV_STR shipped = sv_asprintf("%s/usr/share/qemu/firmware/*.json", sysroot);
        glob_t g = {0};
        char *found = NULL;

        glob(own, 0, NULL, &g);
        glob(shipped, g.gl_pathc ? GLOB_APPEND : 0, NULL, &g);
        if (g.gl_pathc)
                qsort(g.gl_pathv, g.gl_pathc, sizeof(*g.gl_pathv), compare_descriptors);
        for (size_t i = 0; i < g.gl_pathc && !found; i++) {
                SV_JSON *j = NULL;

                if (i &&
                    !strcmp(name_descriptor(g.gl_pathv[i - 1]), name_descriptor(g.gl_pathv[i])))
                        continue;
                j = read_descriptor(g.gl_pathv[i]);
                found = j ? fn(arg, j) : NULL;
        }
        globfree(&g);
        return found;
}

/* --- what one says --- */

static bool lists_word(const struct sv_json *list, const char *text)
{
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *s = sv_json_str(sv_json_at(list, i));

                if (s && !strcmp(s, text))
                        return true;
        }
        return false;
}

static bool is_for_guests(const struct sv_json *descriptor)
{
        const struct sv_json *targets = sv_json_get(descriptor, "targets");

        if (!lists_word(sv_json_get(descriptor, "interface-types"), "uefi"))
                return false;
        for (size_t i = 0; i < sv_json_len(targets); i++) {
                const struct sv_json *t = sv_json_at(targets, i),
                                     *machines = sv_json_get(t, "machines");

                for (size_t k = 0; k < sv_json_len(machines); k++) {
                        const char *pattern = sv_json_str(sv_json_at(machines, k));

                        if (pattern && !strcmp(sv_json_text(t, "architecture", ""), "x86_64") &&
                            fnmatch(pattern, MACHINE, 0) == 0)
                                return true;
                }
        }
        return false;
}

/* As it lies in memory: what is measured. Other formats hold it in another form. */
static const char *read_raw_image(const struct sv_json *mapping, const char *member)
{
        const struct sv_json *image = sv_json_get(mapping, member);

        return strcmp(sv_json_text(image, "format", ""), "raw")
                       ? NULL
                       : sv_json_str(sv_json_get(image, "filename"));
}

/* Its image, with a variable store or without; NULL: it is of the other kind. */
static const char *read_image(const struct sv_json *descriptor, bool stateless)
{
        const struct sv_json *mapping = sv_json_get(descriptor, "mapping");
        bool flash = !strcmp(sv_json_text(mapping, "device", ""), "flash"),
             alone = !strcmp(sv_json_text(mapping, "mode", "split"), "stateless");

        if (!strcmp(sv_json_text(mapping, "device", ""), "memory"))
                return stateless ? sv_json_str(sv_json_get(mapping, "filename")) : NULL;
        if (!flash || alone != stateless ||
            (!stateless && !read_raw_image(mapping, "nvram-template")))
                return NULL;
        return read_raw_image(mapping, "executable");
}

/* --- questions --- */

struct want {
        const char *sysroot, *tee;
        char *const *features;
        size_t n;
};

static bool is_asked(const struct want *w, const char *feature)
{
        for (size_t i = 0; i < w->n; i++)
                if (!strcmp(w->features[i], feature))
                        return true;
        return false;
}

static char *take_fitting(const void *arg, const struct sv_json *descriptor)
{
        static const char *const unasked[] = {"enrolled-keys", "requires-smm"};
        const struct want *w = arg;
        const struct sv_json *features = sv_json_get(descriptor, "features");
        const char *image = read_image(descriptor, w->tee != NULL);

        if (!image || !is_for_guests(descriptor) || (w->tee && !lists_word(features, w->tee)))
                return NULL;
        for (size_t i = 0; i < w->n; i++)
                if (!lists_word(features, w->features[i]))
                        return NULL;
        for (size_t i = 0; i < sizeof(unasked) / sizeof(*unasked); i++)
                if (lists_word(features, unasked[i]) && !is_asked(w, unasked[i]))
                        return NULL;
        return sv_asprintf("%s%s", w->sysroot, image);
}

static void list_features(const struct want *w, struct sv_buf *out)
{
        if (w->tee)
                sv_buf_printf(out, " with \"%s\"", w->tee);
        for (size_t i = 0; i < w->n; i++)
                sv_buf_printf(out, "%s \"%s\"", out->n ? " and" : " with", w->features[i]);
}

char *sv_descriptors_find(const char *sysroot, const char *tee, char *const *features, size_t n,
                          struct sv_err *err)
{
        const struct want w = {sysroot, tee, features, n};
        char *found = visit_descriptors(sysroot, take_fitting, &w);
        SV_BUF asked = SV_BUF_NULL;

        if (found)
                return found;
        list_features(&w, &asked);
        sv_fail(err, SV_SYSTEM, "host.firmware",
                "no descriptor in /etc/qemu/firmware or /usr/share/qemu/firmware is of a raw UEFI "
                "image for q35%s (those with \"enrolled-keys\" or \"requires-smm\" want to be "
                "asked "
                "for); install one (Debian: ovmf), or name a file as \"firmware\"",
                sv_buf_str(&asked));
        return NULL;
}

static char *take_template(const void *arg, const struct sv_json *descriptor)
{
        const char *code = sv_json_str(sv_json_pointer(descriptor, "/mapping/executable/filename"));
        const char *vars =
                sv_json_str(sv_json_pointer(descriptor, "/mapping/nvram-template/filename"));

        return code && vars && !strcmp(code, arg) ? sv_asprintf("%s", vars) : NULL;
}

char *sv_descriptors_get_template(const char *sysroot, const char *firmware)
{
        return visit_descriptors(sysroot, take_template, firmware);
}
