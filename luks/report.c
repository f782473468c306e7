/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/report.h"

#include "base/core/buf.h"
#include "base/crypto/crypto.h"
#include "base/json/json.h"

static const char KEY_LABEL[] = "secure-vm disk report key v1";
static const char MAC_LABEL[] = "secure-vm disk report v2";
static const char UNNAMED_LABEL[] = "secure-vm disk report v1";

static const char *const states[SV_DISK_STATES] = {"opens", "runs", "ends", "closed"};

const char *sv_disk_state_name(enum sv_disk_state state)
{
        return states[state];
}

struct sv_secret *sv_disk_report_key(struct sv_secret *disk_key, struct sv_err *err)
{
        SV_SECRET *key = sv_secret_new(SV_DIGEST_MAX, err);
        struct sv_secret *out;

        if (!key ||
            sv_hmac(SV_SHA256, sv_bytes(sv_secret_reveal(disk_key), sv_secret_size(disk_key)),
                    sv_bytes_str(KEY_LABEL), sv_secret_reveal(key), err) < 0)
                return NULL;
        sv_secret_shrink(key, SV_REPORT_KEY_SIZE);
        out = key;
        key = NULL;
        return out;
}

/* The resource's length is in front of it, so that no two reports have the same bytes. */
int sv_disk_report_mac(struct sv_secret *report_key, const char *resource,
                       const struct sv_disk_report *report, uint8_t mac[SV_REPORT_MAC_SIZE],
                       struct sv_err *err)
{
        uint8_t out[SV_DIGEST_MAX];
        SV_BUF in = SV_BUF_NULL;

        sv_buf_puts(&in, report->unnamed ? UNNAMED_LABEL : MAC_LABEL);
        sv_buf_u16le(&in, (uint16_t)strlen(resource));
        sv_buf_puts(&in, resource);
        sv_buf_put(&in, sv_bytes(report->header, sizeof(report->header)));
        if (!report->unnamed) {
                sv_buf_put(&in, sv_bytes(report->instance, sizeof(report->instance)));
                sv_buf_u8(&in, (uint8_t)report->state);
        }
        sv_buf_u64le(&in, report->generation);
        if (sv_buf_ok(&in, "the disk's report", err) < 0 ||
            sv_hmac(SV_SHA256, sv_bytes(sv_secret_reveal(report_key), SV_REPORT_KEY_SIZE),
                    sv_buf_bytes(&in), out, err) < 0)
                return -1;
        memcpy(mac, out, SV_REPORT_MAC_SIZE);
        return 0;
}

int sv_disk_report_write(struct sv_secret *report_key, const char *resource,
                         const struct sv_disk_report *report, struct sv_buf *out,
                         struct sv_err *err)
{
        uint8_t mac[SV_REPORT_MAC_SIZE];
        SV_JSON *j = sv_json_object();

        if (sv_disk_report_mac(report_key, resource, report, mac, err) < 0)
                return -1;
        sv_json_set_hex(j, "header", sv_bytes(report->header, sizeof(report->header)));
        sv_json_set_hex(j, "instance", sv_bytes(report->instance, sizeof(report->instance)));
        sv_json_set_str(j, "state", sv_disk_state_name(report->state));
        sv_json_set_int(j, "generation", (int64_t)report->generation);
        sv_json_set_hex(j, "mac", sv_bytes(mac, sizeof(mac)));
        sv_json_print(j, out);
        return sv_buf_ok(out, "the disk's report", err);
}

static int parse_hex(const struct sv_json *j, const char *member, uint8_t *out, size_t n,
                     struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        if (sv_json_need_hex(j, member, &b, "disk.report", err) < 0)
                return -1;
        if (b.n != n)
                return sv_fail(err, SV_FORMAT, "disk.report.member",
                               "%s: expected %zu bytes in hex, found %zu", member, n, b.n);
        memcpy(out, b.p, n);
        return 0;
}

static int parse_state(const struct sv_json *j, enum sv_disk_state *out, struct sv_err *err)
{
        const char *name;

        if (sv_json_need_str(j, "state", &name, "disk.report", err) < 0)
                return -1;
        for (*out = 0; *out < SV_DISK_STATES; ++*out)
                if (!strcmp(states[*out], name))
                        return 0;
        return sv_fail(
                err, SV_FORMAT, "disk.report.member",
                "state: expected \"opens\", \"runs\", \"ends\" or \"closed\", found \"%.20s\"",
                name);
}

static int parse_claim(const struct sv_json *j, struct sv_disk_report *out, struct sv_err *err)
{
        out->unnamed = !sv_json_get(j, "instance") && !sv_json_get(j, "state");
        if (out->unnamed)
                return 0;
        return parse_hex(j, "instance", out->instance, sizeof(out->instance), err) < 0
                       ? -1
                       : parse_state(j, &out->state, err);
}

int sv_disk_report_parse(struct sv_bytes text, struct sv_disk_report *out,
                         uint8_t mac[SV_REPORT_MAC_SIZE], struct sv_err *err)
{
        static const char *const names[] = {"header",     "instance", "state",
                                            "generation", "mac",      NULL};
        struct sv_disk_report report = {0};
        SV_JSON *j = NULL;
        int64_t generation;

        if (sv_json_parse(text, "disk.report", &j, err) < 0 ||
            sv_json_only(j, names, "disk.report", err) < 0 ||
            sv_json_need_int(j, "generation", 0, INT64_MAX, &generation, "disk.report", err) < 0 ||
            parse_hex(j, "header", report.header, sizeof(report.header), err) < 0 ||
            parse_claim(j, &report, err) < 0 ||
            parse_hex(j, "mac", mac, SV_REPORT_MAC_SIZE, err) < 0)
                return -1;
        if (!generation &&
            (report.unnamed || (report.state != SV_DISK_OPENS && report.state != SV_DISK_CLOSED)))
                return sv_fail(err, SV_FORMAT, "disk.report.member",
                               "generation: expected a number from 1 on; only a disk that is not "
                               "open has none");
        report.generation = (uint64_t)generation;
        *out = report;
        return 0;
}
