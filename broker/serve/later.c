/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/later.h"

#include "attest/kbs/kbs.h"

#define PERIOD_MS 5000

static bool is_over(const struct sv_pace *p, int64_t now_ms)
{
        return now_ms - p->begin_ms >= PERIOD_MS;
}

void sv_pace_note(struct sv_pace *p, int64_t now_ms)
{
        if (is_over(p, now_ms))
                *p = (struct sv_pace){now_ms, 0, now_ms - p->begin_ms < 2 * PERIOD_MS ? p->now : 0};
        p->now++;
}

unsigned sv_pace_left(const struct sv_pace *p, size_t waiting, int64_t now_ms)
{
        uint64_t went = now_ms - p->begin_ms >= 2 * PERIOD_MS    ? 0
                        : is_over(p, now_ms) || p->now > p->last ? p->now
                                                                 : p->last;
        uint64_t seconds = went ? (waiting * (PERIOD_MS / 1000) + went - 1) / went : SV_LATER_MAX;

        return seconds < 1 ? 1 : seconds > SV_LATER_MAX ? SV_LATER_MAX : (unsigned)seconds;
}

void sv_later_write(unsigned seconds, uint32_t chance, struct sv_buf *out)
{
        SV_BUF body = SV_BUF_NULL;
        struct sv_err busy = SV_ERR_NULL;

        sv_fail(&busy, SV_SYSTEM, "broker.busy",
                "the broker has more requests than it can work on: ask again when Retry-After is "
                "over");
        sv_kbs_write_error("PluginInternalError", &busy, &body);
        sv_buf_printf(out,
                      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
                      "Retry-After: %u\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                      seconds + chance % (seconds + 1), body.n);
        sv_buf_put(out, sv_buf_bytes(&body));
}
