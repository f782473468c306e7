#include "ovmf/inspect.h"

#include <stdio.h>
#include <stdlib.h>

#include "ovmf/linux.h"
#include "ovmf/pe.h"
#include "ovmf/platform.h"
#include "ovmf/varstore.h"
#include "ovmf/volumes.h"

static int add_digest(struct sv_json *out, const char *member, struct sv_bytes bytes, struct sv_err *err)
{
        uint8_t digest[SV_DIGEST_MAX];

        if (sv_digest(SV_SHA256, bytes, digest, err) < 0)
                return -1;
        sv_json_set_hex(out, member, sv_bytes(digest, 32));
        return 0;
}

static bool is_kernel(struct sv_bytes file)
{
        return file.n > 0x206 && sv_bytes_eq(sv_bytes(file.p + 0x202, 4), sv_bytes_str("HdrS"));
}

static int inspect_kernel(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        static const enum sv_digest banks[] = {SV_SHA256, SV_SHA384};
        struct sv_json *digests;
        struct sv_linux image;
        struct sv_pe pe;
        char protocol[16];

        if (sv_linux_parse(file, &image, err) < 0 || sv_pe_parse(file, &pe, err) < 0)
                return -1;
        sv_json_set_str(out, "kind", "kernel");
        sv_json_set_str(out, "version", image.version);
        snprintf(protocol, sizeof(protocol), "%u.%02u", image.protocol >> 8, image.protocol & 0xff);
        sv_json_set_str(out, "boot_protocol", protocol);
        /* Of the file; QEMU changes the header before the firmware sees it (ovmf/linux.h). */
        digests = sv_json_set(out, "authenticode", sv_json_object());
        for (size_t i = 0; i < 2; i++) {
                uint8_t digest[SV_DIGEST_MAX];

                if (sv_pe_digest(&pe, banks[i], digest, err) < 0)
                        return -1;
                sv_json_set_hex(digests, sv_digest_name(banks[i]), sv_bytes(digest, sv_digest_size(banks[i])));
        }
        return 0;
}

static int inspect_volumes(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        SV_VOLUMES v = {0};
        const struct sv_platform_build *build;

        if (sv_volumes_read(file, &v, err) < 0)
                return -1;
        sv_json_set_str(out, "kind", "firmware");
        sv_json_set_int(out, "peifv_size", (int64_t)v.pei.all.n);
        sv_json_set_int(out, "dxefv_size", (int64_t)v.dxe.all.n);
        if (add_digest(out, "peifv_sha256", v.pei.all, err) < 0 || add_digest(out, "dxefv_sha256", v.dxe.all, err) < 0)
                return -1;
        build = sv_platform_build(sv_json_str(sv_json_get(out, "peifv_sha256")));
        sv_json_set_str(out, "build", build ? build->name : NULL);
        return 0;
}

/* Names are UTF-16; what is not printable ASCII becomes a question mark. */
static void add_variable(struct sv_json *list, const struct sv_variable *v)
{
        struct sv_json *row = sv_json_add(list, sv_json_object());
        char name[128];
        size_t n = 0;

        for (size_t i = 0; i + 1 < v->name.n && n + 1 < sizeof(name); i += 2) {
                uint8_t c = v->name.p[i];

                name[n++] = c >= 0x20 && c < 0x7f && !v->name.p[i + 1] ? (char)c : '?';
        }
        name[n] = 0;
        sv_json_set_str(row, "name", name);
        sv_json_set_hex(row, "vendor", sv_bytes(v->guid, sizeof(v->guid)));
        sv_json_set_int(row, "attributes", v->attributes);
        sv_json_set_int(row, "size", (int64_t)v->data.n);
}

static int inspect_variables(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        struct sv_varstore *s = calloc(1, sizeof(*s));
        struct sv_json *list;
        int r;

        if (!s)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the variable store");
        r = sv_varstore_parse(file, s, err);
        if (r == 0) {
                if (!sv_json_get(out, "kind"))
                        sv_json_set_str(out, "kind", "variable-store");
                list = sv_json_set(out, "variables", sv_json_array());
                for (size_t i = 0; i < s->n; i++)
                        add_variable(list, &s->list[i]);
        }
        free(s);
        return r;
}

/* A VARS file is a variable store; a firmware image may begin with one. */
static int inspect_flash(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;
        bool store = sv_varstore_here(file);

        if (inspect_volumes(file, out, &why) < 0 && !store) {
                if (err)
                        *err = why;
                return -1;
        }
        return store ? inspect_variables(file, out, err) : 0;
}

int sv_ovmf_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err)
{
        bool kernel = is_kernel(file);
        SV_JSON *j = NULL;

        if (!kernel && !sv_fv_here(file))
                return 0;
        j = sv_json_object();
        if ((kernel ? inspect_kernel(file, j, err) : inspect_flash(file, j, err)) < 0)
                return -1;
        *out = sv_json_ref(j);
        return 0;
}
