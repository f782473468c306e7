/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/verify/certtable.h"

#include "base/core/limits.h"
#include "base/core/rd.h"
#include "base/core/text.h"

#define ENTRY 24u /* GUID, offset, length */

static const struct {
        const char *name;
        uint8_t guid[16];
} kinds[] = {
        [SV_CERT_ARK] = {"ARK",
                         {0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6,
                          0x01, 0x4c, 0xd0, 0xae}},
        [SV_CERT_ASK] = {"ASK",
                         {0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae,
                          0xf3, 0x27, 0xc7, 0x82}},
        [SV_CERT_VCEK] = {"VCEK",
                          {0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9,
                           0x3b, 0xe8, 0xac, 0xcd}},
        [SV_CERT_VLEK] = {"VLEK",
                          {0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0,
                           0x45, 0xa0, 0xb8, 0xa1}},
        [SV_CERT_CRL] = {"CRL",
                         {0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f,
                          0x88, 0xdc, 0x67, 0xea}},
        [SV_CERT_OTHER] = {"OTHER", {0}},
};

const char *sv_cert_kind_name(enum sv_cert_kind kind)
{
        return kinds[kind].name;
}

static bool guid_equal(const uint8_t a[16], const uint8_t b[16])
{
        return sv_bytes_eq(sv_bytes(a, 16), sv_bytes(b, 16));
}

static enum sv_cert_kind find_cert_kind(const uint8_t guid[16])
{
        for (enum sv_cert_kind k = SV_CERT_ARK; k < SV_CERT_OTHER; k++)
                if (guid_equal(guid, kinds[k].guid))
                        return k;
        return SV_CERT_OTHER;
}

static int read_table_entry(struct sv_bytes raw, struct sv_cert_entry *e, uint32_t offset,
                            uint32_t length, struct sv_err *err)
{
        struct sv_rd rd = sv_rd(raw);
        char guid[37];

        sv_format_uuid(e->guid, guid);
        if (!length)
                return sv_fail(err, SV_FORMAT, "snp.certtable.length", "the entry %s has no bytes",
                               guid);
        sv_rd_seek(&rd, offset);
        e->data = sv_rd_bytes(&rd, length);
        if (rd.bad || offset < ENTRY)
                return sv_fail(err, SV_FORMAT, "snp.certtable.offset",
                               "the entry %s says offset %u, length %u; the table has %zu bytes",
                               guid, offset, length, raw.n);
        e->kind = find_cert_kind(e->guid);
        return 0;
}

/* GUIDs are unique, and no certificate lies in the list of entries (which has ended by now). */
static int check_cert_table(const struct sv_cert_table *t, struct sv_bytes raw, size_t head,
                            struct sv_err *err)
{
        for (size_t i = 0; i < t->n; i++) {
                char guid[37];

                sv_format_uuid(t->list[i].guid, guid);
                if ((size_t)(t->list[i].data.p - raw.p) < head)
                        return sv_fail(err, SV_FORMAT, "snp.certtable.offset",
                                       "the entry %s lies inside the list of entries", guid);
                for (size_t k = 0; k < i; k++)
                        if (guid_equal(t->list[i].guid, t->list[k].guid))
                                return sv_fail(err, SV_FORMAT, "snp.certtable.duplicate",
                                               "the table has two entries %s", guid);
        }
        return 0;
}

int sv_cert_table_parse(struct sv_bytes raw, struct sv_cert_table *out, struct sv_err *err)
{
        static const uint8_t end[16];
        struct sv_cert_table t = {.n = 0};
        struct sv_rd rd = sv_rd(raw);
        uint32_t place[SV_SNP_CERTS_MAX][2];

        if (raw.n > SV_SNP_CERT_TABLE_MAX)
                return sv_fail(err, SV_FORMAT, "snp.certtable.size",
                               "the table has %zu bytes, at most %u were expected", raw.n,
                               SV_SNP_CERT_TABLE_MAX);
        while (raw.n) {
                struct sv_cert_entry e = {0};
                uint32_t offset, length;

                sv_rd_copy(&rd, e.guid, 16);
                offset = sv_rd_u32le(&rd);
                length = sv_rd_u32le(&rd);
                if (sv_rd_ok(&rd, "snp.certtable.size", "the certificate table (no terminator)",
                             err) < 0)
                        return -1;
                if (guid_equal(e.guid, end))
                        break;
                if (t.n == SV_SNP_CERTS_MAX)
                        return sv_fail(err, SV_FORMAT, "snp.certtable.entries",
                                       "the table has more than %d entries", SV_SNP_CERTS_MAX);
                place[t.n][0] = offset;
                place[t.n][1] = length;
                t.list[t.n++] = e;
        }
        for (size_t i = 0; i < t.n; i++)
                if (read_table_entry(raw, &t.list[i], place[i][0], place[i][1], err) < 0)
                        return -1;
        if (check_cert_table(&t, raw, rd.pos, err) < 0)
                return -1;
        *out = t;
        return 0;
}

int sv_cert_table_write(const struct sv_cert_table *t, struct sv_buf *out, struct sv_err *err)
{
        size_t at = ENTRY * (t->n + 1);

        for (size_t i = 0; i < t->n; i++) {
                const struct sv_cert_entry *e = &t->list[i];

                sv_buf_put(out,
                           sv_bytes(e->kind == SV_CERT_OTHER ? e->guid : kinds[e->kind].guid, 16));
                sv_buf_u32le(out, (uint32_t)at);
                sv_buf_u32le(out, (uint32_t)e->data.n);
                at += e->data.n;
        }
        sv_buf_grow(out, ENTRY);
        for (size_t i = 0; i < t->n; i++)
                sv_buf_put(out, t->list[i].data);
        return sv_buf_ok(out, "a certificate table", err);
}

const struct sv_cert_entry *sv_cert_table_find(const struct sv_cert_table *t,
                                               enum sv_cert_kind kind)
{
        for (size_t i = 0; i < t->n; i++)
                if (t->list[i].kind == kind)
                        return &t->list[i];
        return NULL;
}
