/* SPDX-License-Identifier: Apache-2.0 */
/* Which form a log has, and the older one. A TPM 1.2's, which firmware without TCG's EFI
 * protocol 2.0 writes to this day (TCG PC Client Specific Implementation Specification for
 * Conventional BIOS 1.21, section 11.1.1): each event is register, type, SHA-1 digest, size and
 * data; there is no header that says so. */
#include <stdlib.h>

#include "base/core/limits.h"
#include "ovmf/eventlog.h"

bool sv_tcg_log_is_agile(struct sv_bytes bytes)
{
        return bytes.n >= 48 &&
               sv_bytes_eq(sv_bytes(bytes.p + 32, 16), sv_bytes("Spec ID Event03", 16));
}

bool sv_tcg_is_fill(struct sv_rd r, uint32_t first)
{
        struct sv_bytes rest = sv_rd_rest(&r);

        /* An event of register 0 that is cut short begins with zeros, too. */
        if (!first && rest.n < 8)
                return false;
        for (size_t i = 1; i < rest.n; i++)
                if (rest.p[i] != rest.p[0])
                        return false;
        return rest.n && (rest.p[0] == 0 || rest.p[0] == 0xff);
}

static bool read_sha1_event(struct sv_rd *r, struct sv_tcg_event *out)
{
        struct sv_tcg_event e = {.reg = sv_rd_u32le(r), .type = sv_rd_u32le(r)};

        e.digests[0] = sv_rd_bytes(r, 20);
        e.data = sv_rd_bytes(r, sv_rd_u32le(r));
        *out = e;
        return !r->bad && e.reg < SV_TCG_PCRS && e.data.n <= SV_EVENT_SIZE_MAX &&
               sv_tcg_type_is_known(e.type);
}

/* How many events it has; 0 when it is no such log. */
static size_t count_sha1_events(struct sv_bytes bytes)
{
        struct sv_rd r = sv_rd(bytes);
        struct sv_tcg_event e;
        size_t n = 0;

        /* A newer log's header has the form of such an event. */
        if (bytes.n > SV_EVENTLOG_SIZE_MAX || sv_tcg_log_is_agile(bytes))
                return 0;
        while (sv_rd_left(&r) > 0 && !sv_tcg_is_fill(r, 0)) {
                if (n == SV_EVENTLOG_EVENTS_MAX || !read_sha1_event(&r, &e))
                        return 0;
                n++;
        }
        return n;
}

bool sv_tcg_log_is_sha1(struct sv_bytes bytes)
{
        return count_sha1_events(bytes) > 0;
}

int sv_tcg_log_parse_sha1(struct sv_bytes bytes, struct sv_tcg_log *out, struct sv_err *err)
{
        struct sv_tcg_log log = {.n_algs = 1, .algs = {0x0004}, .sizes = {20}};
        struct sv_rd r = sv_rd(bytes);
        size_t n = count_sha1_events(bytes);

        if (!n)
                return sv_fail(err, SV_FORMAT, "eventlog.header",
                               "a log of a TPM 1.2 was expected: events with one SHA-1 digest "
                               "each, and nothing else");
        log.events = calloc(n, sizeof(*log.events));
        if (!log.events)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for %zu events", n);
        while (log.n < n && read_sha1_event(&r, &log.events[log.n]))
                log.n++;
        *out = log;
        return 0;
}
