/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/guest/attester.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "tdx/verify/evidence.h"
#include "tdx/guest/qgs.h"
#include "tdx/tee.h"
#include "tdx/verify/quote.h"

#define PROVIDER  "tdx_guest"
#define ANSWER_MS 30000 /* as long as the kernel waits */

static bool has_tdx_tsm(const struct sv_tsm *tsm)
{
        const char *root = tsm && tsm->root ? tsm->root : SV_TSM_ROOT;
        char name[32];

        if (!(tsm && tsm->ops) && access(root, W_OK) < 0)
                return false;
        return sv_tsm_provider(tsm, name, NULL) == 0 && !strcmp(name, PROVIDER);
}

static bool is_td(void)
{
        return access(SV_TDX_DEVICE, F_OK) == 0 || has_tdx_tsm(NULL);
}

static const char *get_sysroot(const struct sv_tdx_guest *g)
{
        return g && g->sysroot ? g->sysroot : "";
}

/* --- evidence --- */

/* The area that the firmware set aside, whole: who verifies it finds the log's end. A firmware
 * without a log has no such table. */
static int read_ccel(const struct sv_tdx_guest *g, struct sv_buf *out, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s" SV_TDX_CCEL, get_sysroot(g));

        if (access(path, F_OK) < 0)
                return 0;
        return sv_file_read(path, SV_EVENTLOG_SIZE_MAX, out, "tdx.guest.event-log", err);
}

static int check_quote_fresh(struct sv_bytes quote, const uint8_t data[SV_TDX_REPORT_DATA],
                             struct sv_err *err)
{
        struct sv_quote q;

        if (sv_quote_parse(quote, &q, err) < 0)
                return -1;
        if (!sv_bytes_eq(sv_bytes(q.td.reportdata, SV_TDX_REPORT_DATA),
                         sv_bytes(data, SV_TDX_REPORT_DATA)))
                return sv_fail(
                        err, SV_SYSTEM, "tdx.guest.stale",
                        "the quote is over other data than was asked for: somebody else's answer");
        return 0;
}

/* --- quotes --- */

/* The port of "port=4050" in Intel's file; the host has address 2. NULL: there is none. */
static char *find_service(const struct sv_tdx_guest *g)
{
        SV_STR path = sv_asprintf("%s" SV_TDX_CONF, get_sysroot(g));
        SV_BUF text = SV_BUF_NULL;
        unsigned port = 0;

        if (g && g->qgs)
                return sv_asprintf("%s", g->qgs);
        if (sv_file_read(path, 4096, &text, "tdx.guest.conf", NULL) < 0)
                return NULL;
        for (const char *line = sv_buf_str(&text); line;
             line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
                if (sscanf(line, " port = %u", &port) == 1)
                        break;
        return port ? sv_asprintf("vsock:2:%u", port) : NULL;
}

/* The module's report, signed by the quote service at this address. */
static int get_quote_from_service(const struct sv_tdx_guest *g, const char *address,
                                  const uint8_t data[SV_TDX_REPORT_DATA], struct sv_buf *quote,
                                  struct sv_err *err)
{
        SV_BUF request = SV_BUF_NULL, answer = SV_BUF_NULL;
        uint8_t report[SV_TDREPORT_SIZE];
        struct sv_bytes found;
        SV_FD fd = -1;

        if (sv_tdx_dev_report(g ? g->dev : NULL, data, report, err) < 0 ||
            sv_qgs_connect(address, &fd, err) < 0)
                return -1;
        sv_qgs_quote_request(sv_bytes(report, sizeof(report)), &request);
        if (sv_buf_ok(&request, "the request for a quote", err) < 0 ||
            sv_qgs_exchange(fd, sv_buf_bytes(&request), ANSWER_MS, &answer, err) < 0 ||
            sv_qgs_quote_response(sv_buf_bytes(&answer), &found, err) < 0 ||
            check_quote_fresh(found, data, err) < 0)
                return -1;
        sv_buf_put(quote, found);
        return sv_buf_ok(quote, "the quote", err);
}

static int get_quote_from_kernel(const struct sv_tdx_guest *g,
                                 const uint8_t data[SV_TDX_REPORT_DATA], struct sv_buf *quote,
                                 struct sv_err *err)
{
        SV_TSM_REPORT r = {0};

        if (sv_tsm_get(g ? g->tsm : NULL, PROVIDER, SV_TSM_NO_LEVEL,
                       sv_bytes(data, SV_TDX_REPORT_DATA), &r, err) < 0 ||
            check_quote_fresh(sv_buf_bytes(&r.outblob), data, err) < 0)
                return -1;
        sv_buf_put(quote, sv_buf_bytes(&r.outblob));
        return sv_buf_ok(quote, "the quote", err);
}

static int get_quote(const struct sv_tdx_guest *g, const uint8_t data[SV_TDX_REPORT_DATA],
                     struct sv_buf *quote, struct sv_note *note, struct sv_err *err)
{
        struct sv_err refused = SV_ERR_NULL, kernel = SV_ERR_NULL;
        SV_STR address = find_service(g);

        if (!address)
                return get_quote_from_kernel(g, data, quote, err);
        if (get_quote_from_service(g, address, data, quote, &refused) == 0)
                return 0;
        if (!has_tdx_tsm(g ? g->tsm : NULL)) {
                if (err)
                        *err = refused;
                return -1;
        }
        if (get_quote_from_kernel(g, data, quote, &kernel) < 0)
                return sv_fail(err, kernel.class, kernel.check, "%s; before that, %s [%s]",
                               kernel.msg, refused.msg, refused.check);
        snprintf(note->text, sizeof(note->text),
                 "the quote came from the kernel, not from the service at %s: %.600s [%s]", address,
                 refused.msg, refused.check);
        return 0;
}

int sv_tdx_guest_evidence(const struct sv_tdx_guest *guest, struct sv_bytes report_data,
                          struct sv_json **evidence, struct sv_note *note, struct sv_err *err)
{
        uint8_t data[SV_TDX_REPORT_DATA] = {0};
        SV_BUF quote = SV_BUF_NULL, log = SV_BUF_NULL;

        if (report_data.n < 32 || report_data.n > sizeof(data))
                return sv_fail(err, SV_USAGE, "tdx.guest.report-data",
                               "expected 32 to %zu bytes of report data, found %zu", sizeof(data),
                               report_data.n);
        memcpy(data, report_data.p, report_data.n);
        if (get_quote(guest, data, &quote, note, err) < 0 || read_ccel(guest, &log, err) < 0)
                return -1;
        return sv_tdx_evidence_write(sv_buf_bytes(&quote), sv_buf_bytes(&log), evidence, err);
}

static int get_td_evidence(void *state, struct sv_bytes report_data,
                           const struct sv_json *challenge, struct sv_json **evidence,
                           struct sv_note *note, struct sv_err *err)
{
        return sv_tdx_guest_evidence(NULL, report_data, evidence, note, err);
}

/* --- afterwards --- */

/* The kernel takes a digest whole: one write. */
static int extend_rtmr(const char *path, struct sv_bytes digest, struct sv_err *err)
{
        SV_FD fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, digest.p, digest.n) != (ssize_t)digest.n)
                return sv_fail_errno(err, "tdx.guest.seal", "cannot extend RTMR3 through %s", path);
        return 0;
}

int sv_tdx_guest_seal(const struct sv_tdx_guest *guest, struct sv_note *note, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s" SV_TDX_RTMR3, get_sysroot(guest));
        uint8_t digest[48];

        if (access(path, F_OK) < 0) {
                snprintf(note->text, sizeof(note->text),
                         "RTMR3 was not extended: the kernel has no %s (Linux 6.16 and later). Who "
                         "becomes root later in this boot can ask for the key again",
                         SV_TDX_RTMR3);
                return 0;
        }
        if (sv_digest(SV_SHA384, sv_bytes_str("secure-vm key released v1"), digest, err) < 0)
                return -1;
        return extend_rtmr(path, sv_bytes(digest, sizeof(digest)), err);
}

static int seal_td(void *state, struct sv_note *note, struct sv_err *err)
{
        return sv_tdx_guest_seal(NULL, note, err);
}

const struct sv_attester sv_attester_tdx = {
        .id = &sv_tee_tdx,
        .present = is_td,
        .evidence = get_td_evidence,
        .seal = seal_td,
};
