/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/guest/qgs.h"

#include "base/core/rd.h"

/* Header: versions, type, size of the whole message, error; little-endian. In front of it on the
 * wire its size, big-endian. */
#define HEADER 16u
#define MAJOR  1
#define MINOR  1
enum { QUOTE_REQ = 0, QUOTE_RESP = 1, PLATFORM_REQ = 4, PLATFORM_RESP = 5 };

static void put_header(uint32_t type, uint32_t body, struct sv_buf *out)
{
        sv_buf_u32be(out, HEADER + body);
        sv_buf_u16le(out, MAJOR);
        sv_buf_u16le(out, MINOR);
        sv_buf_u32le(out, type);
        sv_buf_u32le(out, HEADER + body);
        sv_buf_u32le(out, 0);
}

void sv_qgs_quote_request(struct sv_bytes tdreport, struct sv_buf *out)
{
        put_header(QUOTE_REQ, 8 + (uint32_t)tdreport.n, out);
        sv_buf_u32le(out, (uint32_t)tdreport.n);
        sv_buf_u32le(out, 0); /* no list of quoting enclaves: the service chooses */
        sv_buf_put(out, tdreport);
}

void sv_qgs_platform_request(struct sv_buf *out)
{
        put_header(PLATFORM_REQ, 0, out);
}

/* Errors of the message library; the rest are those of Intel's quote library. */
static const struct {
        uint32_t code;
        const char *text;
} errors[] = {
        {0x12001, "something failed inside"},           {0x12002, "it has no memory"},
        {0x12003, "it did not understand the request"}, {0x12004, "it speaks another version"},
        {0x12005, "it does not know this request"},     {0x12006, "it expected another size"},
};

static const char *describe_qgs_error(uint32_t code)
{
        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
                if (errors[i].code == code)
                        return errors[i].text;
        return "see its log (journalctl -u qgsd): often the platform is not registered, or no PCCS "
               "can be reached";
}

static int read_qgs_header(struct sv_bytes message, uint32_t expected, struct sv_rd *r,
                           struct sv_err *err)
{
        uint32_t type, size, error;
        uint16_t major;

        *r = sv_rd(message);
        major = sv_rd_u16le(r);
        sv_rd_u16le(r);
        type = sv_rd_u32le(r);
        size = sv_rd_u32le(r);
        error = sv_rd_u32le(r);
        if (sv_rd_ok(r, "tdx.qgs.message", "the quote service's answer", err) < 0)
                return -1;
        if (major != MAJOR)
                return sv_fail(err, SV_FORMAT, "tdx.qgs.message",
                               "the quote service speaks version %u, %u was expected", major,
                               MAJOR);
        if (size != message.n)
                return sv_fail(err, SV_FORMAT, "tdx.qgs.message",
                               "the quote service's answer says %u bytes, found %zu", size,
                               message.n);
        if (error)
                return sv_fail(err, SV_SYSTEM, "tdx.qgs.refused",
                               "the quote service refuses with error 0x%x: %s", error,
                               describe_qgs_error(error));
        if (type != expected)
                return sv_fail(err, SV_FORMAT, "tdx.qgs.message",
                               "the quote service's answer has type %u, %u was expected", type,
                               expected);
        return 0;
}

int sv_qgs_quote_response(struct sv_bytes message, struct sv_bytes *quote, struct sv_err *err)
{
        struct sv_rd r;
        struct sv_bytes q;
        uint32_t id, size;

        if (read_qgs_header(message, QUOTE_RESP, &r, err) < 0)
                return -1;
        id = sv_rd_u32le(&r);
        size = sv_rd_u32le(&r);
        sv_rd_skip(&r, id);
        q = sv_rd_bytes(&r, size);
        if (sv_rd_done(&r, "tdx.qgs.message", "the quote service's answer", err) < 0)
                return -1;
        if (!q.n)
                return sv_fail(err, SV_FORMAT, "tdx.qgs.message",
                               "the quote service gave an empty quote");
        *quote = q;
        return 0;
}

int sv_qgs_platform_response(struct sv_bytes message, struct sv_qgs_platform *out,
                             struct sv_err *err)
{
        struct sv_qgs_platform p;
        struct sv_rd r;
        uint32_t id, svn;

        if (read_qgs_header(message, PLATFORM_RESP, &r, err) < 0)
                return -1;
        p.tdqe_svn = sv_rd_u16le(&r);
        p.pce_svn = sv_rd_u16le(&r);
        id = sv_rd_u32le(&r);
        svn = sv_rd_u32le(&r);
        p.platform_id = sv_rd_bytes(&r, id);
        p.cpu_svn = sv_rd_bytes(&r, svn);
        if (sv_rd_done(&r, "tdx.qgs.message", "the quote service's answer", err) < 0)
                return -1;
        *out = p;
        return 0;
}
