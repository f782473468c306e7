/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/eventlog.h"

#include <stdlib.h>

#include "base/core/limits.h"

const struct sv_registers sv_registers_pcr = {
        .step = "pcr", .people = "PCR ", .value = "/sha256/", .name = "", .n = SV_TCG_PCRS};
const struct sv_registers sv_registers_rtmr = {.step = "rtmr",
                                               .people = "RTMR",
                                               .value = "/rtmr",
                                               .name = "rtmr",
                                               .first = 1,
                                               .n = 4,
                                               .bank = 1};

static const struct {
        uint16_t id; /* TPM 2.0 part 2, table 9 */
        enum sv_digest digest;
} algorithms[] = {{0x0004, SV_SHA1}, {0x000b, SV_SHA256}, {0x000c, SV_SHA384}, {0x000d, SV_SHA512}};

static enum sv_digest get_tpm_digest(uint16_t id)
{
        for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++)
                if (algorithms[i].id == id)
                        return algorithms[i].digest;
        return 0;
}

/* Section 10.4.5.1: TCG_EfiSpecIDEvent. */
static int read_spec_id(struct sv_bytes data, struct sv_tcg_log *log, struct sv_err *err)
{
        struct sv_rd r = sv_rd(data);
        const uint8_t *signature = sv_rd_take(&r, 16);

        if (!signature || memcmp(signature, "Spec ID Event03", 16) != 0)
                return sv_fail(err, SV_FORMAT, "eventlog.header",
                               "the log does not begin with a \"Spec ID Event03\": not a "
                               "crypto-agile event log");
        sv_rd_skip(&r, 4 + 4); /* platform class; version, errata, size of UINTN */

        uint32_t n = sv_rd_u32le(&r);

        if (sv_rd_ok(&r, "eventlog.header", "the log's header", err) < 0)
                return -1;
        if (n == 0 || n > SV_TCG_ALGS)
                return sv_fail(err, SV_FORMAT, "eventlog.algorithms",
                               "the header names %u digest algorithms, expected 1 to %d", n,
                               SV_TCG_ALGS);
        for (uint32_t i = 0; i < n; i++) {
                uint16_t id = sv_rd_u16le(&r), size = sv_rd_u16le(&r);
                enum sv_digest d = get_tpm_digest(id);

                for (uint32_t k = 0; k < i; k++)
                        if (log->algs[k] == id)
                                return sv_fail(err, SV_FORMAT, "eventlog.algorithms",
                                               "algorithm 0x%x is named twice", id);
                if (size == 0 || size > SV_DIGEST_MAX || (d && size != sv_digest_size(d)))
                        return sv_fail(err, SV_FORMAT, "eventlog.algorithms",
                                       "digests of algorithm 0x%x cannot have %u bytes", id, size);
                log->algs[i] = id;
                log->sizes[i] = size;
        }
        log->n_algs = n;
        sv_rd_skip(&r, sv_rd_u8(&r)); /* vendor information */
        return sv_rd_done(&r, "eventlog.header", "the log's header", err);
}

/* The header has the form of TPM 1.2 (section 10.2.1), so that old readers can skip it. */
static int read_log_header(struct sv_rd *r, const struct sv_registers *regs, struct sv_tcg_log *log,
                           struct sv_err *err)
{
        uint32_t reg = sv_rd_u32le(r), type = sv_rd_u32le(r);

        sv_rd_skip(r, 20);

        struct sv_bytes data = sv_rd_bytes(r, sv_rd_u32le(r));

        if (sv_rd_ok(r, "eventlog.header", "the log's header", err) < 0)
                return -1;
        /* Firmware of TDs writes it to register 0 or to its first (td-shim, OVMF). */
        if (reg > regs->first || type != SV_EV_NO_ACTION)
                return sv_fail(err, SV_FORMAT, "eventlog.header",
                               "the first event must be EV_NO_ACTION in register %u, found type "
                               "0x%x in %u",
                               regs->first, type, reg);
        return read_spec_id(data, log, err);
}

static int read_event_digests(struct sv_rd *r, const struct sv_tcg_log *log, struct sv_tcg_event *e,
                              size_t index, struct sv_err *err)
{
        uint32_t n = sv_rd_u32le(r);

        if (sv_rd_ok(r, "eventlog.event", "an event", err) < 0)
                return -1;
        if (n != log->n_algs)
                return sv_fail(err, SV_FORMAT, "eventlog.digests",
                               "event %zu has %u digests, the header names %zu", index, n,
                               log->n_algs);
        for (uint32_t i = 0; i < n; i++) {
                uint16_t id = sv_rd_u16le(r);
                size_t k = 0;

                if (sv_rd_ok(r, "eventlog.event", "an event", err) < 0)
                        return -1;
                while (k < log->n_algs && log->algs[k] != id)
                        k++;
                if (k == log->n_algs || e->digests[k].p)
                        return sv_fail(err, SV_FORMAT, "eventlog.digests",
                                       "event %zu: algorithm 0x%x is %s", index, id,
                                       k == log->n_algs ? "not in the header" : "there twice");
                e->digests[k] = sv_rd_bytes(r, log->sizes[k]);
        }
        return sv_rd_ok(r, "eventlog.event", "an event", err);
}

/* Section 10.2.2: TCG_PCR_EVENT2. */
static int read_event(struct sv_rd *r, const struct sv_registers *regs,
                      const struct sv_tcg_log *log, struct sv_tcg_event *out, size_t index,
                      struct sv_err *err)
{
        struct sv_tcg_event e = {.reg = sv_rd_u32le(r), .type = sv_rd_u32le(r)};

        if (read_event_digests(r, log, &e, index, err) < 0)
                return -1;

        uint32_t size = sv_rd_u32le(r);

        if (sv_rd_ok(r, "eventlog.event", "an event", err) < 0)
                return -1;
        if (size > SV_EVENT_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, "eventlog.size",
                               "event %zu has %u bytes of data, at most %u are read", index, size,
                               SV_EVENT_SIZE_MAX);
        e.data = sv_rd_bytes(r, size);
        if (sv_rd_ok(r, "eventlog.event", "an event", err) < 0)
                return -1;
        /* An event that extends nothing may name no register at all (section 10.4.5.4). */
        if (e.type != SV_EV_NO_ACTION && (e.reg < regs->first || e.reg - regs->first >= regs->n))
                return sv_fail(err, SV_FORMAT, "eventlog.register",
                               "event %zu extends register %u; those of %s0 to %s%u are %u to %u",
                               index, e.reg, regs->people, regs->people, regs->n - 1, regs->first,
                               regs->first + regs->n - 1);
        *out = e;
        return 0;
}

static int read_events(struct sv_rd *r, const struct sv_registers *regs, struct sv_tcg_log *log,
                       struct sv_err *err)
{
        size_t cap = 0;

        while (sv_rd_left(r) > 0) {
                if (sv_tcg_is_fill(*r, regs->first))
                        return 0;
                if (log->n == SV_EVENTLOG_EVENTS_MAX)
                        return sv_fail(err, SV_FORMAT, "eventlog.events", "more than %d events",
                                       SV_EVENTLOG_EVENTS_MAX);
                if (log->n == cap) {
                        size_t more = cap ? 2 * cap : 64;
                        struct sv_tcg_event *p = reallocarray(log->events, more, sizeof(*p));

                        if (!p)
                                return sv_fail(err, SV_SYSTEM, "base.memory",
                                               "no memory for %zu events", more);
                        log->events = p;
                        cap = more;
                }
                if (read_event(r, regs, log, &log->events[log->n], log->n + 1, err) < 0)
                        return -1;
                log->n++;
        }
        return 0;
}

int sv_tcg_log_parse(struct sv_bytes bytes, const struct sv_registers *regs, struct sv_tcg_log *out,
                     struct sv_err *err)
{
        struct sv_tcg_log log = {0};
        struct sv_rd r = sv_rd(bytes);

        if (bytes.n > SV_EVENTLOG_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, "eventlog.size",
                               "the log has %zu bytes, at most %u are read", bytes.n,
                               SV_EVENTLOG_SIZE_MAX);
        if (regs == &sv_registers_pcr && sv_tcg_log_is_sha1(bytes))
                return sv_fail(err, SV_FORMAT, "eventlog.sha1",
                               "this is the SHA-1 log of a TPM 1.2: the log of a TPM 2.0 was "
                               "expected, with SHA-256 digests (the firmware's setting is often "
                               "called \"TPM 2.0 event log\" or \"crypto-agile\")");
        if (read_log_header(&r, regs, &log, err) < 0 || read_events(&r, regs, &log, err) < 0) {
                sv_tcg_log_free(&log);
                return -1;
        }
        *out = log;
        return 0;
}

void sv_tcg_log_free(struct sv_tcg_log *log)
{
        free(log->events);
        *log = (struct sv_tcg_log){0};
}

struct sv_bytes sv_tcg_digest(const struct sv_tcg_log *log, const struct sv_tcg_event *e,
                              enum sv_digest bank)
{
        for (size_t i = 0; i < log->n_algs; i++)
                if (get_tpm_digest(log->algs[i]) == bank)
                        return e->digests[i];
        return SV_BYTES_NULL;
}

/* Section 10.4.5.3: TPM2_Startup from another locality leaves its number in PCR 0. Only the first
 * event can say so. */
static void set_start_locality(const struct sv_tcg_event *e, size_t size,
                               uint8_t pcr0[SV_DIGEST_MAX])
{
        if (e->type == SV_EV_NO_ACTION && e->reg == 0 && e->data.n == 17 &&
            memcmp(e->data.p, "StartupLocality", 16) == 0)
                pcr0[size - 1] = e->data.p[16];
}

int sv_tcg_extend(enum sv_digest bank, uint8_t value[SV_DIGEST_MAX], const uint8_t *digest,
                  struct sv_err *err)
{
        size_t n = sv_digest_size(bank);
        uint8_t both[2 * SV_DIGEST_MAX];

        memcpy(both, value, n);
        memcpy(both + n, digest, n);
        return sv_digest(bank, sv_bytes(both, 2 * n), value, err);
}

int sv_tcg_log_replay(const struct sv_tcg_log *log, enum sv_digest bank,
                      uint8_t values[SV_TCG_PCRS][SV_DIGEST_MAX], uint32_t *seen,
                      struct sv_err *err)
{
        uint8_t state[SV_TCG_PCRS][SV_DIGEST_MAX] = {{0}};
        size_t size = sv_digest_size(bank);
        uint32_t touched = 0;

        /* Part 1, section 11.6.3 of the TPM library: the dynamic PCRs start with all bits set. */
        for (unsigned pcr = 17; pcr <= 22; pcr++)
                memset(state[pcr], 0xff, size);
        for (size_t i = 0; i < log->n; i++) {
                const struct sv_tcg_event *e = &log->events[i];
                struct sv_bytes digest = sv_tcg_digest(log, e, bank);

                if (digest.n != size)
                        return sv_fail(err, SV_FORMAT, "eventlog.bank", "the log has no %s digests",
                                       sv_digest_name(bank));
                if (e->type == SV_EV_NO_ACTION) {
                        if (!(touched & 1))
                                set_start_locality(e, size, state[0]);
                        continue;
                }
                if (sv_tcg_extend(bank, state[e->reg], digest.p, err) < 0)
                        return -1;
                touched |= 1u << e->reg;
        }
        memcpy(values, state, sizeof(state));
        *seen = touched;
        return 0;
}
