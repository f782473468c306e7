/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes and TDREPORTs for an emulated guest, as teesim_guest.c asks for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "tests/teesim/intelpki.h"
#include "tests/teesim/signer.h"

struct td_platform {
        struct intel_signer keys;
        struct sv_json *state;
        uint8_t rtmr[4][INTEL_MR];
};

/* A line a request, for who wants to know which way a guest went. */
static void say(const char *what)
{
        puts(what);
        fflush(stdout);
}

static uint32_t answer(const void *arg, uint32_t code, const uint8_t request[SIGNER_REQUEST],
                       struct sv_buf *body, struct sv_buf *certs)
{
        const struct td_platform *p = arg;
        struct intel_quote q = {.version = 4, .type = 2, .state = p->state, .rtmr = p->rtmr};

        memcpy(q.report_data, request, sizeof(q.report_data));
        switch (code) {
        case SIGNER_REPORT:
                say("a quote");
                intel_quote(&p->keys, &q, body);
                return 0;
        case SIGNER_PROVIDER:
                sv_buf_puts(body, "tdx_guest");
                return 0;
        case SIGNER_TD_REPORT:
                say("a TDREPORT");
                intel_td_report(&q, sv_buf_grow(body, INTEL_TD_REPORT));
                return 0;
        default:
                return SIGNER_INVALID;
        }
}

int intel_serve(const char *dir, const char *state_path, const char *ccel_path,
                const char *socket_path, struct sv_err *err)
{
        struct td_platform p = {.state = NULL};
        const struct signer s = {answer, &p};
        SV_BUF text = SV_BUF_NULL, ccel = SV_BUF_NULL;

        intel_signer_load(dir, &p.keys);
        if (sv_file_read(state_path, 1 << 20, &text, "state", err) < 0 ||
            sv_json_parse(sv_buf_bytes(&text), "state", &p.state, err) < 0 ||
            sv_file_read(ccel_path, 1 << 20, &ccel, "ccel", err) < 0 ||
            intel_replay(sv_buf_bytes(&ccel), p.rtmr, err) < 0)
                return -1;
        return signer_serve(&s, socket_path, err);
}
