/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/verify/evidence-form.h"

enum kind {
        NUMBER,  /* little endian */
        BYTES,   /* array of integers */
        TCB,     /* object of components */
        VERSION, /* {"major","minor","build"}: build, minor, major in the bytes */
};

/* The members in their order, and where they are in the report (AMD 56860, table 23). */
static const struct field {
        const char *name;
        enum kind kind;
        uint16_t at;
        uint8_t size;
        uint8_t since; /* report version; null before */
} fields[] = {
        {"version", NUMBER, 0x000, 4, 0},
        {"guest_svn", NUMBER, 0x004, 4, 0},
        {"policy", NUMBER, 0x008, 8, 0},
        {"family_id", BYTES, 0x010, 16, 0},
        {"image_id", BYTES, 0x020, 16, 0},
        {"vmpl", NUMBER, 0x030, 4, 0},
        {"sig_algo", NUMBER, 0x034, 4, 0},
        {"current_tcb", TCB, 0x038, 8, 0},
        {"plat_info", NUMBER, 0x040, 8, 0},
        {"key_info", NUMBER, 0x048, 4, 0},
        {"report_data", BYTES, 0x050, 64, 0},
        {"measurement", BYTES, 0x090, 48, 0},
        {"host_data", BYTES, 0x0c0, 32, 0},
        {"id_key_digest", BYTES, 0x0e0, 48, 0},
        {"author_key_digest", BYTES, 0x110, 48, 0},
        {"report_id", BYTES, 0x140, 32, 0},
        {"report_id_ma", BYTES, 0x160, 32, 0},
        {"reported_tcb", TCB, 0x180, 8, 0},
        {"cpuid_fam_id", NUMBER, 0x188, 1, 3},
        {"cpuid_mod_id", NUMBER, 0x189, 1, 3},
        {"cpuid_step", NUMBER, 0x18a, 1, 3},
        {"chip_id", BYTES, 0x1a0, 64, 0},
        {"committed_tcb", TCB, 0x1e0, 8, 0},
        {"current", VERSION, 0x1e8, 3, 0},
        {"committed", VERSION, 0x1ec, 3, 0},
        {"launch_tcb", TCB, 0x1f0, 8, 0},
        {"launch_mit_vector", NUMBER, 0x1f8, 8, 5},
        {"current_mit_vector", NUMBER, 0x200, 8, 5},
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))
#define AT_R   0x2a0
#define AT_S   0x2e8
#define SCALAR 72

/* Where each component is in the eight bytes: before Turin, and since (there "fmc" is a number,
 * before it is null). */
static const struct component {
        const char *name;
        int before, since;
} components[] = {
        {"fmc", -1, 0}, {"bootloader", 0, 1}, {"tee", 1, 2}, {"snp", 6, 3}, {"microcode", 7, 7}};
#define COMPONENTS (sizeof(components) / sizeof(components[0]))

/* in the order of the bytes */
static const char *const version_parts[] = {"build", "minor", "major", NULL};

/* --- reading --- */

static int read_bytes(const struct sv_json *obj, const char *name, uint8_t *out, size_t n,
                      struct sv_err *err)
{
        struct sv_json *list;

        if (sv_json_need_array(obj, name, &list, "snp.evidence", err) < 0)
                return -1;
        if (sv_json_len(list) != n)
                return sv_fail(err, SV_FORMAT, "snp.evidence.bytes",
                               "%s has %zu elements, expected %zu", name, sv_json_len(list), n);
        for (size_t i = 0; i < n; i++) {
                int64_t v = sv_json_int(sv_json_at(list, i), -1);

                if (v < 0 || v > 255)
                        return sv_fail(err, SV_FORMAT, "snp.evidence.bytes", "%s[%zu] is no byte",
                                       name, i);
                out[i] = (uint8_t)v;
        }
        return 0;
}

static int read_tcb(const struct sv_json *obj, const char *name, uint8_t out[8], struct sv_err *err)
{
        static const char *const members[] = {"fmc", "bootloader", "tee", "snp", "microcode", NULL};
        struct sv_json *tcb;
        bool since;

        if (sv_json_need_obj(obj, name, &tcb, "snp.evidence", err) < 0 ||
            sv_json_only(tcb, members, "snp.evidence", err) < 0)
                return -1;
        since = sv_json_type(sv_json_get(tcb, "fmc")) != SV_JSON_NULL;
        for (size_t i = 0; i < COMPONENTS; i++) {
                int at = since ? components[i].since : components[i].before;
                int64_t v;

                if (at < 0)
                        continue;
                if (sv_json_need_int(tcb, components[i].name, 0, 255, &v, "snp.evidence", err) < 0)
                        return sv_wrap(err, "%s", name);
                out[at] = (uint8_t)v;
        }
        return 0;
}

static int read_version(const struct sv_json *obj, const char *name, uint8_t *out,
                        struct sv_err *err)
{
        struct sv_json *version;

        if (sv_json_need_obj(obj, name, &version, "snp.evidence", err) < 0 ||
            sv_json_only(version, version_parts, "snp.evidence", err) < 0)
                return -1;
        for (size_t i = 0; version_parts[i]; i++) {
                int64_t v;

                if (sv_json_need_int(version, version_parts[i], 0, 255, &v, "snp.evidence", err) <
                    0)
                        return sv_wrap(err, "%s", name);
                out[i] = (uint8_t)v;
        }
        return 0;
}

static int read_field(const struct sv_json *obj, const struct field *f, uint8_t *raw,
                      struct sv_err *err)
{
        int64_t max = f->size >= 8 ? INT64_MAX : ((int64_t)1 << 8 * f->size) - 1, v;

        if (f->kind == BYTES)
                return read_bytes(obj, f->name, raw + f->at, f->size, err);
        if (f->kind == TCB)
                return read_tcb(obj, f->name, raw + f->at, err);
        if (f->kind == VERSION)
                return read_version(obj, f->name, raw + f->at, err);
        if (raw[0] < f->since) { /* the version came first */
                if (sv_json_type(sv_json_get(obj, f->name)) != SV_JSON_NULL)
                        return sv_fail(err, SV_FORMAT, "snp.evidence.member",
                                       "%s is there, but a report of version %u has none", f->name,
                                       raw[0]);
                return 0;
        }
        if (sv_json_need_int(obj, f->name, 0, max, &v, "snp.evidence", err) < 0)
                return -1;
        sv_bytes_put_le(raw + f->at, (uint64_t)v, f->size);
        return 0;
}

/* The layout of a TCB follows from whether it has an FMC; all four must have the same. */
static int same_layout(const struct sv_json *obj, struct sv_err *err)
{
        bool first = false, any = false;

        for (size_t i = 0; i < FIELDS; i++) {
                bool fmc = sv_json_type(sv_json_get(sv_json_get(obj, fields[i].name), "fmc")) !=
                           SV_JSON_NULL;

                if (fields[i].kind != TCB)
                        continue;
                if (any && fmc != first)
                        return sv_fail(err, SV_FORMAT, "snp.evidence.tcb",
                                       "%s.fmc: all four TCBs have one, or none has",
                                       fields[i].name);
                first = fmc;
                any = true;
        }
        return 0;
}

int sv_snp_form_read(const struct sv_json *obj, uint8_t out[SV_REPORT_SIZE], struct sv_err *err)
{
        static const char *const halves[] = {"r", "s", NULL};
        const char *members[FIELDS + 2] = {0};
        uint8_t raw[SV_REPORT_SIZE] = {0};
        struct sv_json *signature;

        for (size_t i = 0; i < FIELDS; i++)
                members[i] = fields[i].name;
        members[FIELDS] = "signature";
        if (sv_json_only(obj, members, "snp.evidence", err) < 0)
                return -1;
        for (size_t i = 0; i < FIELDS; i++)
                if (read_field(obj, &fields[i], raw, err) < 0)
                        return -1;
        if (same_layout(obj, err) < 0 ||
            sv_json_need_obj(obj, "signature", &signature, "snp.evidence", err) < 0 ||
            sv_json_only(signature, halves, "snp.evidence", err) < 0 ||
            read_bytes(signature, "r", raw + AT_R, SCALAR, err) < 0 ||
            read_bytes(signature, "s", raw + AT_S, SCALAR, err) < 0)
                return -1;
        memcpy(out, raw, sizeof(raw));
        return 0;
}

/* --- writing --- */

static void write_bytes(struct sv_json *obj, const char *name, const uint8_t *p, size_t n)
{
        struct sv_json *list = sv_json_set(obj, name, sv_json_array());

        for (size_t i = 0; i < n; i++)
                sv_json_add(list, sv_json_new_int(p[i]));
}

static void write_tcb(struct sv_json *obj, const char *name, const uint8_t *p, bool since)
{
        struct sv_json *tcb = sv_json_set(obj, name, sv_json_object());

        for (size_t i = 0; i < COMPONENTS; i++) {
                int at = since ? components[i].since : components[i].before;

                if (at < 0)
                        sv_json_set_str(tcb, components[i].name, NULL);
                else
                        sv_json_set_int(tcb, components[i].name, p[at]);
        }
}

static void write_version(struct sv_json *obj, const char *name, const uint8_t *p)
{
        struct sv_json *version = sv_json_set(obj, name, sv_json_object());

        for (int i = 2; i >= 0; i--)
                sv_json_set_int(version, version_parts[i], p[i]);
}

static void write_number(struct sv_json *obj, const struct field *f, const uint8_t *p)
{
        uint64_t v = 0;

        for (size_t i = f->size; i > 0; i--)
                v = v << 8 | p[i - 1];
        sv_json_set_int(obj, f->name, (int64_t)v);
}

struct sv_json *sv_snp_form_write(const uint8_t *raw, const struct sv_report *r)
{
        bool since = r->product == SV_SEV_TURIN || r->product == SV_SEV_VENICE;
        struct sv_json *obj = sv_json_object();
        struct sv_json *signature;

        for (size_t i = 0; i < FIELDS; i++) {
                const struct field *f = &fields[i];
                const uint8_t *p = raw + f->at;

                if (f->kind == BYTES)
                        write_bytes(obj, f->name, p, f->size);
                else if (f->kind == TCB)
                        write_tcb(obj, f->name, p, since);
                else if (f->kind == VERSION)
                        write_version(obj, f->name, p);
                else if (r->version >= f->since)
                        write_number(obj, f, p);
                else
                        sv_json_set_str(obj, f->name, NULL);
        }
        signature = sv_json_set(obj, "signature", sv_json_object());
        write_bytes(signature, "r", raw + AT_R, SCALAR);
        write_bytes(signature, "s", raw + AT_S, SCALAR);
        return obj;
}
