/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/measure/inspect.h"

#include <stdio.h>

#include "ovmf/eventlog.h"

static const enum sv_digest banks[] = {SV_SHA1, SV_SHA256, SV_SHA384, SV_SHA512};
#define N_BANKS (sizeof(banks) / sizeof(*banks))

static void add_event(struct sv_json *list, const struct sv_tcg_log *log,
                      const struct sv_tcg_event *e)
{
        struct sv_json *row = sv_json_add(list, sv_json_object());
        char text[192];

        sv_json_set_int(row, "pcr", e->reg);
        sv_json_set_str(row, "type", sv_tcg_type_name(e->type));
        sv_json_set_str(row, "what", sv_tcg_describe(e, text));
        for (size_t i = 0; i < N_BANKS; i++) {
                struct sv_bytes digest = sv_tcg_digest(log, e, banks[i]);

                if (digest.n)
                        sv_json_set_hex(row, sv_digest_name(banks[i]), digest);
        }
}

static int add_pcrs(struct sv_json *out, const struct sv_tcg_log *log, enum sv_digest bank,
                    struct sv_err *err)
{
        uint8_t pcrs[SV_TCG_PCRS][SV_DIGEST_MAX];
        struct sv_json *values;
        uint32_t seen;

        if (log->n == 0 || !sv_tcg_digest(log, log->events, bank).n)
                return 0;
        if (sv_tcg_log_replay(log, bank, pcrs, &seen, err) < 0)
                return -1;
        values = sv_json_set(out, sv_digest_name(bank), sv_json_object());
        for (unsigned i = 0; i < SV_TCG_PCRS; i++) {
                char name[16];

                snprintf(name, sizeof(name), "%u", i);
                if (seen >> i & 1)
                        sv_json_set_hex(values, name, sv_bytes(pcrs[i], sv_digest_size(bank)));
        }
        return 0;
}

int sv_vtpm_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err)
{
        SV_TCG_LOG log = {0};
        SV_JSON *j = NULL;
        struct sv_json *events, *pcrs;
        bool sha1;

        sha1 = sv_tcg_log_is_sha1(file);
        /* the log of a confidential guest begins in register 1 */
        if (!sha1 && (!sv_tcg_log_is_agile(file) || file.p[0]))
                return 0;
        if (sha1 ? sv_tcg_log_parse_sha1(file, &log, err) < 0
                 : sv_tcg_log_parse(file, &sv_registers_pcr, &log, err) < 0)
                return -1;
        j = sv_json_object();
        sv_json_set_str(j, "kind", sha1 ? "event-log-sha1" : "event-log");
        events = sv_json_set(j, "events", sv_json_array());
        for (size_t i = 0; i < log.n; i++)
                add_event(events, &log, &log.events[i]);
        pcrs = sv_json_set(j, "pcrs", sv_json_object());
        for (size_t i = 0; i < N_BANKS; i++)
                if (add_pcrs(pcrs, &log, banks[i], err) < 0)
                        return -1;
        *out = sv_json_ref(j);
        return 0;
}
