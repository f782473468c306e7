/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/inspect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "ovmf/pe.h"
#include "ovmf/platform.h"
#include "ovmf/tdvf.h"
#include "ovmf/varstore.h"
#include "ovmf/volumes.h"

int sv_inspect_digest(struct sv_json *out, const char *member, struct sv_bytes bytes,
                      struct sv_err *err)
{
        uint8_t digest[SV_DIGEST_MAX];

        if (sv_digest(SV_SHA256, bytes, digest, err) < 0)
                return -1;
        sv_json_set_hex(out, member, sv_bytes(digest, 32));
        return 0;
}

void sv_inspect_certificate(const struct sv_cert *cert, struct sv_json *row)
{
        char name[256], time[32];
        int64_t from, to;

        sv_cert_subject_cn(cert, name);
        sv_json_set_str(row, "subject", name);
        sv_cert_issuer_cn(cert, name);
        sv_json_set_str(row, "issuer", name);
        sv_cert_validity(cert, &from, &to);
        sv_json_set_str(row, "not_before", sv_format_time(from, time));
        sv_json_set_str(row, "not_after", sv_format_time(to, time));
}

/* What a TD's launch adds of the image, when it is for one. */
static void add_tdvf_sections(struct sv_bytes file, struct sv_json *out)
{
        struct sv_tdvf t;
        struct sv_json *list;

        if (sv_tdvf_parse(file, &t, NULL) < 0)
                return;
        list = sv_json_set(out, "tdvf", sv_json_array());
        for (size_t i = 0; i < t.n; i++) {
                const struct sv_tdvf_section *s = &t.sections[i];
                struct sv_json *row = sv_json_add(list, sv_json_object());
                SV_STR gpa = sv_asprintf("0x%llx", (unsigned long long)s->gpa);

                sv_json_set_str(row, "type", sv_tdvf_type_name(s->type));
                sv_json_set_str(row, "gpa", gpa);
                sv_json_set_int(row, "size", (int64_t)s->size);
                sv_json_set_int(row, "raw_size", (int64_t)s->raw.n);
                sv_json_set_bool(row, "mr_extend", s->attributes & SV_TDVF_MR_EXTEND);
        }
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
        if (sv_inspect_digest(out, "peifv_sha256", v.pei.all, err) < 0 ||
            sv_inspect_digest(out, "dxefv_sha256", v.dxe.all, err) < 0)
                return -1;
        build = sv_platform_build(sv_json_str(sv_json_get(out, "peifv_sha256")));
        sv_json_set_str(out, "build", build ? build->name : NULL);
        add_tdvf_sections(file, out);
        return 0;
}

/* Names are UTF-16; what is not printable ASCII becomes a question mark. */
static void add_variable_row(struct sv_json *list, const struct sv_variable *v)
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
                        add_variable_row(list, &s->list[i]);
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
        bool image = sv_pe_here(file);
        SV_JSON *j = NULL;

        if (!image && !sv_fv_here(file))
                return 0;
        j = sv_json_object();
        if ((image ? sv_inspect_image(file, j, err) : inspect_flash(file, j, err)) < 0)
                return -1;
        *out = sv_json_ref(j);
        return 0;
}
