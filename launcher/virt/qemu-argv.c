/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/qemu-argv.h"

#include <stdio.h>
#include <string.h>

#include "base/json/json.h"

#define DISK_SIZE (1ll << 30) /* of a disk that is played; no table depends on it */

/* Splits as a shell does, as far as libvirt quotes: '…', and outside of it \ before one
 * character. */
static int split_argv(const char *p, struct sv_argv *out, struct sv_err *err)
{
        SV_BUF word = SV_BUF_NULL;
        bool quoted = false, in_word = false;

        for (; *p; p++) {
                bool space = !quoted && strchr(" \t\n", *p);

                if (!quoted && *p == '\\' && p[1] == '\n') {
                        p++;
                        continue;
                }
                if (space && in_word)
                        sv_argv_add(out, sv_buf_str(&word));
                if (space) {
                        sv_buf_clear(&word);
                        in_word = false;
                        continue;
                }
                in_word = true;
                if (*p == '\'')
                        quoted = !quoted;
                else if (!quoted && *p == '\\' && p[1])
                        sv_buf_u8(&word, (uint8_t) * ++p);
                else
                        sv_buf_u8(&word, (uint8_t)*p);
        }
        if (in_word)
                sv_argv_add(out, sv_buf_str(&word));
        if (quoted)
                return sv_fail(err, SV_SYSTEM, "acpi.native",
                               "libvirt's command line ends inside a quotation");
        return sv_buf_ok(&word, "a command line", err);
}

/* A value is JSON, or "TYPE,name=value,…". */
struct value {
        const char *text;
        struct sv_json *json; /* or NULL */
        char type[64], id[64];
};

static void copy_bounded(char to[64], const char *from, size_t n)
{
        n = from ? strnlen(from, n < 63 ? n : 63) : 0;
        if (n)
                memcpy(to, from, n);
        to[n] = 0;
}

static int parse_option_value(const char *text, const char *type_name, const char *id_name,
                              struct value *v, struct sv_err *err)
{
        const char *type, *id;
        char mark[32];

        *v = (struct value){.text = text};
        if (*text == '{') {
                if (sv_json_parse(sv_bytes_str(text), "acpi.native", &v->json, NULL) < 0)
                        return sv_fail(
                                err, SV_SYSTEM, "acpi.native",
                                "libvirt's command line has JSON that cannot be read: %.100s",
                                text);
                type = sv_json_str(sv_json_get(v->json, type_name));
                id = sv_json_str(sv_json_get(v->json, id_name));
                copy_bounded(v->type, type, SIZE_MAX);
                copy_bounded(v->id, id, SIZE_MAX);
                return 0;
        }
        copy_bounded(v->type, text, strcspn(text, ","));
        snprintf(mark, sizeof(mark), ",%s=", id_name);
        id = strstr(text, mark);
        if (id)
                copy_bounded(v->id, id + strlen(mark), strcspn(id + strlen(mark), ","));
        return 0;
}

static void add_json_arg(struct sv_argv *out, struct sv_json *j)
{
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(j, &text);
        sv_argv_add(out, sv_buf_str(&text));
        sv_json_free(j);
}

/* --- one function for each option that does not stay as it is; what it adds takes the place of
 * option and value --- */

static int rewrite_machine(const char *text, const char *add, struct sv_argv *out,
                           struct sv_err *err)
{
        static const char *const not [] = {
                "kernel_irqchip=", "kernel-irqchip=", "confidential-guest-support=",
                "memory-encryption=", "accel="};
        SV_BUF kept = SV_BUF_NULL;

        for (const char *p = text; *p; p += strcspn(p, ","), p += *p == ',') {
                int n = (int)strcspn(p, ",");
                bool keep = true;

                for (size_t i = 0; i < sizeof(not ) / sizeof(*not ); i++)
                        keep = keep && strncmp(p, not [i], strlen(not [i]));
                if (keep)
                        sv_buf_printf(&kept, "%s%.*s", kept.n ? "," : "", n, p);
        }
        sv_argv_add(out, "-machine");
        sv_argv_addf(out, "%s%s", sv_buf_str(&kept), add);
        return sv_buf_ok(&kept, "a machine", err);
}

static int rewrite_object(const char *text, const char *add, struct sv_argv *out,
                          struct sv_err *err)
{
        static const char *const plain[] = {"rng-random", "rng-builtin", "iothread",
                                            "throttle-group"};
        static const char memory[] = "memory-backend-";
        struct value v;
        int64_t size;

        if (parse_option_value(text, "qom-type", "id", &v, err) < 0)
                return -1;
        size = sv_json_int(sv_json_get(v.json, "size"), 0);
        if (!strncmp(v.type, memory, sizeof(memory) - 1) && size > 0) {
                sv_argv_add(out, "-object");
                sv_argv_addf(out, "memory-backend-ram,id=%s,size=%lld", v.id, (long long)size);
        }
        for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
                if (!strcmp(v.type, plain[i])) {
                        sv_argv_add(out, "-object");
                        sv_argv_add(out, text);
                }
        sv_json_free(v.json);
        return 0;
}

static int rewrite_blockdev(const char *text, const char *add, struct sv_argv *out,
                            struct sv_err *err)
{
        struct sv_json *disk;
        struct value v;

        if (parse_option_value(text, "driver", "node-name", &v, err) < 0)
                return -1;
        disk = sv_json_object();
        sv_json_set_str(disk, "driver", "null-co");
        sv_json_set_str(disk, "node-name", v.id);
        sv_json_set_int(disk, "size", DISK_SIZE);
        sv_json_set_bool(disk, "read-only", sv_json_bool(sv_json_get(v.json, "read-only"), false));
        sv_argv_add(out, "-blockdev");
        add_json_arg(out, disk);
        sv_json_free(v.json);
        return 0;
}

static int rewrite_chardev(const char *text, const char *add, struct sv_argv *out,
                           struct sv_err *err)
{
        struct value v;

        if (parse_option_value(text, "backend", "id", &v, err) < 0)
                return -1;
        sv_argv_add(out, "-chardev");
        sv_argv_addf(out, "null,id=%s", v.id);
        sv_json_free(v.json);
        return 0;
}

/* A device of the host that answers for a PCI device of the guest's. Of vsock only the place
 * counts: another virtio device stands there. */
static int rewrite_device(const char *text, const char *add, struct sv_argv *out,
                          struct sv_err *err)
{
        struct value v;
        int r = 0;

        if (parse_option_value(text, "driver", "id", &v, err) < 0)
                return -1;
        sv_argv_add(out, "-device");
        if (!strcmp(v.type, "vhost-vsock-pci") && v.json) {
                static const char *const members[] = {"id", "bus", "addr"};
                struct sv_json *other = sv_json_object();

                sv_json_set_str(other, "driver", "virtio-rng-pci");
                for (size_t i = 0; i < 3; i++)
                        if (sv_json_get(v.json, members[i]))
                                sv_json_set(other, members[i],
                                            sv_json_ref(sv_json_get(v.json, members[i])));
                add_json_arg(out, other);
        } else if (!strncmp(v.type, "vhost-", 6) || !strncmp(v.type, "vfio-", 5)) {
                r = sv_fail(err, SV_USAGE, "acpi.device",
                            "the guest has a device of the host (%s), which only the host can "
                            "start: take the files from /sys/firmware/qemu_fw_cfg/by_name of a "
                            "guest of the same shape",
                            v.type);
        } else {
                sv_argv_add(out, text);
        }
        sv_json_free(v.json);
        return r;
}

static int drop_option(const char *text, const char *add, struct sv_argv *out, struct sv_err *err)
{
        return 0;
}

/* An option that is not here stays, with its value if it has one: whatever libvirt adds one day,
 * QEMU takes it or says that it cannot. */
static const struct {
        const char *name;
        bool alone; /* has no value */
        int (*fn)(const char *text, const char *add, struct sv_argv *out, struct sv_err *err);
} options[] = {
        {"-machine", false, rewrite_machine},
        {"-object", false, rewrite_object},
        {"-blockdev", false, rewrite_blockdev},
        {"-chardev", false, rewrite_chardev},
        {"-device", false, rewrite_device},
        {"-name", false, drop_option},
        {"-accel", false, drop_option},
        {"-cpu", false, drop_option},
        {"-mon", false, drop_option},
        {"-msg", false, drop_option},
        /* the kernel is part of the boot order, the initramfs and the command line are not */
        {"-initrd", false, drop_option},
        {"-append", false, drop_option},
        {"-add-fd", false, drop_option},
        {"-S", true, drop_option},
        {"-no-shutdown", true, drop_option},
};
#define N_OPTIONS (sizeof(options) / sizeof(*options))

static int rewrite_options(struct sv_argv *w, size_t i, const char *add, struct sv_argv *out,
                           struct sv_err *err)
{
        while (i < w->n) {
                size_t k = 0;

                while (k < N_OPTIONS && strcmp(w->list[i], options[k].name))
                        k++;
                if (k == N_OPTIONS) {
                        sv_argv_add(out, w->list[i++]);
                        continue;
                }
                if (options[k].alone) {
                        i++;
                        continue;
                }
                if (i + 1 == w->n)
                        return sv_fail(err, SV_SYSTEM, "acpi.native",
                                       "libvirt's command line ends with %s", w->list[i]);
                if (options[k].fn(w->list[i + 1], add, out, err) < 0)
                        return -1;
                i += 2;
        }
        return 0;
}

int sv_qemu_argv_rewrite(const char *text, const char *add, struct sv_argv *out, struct sv_err *err)
{
        SV_ARGV words = {0};
        size_t i = 0;

        if (split_argv(text, &words, err) < 0)
                return -1;
        /* NAME=value, the environment */
        while (i < words.n && *words.list[i] != '/' && strchr(words.list[i], '='))
                i++;
        if (i == words.n || *words.list[i] == '-')
                return sv_fail(err, SV_SYSTEM, "acpi.native",
                               "libvirt's command line names no program: %.100s", text);
        sv_argv_add(out, words.list[i]);
        return rewrite_options(&words, i + 1, add, out, err);
}
