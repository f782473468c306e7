/* SPDX-License-Identifier: Apache-2.0 */
/* /sys/class/nvme/nvme3: a controller, which over fabrics is one path; subsysnqn, transport,
 * address ("traddr=192.0.2.7,trsvcid=4420,src_addr=…"), state. /sys/class/nvme-subsystem/…: the
 * paths' subsystem, and in it, with native multipath, its namespaces: nvme1n1 with wwid and dev.
 * Without, they lie in the controller. */
#include "launcher/keeper/fabric-tree.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "base/core/file.h"
#include "launcher/tune/kernel-file.h"

#define CONTROLLERS "/sys/class/nvme"
#define SUBSYSTEMS  "/sys/class/nvme-subsystem"

static bool read_line(const char *root, const char *folder, const char *name, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("%s/%s", folder, name);

        return sv_kernel_file_read(root, path, SV_KERNEL_TEXT, out, NULL) > 0;
}

static bool line_is(const char *root, const char *folder, const char *name, const char *text)
{
        SV_BUF line = SV_BUF_NULL;

        return read_line(root, folder, name, &line) && !strcmp(sv_buf_str(&line), text);
}

/* A number after each: "nvme3" of "nvme", "nvme3n1" of "nvme", "n". */
static bool has_numbers(const char *name, const char *first, const char *second)
{
        const char *const parts[] = {first, second};

        for (size_t i = 0; i < 2 && parts[i]; i++) {
                size_t n = strlen(parts[i]);

                if (strncmp(name, parts[i], n) != 0 || !isdigit((unsigned char)name[n]))
                        return false;
                for (name += n; isdigit((unsigned char)*name); name++)
                        ;
        }
        return !*name;
}

/* The value of a key in "key=value,key=value". */
static char *find_address_word(const char *words, const char *key)
{
        size_t n = strlen(key);

        for (; *words; words += strcspn(words, ",") + (words[strcspn(words, ",")] == ','))
                if (!strncmp(words, key, n) && words[n] == '=')
                        return sv_asprintf("%.*s", (int)strcspn(words + n + 1, ","), words + n + 1);
        return NULL;
}

static bool is_at(const char *words, const struct sv_fabric_address *a)
{
        SV_STR host = find_address_word(words, "traddr");
        SV_STR port = find_address_word(words, "trsvcid");
        struct sv_address address;
        char text[SV_ADDRESS_TEXT];

        if (!host || !port || !sv_address_read(sv_bytes_str(host), false, &address))
                return false;
        sv_address_print(&address, text);
        return !strcmp(text, a->host) && strtoul(port, NULL, 10) == a->port;
}

char *sv_fabric_find_controller(const char *root, const struct sv_disk *d,
                                const struct sv_fabric_address *a)
{
        SV_NAMES names = sv_kernel_folder_names(root, CONTROLLERS);

        for (size_t i = 0; names && names[i]; i++) {
                SV_STR folder = sv_asprintf(CONTROLLERS "/%s", names[i]);
                SV_BUF at = SV_BUF_NULL;

                if (line_is(root, folder, "subsysnqn", d->nvme.subsystem) &&
                    line_is(root, folder, "transport", d->nvme.transport) &&
                    read_line(root, folder, "address", &at) && is_at(sv_buf_str(&at), a))
                        return sv_asprintf("%s", names[i]);
        }
        return NULL;
}

/* --- namespaces --- */

/* fn for each namespace, with its folder, until it says true. */
static bool visit_namespaces(const char *root, const char *subsystem,
                             bool (*fn)(const char *root, const char *folder, const char *name,
                                        void *arg),
                             void *arg)
{
        static const char *const classes[] = {SUBSYSTEMS, CONTROLLERS};

        for (size_t c = 0; c < 2; c++) {
                SV_NAMES names = sv_kernel_folder_names(root, classes[c]);

                for (size_t i = 0; names && names[i]; i++) {
                        SV_STR folder = sv_asprintf("%s/%s", classes[c], names[i]);
                        SV_NAMES inner = sv_kernel_folder_names(root, folder);

                        if (!line_is(root, folder, "subsysnqn", subsystem))
                                continue;
                        for (size_t j = 0; inner && inner[j]; j++) {
                                SV_STR deeper = sv_asprintf("%s/%s", folder, inner[j]);

                                if (has_numbers(inner[j], "nvme", "n") &&
                                    fn(root, deeper, inner[j], arg))
                                        return true;
                        }
                }
        }
        return false;
}

static bool read_device_number(const char *root, const char *folder, dev_t *out)
{
        SV_BUF text = SV_BUF_NULL;
        unsigned long major, minor;
        char *end;

        if (!read_line(root, folder, "dev", &text))
                return false;
        major = strtoul(sv_buf_str(&text), &end, 10);
        minor = *end == ':' ? strtoul(end + 1, &end, 10) : 0;
        *out = makedev(major, minor);
        return !*end && end != sv_buf_str(&text);
}

struct search {
        const struct sv_disk *disk;
        struct sv_fabric_device *out;
};

static bool take_namespace(const char *root, const char *folder, const char *name, void *arg)
{
        const struct search *s = arg;

        if (!line_is(root, folder, "wwid", s->disk->nvme.namespace) ||
            !read_device_number(root, folder, &s->out->number))
                return false;
        snprintf(s->out->name, sizeof(s->out->name), "%s", name);
        return true;
}

bool sv_fabric_find_device(const char *root, const struct sv_disk *d, struct sv_fabric_device *out)
{
        struct search s = {d, out};

        return visit_namespaces(root, d->nvme.subsystem, take_namespace, &s);
}

static bool add_namespace(const char *root, const char *folder, const char *name, void *arg)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_buf *out = arg;

        (void)name;
        if (read_line(root, folder, "wwid", &text))
                sv_buf_printf(out, "%s%s", out->n ? ", " : "", sv_buf_str(&text));
        return false;
}

void sv_fabric_list_namespaces(const char *root, const struct sv_disk *d, struct sv_buf *out)
{
        visit_namespaces(root, d->nvme.subsystem, add_namespace, out);
}

struct visit {
        bool (*fn)(dev_t number, const char *name);
};

static bool ask_namespace(const char *root, const char *folder, const char *name, void *arg)
{
        const struct visit *v = arg;
        dev_t number;

        return read_device_number(root, folder, &number) && v->fn(number, name);
}

bool sv_fabric_any_device(const char *root, const char *subsystem,
                          bool (*fn)(dev_t number, const char *name))
{
        struct visit v = {fn};

        return visit_namespaces(root, subsystem, ask_namespace, &v);
}

/* --- paths --- */

void sv_fabric_put_paths(const char *root, const char *subsystem, struct sv_json *list)
{
        SV_NAMES names = sv_kernel_folder_names(root, CONTROLLERS);

        for (size_t i = 0; names && names[i]; i++) {
                SV_STR folder = sv_asprintf(CONTROLLERS "/%s", names[i]);
                SV_BUF at = SV_BUF_NULL, state = SV_BUF_NULL;
                struct sv_json *o;

                if (!has_numbers(names[i], "nvme", NULL) ||
                    !line_is(root, folder, "subsysnqn", subsystem))
                        continue;
                read_line(root, folder, "address", &at);
                read_line(root, folder, "state", &state);
                o = sv_json_add(list, sv_json_object());
                sv_json_set_str(o, "controller", names[i]);
                sv_json_set_str(o, "address", sv_buf_str(&at));
                sv_json_set_str(o, "state", state.n ? sv_buf_str(&state) : "unknown");
        }
}
