/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's half of TDX against a kernel, a device and a quote service of our own: quotes over
 * our bytes, the event log beside them, RTMR3 extended afterwards. Quotes are signed by the
 * simulator's platform. */
#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/rd.h"
#include "tdx/guest/attester.h"
#include "tdx/verify/evidence.h"
#include "tests/teesim/intelpki.h"
#include "tests/teesim/td_state.h"
#include "tests/unit/qgs_service.h"
#include "tests/unit/tsm_kernel.h"

static const char state_text[] = TD_STATE("0000000010000000");
static const uint8_t rtmr[4][INTEL_MR] = {{0x10}, {0x11}, {0x12}, {0x13}};
static const uint8_t data[64] = "binding";

static char dir[32];
static struct sv_json *state_json;
static struct intel_signer signer;

static struct intel_quote td(const uint8_t report_data[64])
{
        struct intel_quote q = {.version = 4, .type = 2, .state = state_json, .rtmr = rtmr};

        memcpy(q.report_data, report_data, 64);
        return q;
}

static void sign(const uint8_t *inblob, size_t n, int privlevel, struct sv_buf *out)
{
        struct intel_quote q = td(inblob);

        assert_int_equal(n, 64);
        intel_quote(&signer, &q, out);
}

/* --- the device --- */

struct device {
        int error;
        bool other_data, broken;
        unsigned calls;
};

static int device(void *arg, const uint8_t want[64], uint8_t report[SV_TDREPORT_SIZE])
{
        struct device *d = arg;
        struct intel_quote q = td(want);

        d->calls++;
        q.report_data[7] ^= d->other_data;
        intel_td_report(&q, report);
        report[600] ^= d->broken;
        return d->error;
}

/* --- the quote service: signs the report that it is asked about --- */

static void serve(int c)
{
        uint8_t request[4 + 16 + 8 + SV_TDREPORT_SIZE], header[20];
        SV_BUF quote = SV_BUF_NULL, answer = SV_BUF_NULL;
        struct sv_rd r = sv_rd(sv_bytes(request, sizeof(request)));

        if (recv(c, request, sizeof(request), MSG_WAITALL) != (ssize_t)sizeof(request) ||
            sv_rd_u32be(&r) != sizeof(request) - 4)
                return;
        sv_rd_copy(&r, header, 16);
        if (sv_rd_u32le(&r) != SV_TDREPORT_SIZE || sv_rd_u32le(&r) != 0 || header[0] != 1 ||
            header[4] != 0)
                return;
        sign(request + 28 + 128, 64, 0, &quote);
        sv_buf_u32be(&answer, 24 + (uint32_t)quote.n);
        sv_buf_put(&answer, sv_bytes("\1\0\1\0\1\0\0\0", 8));
        sv_buf_u32le(&answer, 24 + (uint32_t)quote.n);
        sv_buf_u32le(&answer, 0);
        sv_buf_u32le(&answer, 0);
        sv_buf_u32le(&answer, (uint32_t)quote.n);
        sv_buf_put(&answer, sv_buf_bytes(&quote));
        if (send(c, answer.p, answer.n, MSG_NOSIGNAL) < 0)
                return;
}

static pid_t service_start(const char *path)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        pid_t pid;

        snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
        unlink(path);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(listen(fd, 8), 0);
        pid = fork();
        while (pid == 0) {
                int c = accept(fd, NULL, NULL);

                serve(c);
                close(c);
        }
        close(fd);
        return pid;
}

/* --- tests --- */

static struct sv_note note; /* of the last check */

static void check(const struct sv_tdx_guest *g, struct sv_bytes bound, const char *log)
{
        SV_JSON *evidence = NULL;
        SV_TDX_EVIDENCE e = {0};
        struct sv_quote q;
        struct sv_err err = SV_ERR_NULL;
        uint8_t expected[64] = {0};

        note.text[0] = 0;
        OK(sv_tdx_guest_evidence(g, bound, &evidence, &note, &err));
        assert_int_equal(sv_json_len(evidence), 2);
        assert_int_equal(sv_json_type(sv_json_get(evidence, "cc_eventlog")),
                         log ? SV_JSON_STRING : SV_JSON_NULL);
        OK(sv_tdx_evidence_read(evidence, &e, &err));
        OK(sv_quote_parse(sv_buf_bytes(&e.quote), &q, &err));
        memcpy(expected, bound.p, bound.n);
        assert_memory_equal(q.td.reportdata, expected, 64);
        if (log)
                assert_string_equal(sv_buf_str(&e.event_log), log);
}

static void put(const char *path, const char *text)
{
        SV_STR whole = sv_asprintf("%s/root%s", dir, path);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(whole, '/') - whole), whole);
        struct sv_err err;

        OK(sv_mkdirs(folder, 0700, &err));
        OK(sv_file_write(whole, 0600, sv_bytes_str(text), &err));
}

static void from_kernel(void **state)
{
        struct tsm_kernel k = {.provider = "tdx_guest", .report = sign, .no_aux = true};
        const struct sv_tsm_ops ops = tsm_kernel_ops(&k);
        const struct sv_tsm tsm = {.ops = &ops};
        SV_STR root = sv_asprintf("%s/none", dir);
        struct sv_tdx_guest g = {.tsm = &tsm, .sysroot = root};
        SV_STR with = sv_asprintf("%s/root", dir);
        SV_BUF stale = SV_BUF_NULL;
        SV_JSON *none = NULL;
        struct sv_err err;

        check(&g, sv_bytes(data, 48), NULL);
        k.busy = 3;
        k.intruder = 2;
        check(&g, sv_bytes(data, 64), NULL);
        put(SV_TDX_CCEL, "the firmware's log");
        g.sysroot = with;
        check(&g, sv_bytes(data, 32), "the firmware's log");
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 31), &none, &note, &err), SV_USAGE,
              "tdx.guest.report-data");
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 65), &none, &note, &err), SV_USAGE,
              "tdx.guest.report-data");
        sign((const uint8_t *)"somebody else's data, as long as ours: 64 bytes and the rest of it",
             64, 0, &stale);
        k.report = NULL;
        k.fixed = sv_buf_bytes(&stale);
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_SYSTEM,
              "tdx.guest.stale");
        k.fixed.n = 700;
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_FORMAT,
              "tdx.quote.signature");
        k.fixed = SV_BYTES_NULL; /* the host gave none */
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_SYSTEM,
              "tsm.read");
        k.provider = "sev_guest";
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_SYSTEM,
              "tsm.provider");
}

/* A log that cannot be read, and one that is larger than any. */
static void no_event_log(void **state)
{
        struct tsm_kernel k = {.provider = "tdx_guest", .report = sign, .no_aux = true};
        const struct sv_tsm_ops ops = tsm_kernel_ops(&k);
        const struct sv_tsm tsm = {.ops = &ops};
        SV_STR root = sv_asprintf("%s/root", dir);
        SV_STR log = sv_asprintf("%s" SV_TDX_CCEL, root);
        struct sv_tdx_guest g = {.tsm = &tsm, .sysroot = root};
        SV_JSON *none = NULL;
        struct sv_err err;

        put(SV_TDX_CCEL, "");
        assert_int_equal(truncate(log, SV_EVENTLOG_SIZE_MAX + 1), 0);
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_FORMAT,
              "tdx.guest.event-log");
        assert_int_equal(unlink(log), 0);
        OK(sv_mkdirs(log, 0700, &err));
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_SYSTEM,
              "tdx.guest.event-log");
        assert_int_equal(rmdir(log), 0);
}

static void from_service(void **state)
{
        SV_STR path = sv_asprintf("%s/qgs.socket", dir);
        SV_STR root = sv_asprintf("%s/none", dir);
        struct tsm_kernel k = {.provider = "tdx_guest", .report = sign, .no_aux = true},
                          other = {.provider = "sev_guest"};
        const struct sv_tsm_ops ops = tsm_kernel_ops(&k), other_ops = tsm_kernel_ops(&other);
        const struct sv_tsm tsm = {.ops = &ops}, other_tsm = {.ops = &other_ops};
        struct device d = {0};
        const struct sv_tdx_dev dev = {.call = device, .arg = &d};
        struct sv_tdx_guest g = {.tsm = &tsm, .dev = &dev, .qgs = path, .sysroot = root};
        pid_t pid = service_start(path);
        SV_JSON *none = NULL;
        struct sv_err err;

        check(&g, sv_bytes(data, 48), NULL);
        assert_int_equal(d.calls, 1);
        assert_int_equal(k.writes, 0); /* the kernel was not asked */
        assert_string_equal(note.text, "");
        d.other_data = true; /* then the kernel is, and people hear of it */
        check(&g, sv_bytes(data, 48), NULL);
        assert_int_equal(k.writes, 1);
        assert_non_null(strstr(note.text, path));
        assert_non_null(strstr(note.text, "[tdx.guest.stale]"));
        k.report = NULL; /* neither: both are named */
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_SYSTEM,
              "tsm.read");
        assert_non_null(strstr(err.msg, "before that, "));
        assert_non_null(strstr(err.msg, "[tdx.guest.stale]"));
        k.report = sign;
        g.tsm = &other_tsm;
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_SYSTEM,
              "tdx.guest.stale");
        d = (struct device){.broken = true};
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_FORMAT,
              "tdx.report.hash");
        d = (struct device){.error = -ENOENT};
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_SYSTEM,
              "tdx.device.open");
        d = (struct device){.error = -EIO};
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_SYSTEM,
              "tdx.device.request");
        qgs_stop(pid);
        d.error = 0;
        FAILS(sv_tdx_guest_evidence(&g, sv_bytes(data, 48), &none, &note, &err), SV_SYSTEM,
              "tdx.qgs.connect");
        g.tsm = &tsm;
        check(&g, sv_bytes(data, 48), NULL); /* nobody at the socket: the kernel */
        assert_non_null(strstr(note.text, "[tdx.qgs.connect]"));
}

/* Intel's file names the port; nobody is there, and the kernel is asked. Without a port the device
 * is not. */
static void configured(void **state)
{
        struct tsm_kernel k = {.provider = "tdx_guest", .report = sign, .no_aux = true};
        const struct sv_tsm_ops ops = tsm_kernel_ops(&k);
        const struct sv_tsm tsm = {.ops = &ops};
        struct device d = {0};
        const struct sv_tdx_dev dev = {.call = device, .arg = &d};
        SV_STR root = sv_asprintf("%s/root", dir);
        struct sv_tdx_guest g = {.tsm = &tsm, .dev = &dev, .sysroot = root};
        static const struct {
                const char *text;
                unsigned asked;
        } t[] = {{"# the quote service\nport=4294967294\n", 1},
                 {"port = 4294967294", 1},
                 {"#port=4050\n", 0},
                 {"port=0\n", 0},
                 {"", 0},
                 {"port=\n", 0}};

        put(SV_TDX_CCEL, "the firmware's log");
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                d.calls = 0;
                put(SV_TDX_CONF, t[i].text);
                check(&g, sv_bytes(data, 48), "the firmware's log");
                assert_int_equal(d.calls, t[i].asked);
        }
}

static void seal(void **state)
{
        SV_STR root = sv_asprintf("%s/root", dir);
        SV_STR none = sv_asprintf("%s/none", dir);
        SV_STR path = sv_asprintf("%s" SV_TDX_RTMR3, root);
        struct sv_tdx_guest g = {.sysroot = none};
        struct sv_err err = SV_ERR_NULL;
        uint8_t digest[48];
        SV_BUF written = SV_BUF_NULL;

        /* A kernel before 6.16: not done, and said. */
        note.text[0] = 0;
        OK(sv_tdx_guest_seal(&g, &note, &err));
        assert_non_null(strstr(note.text, "RTMR3 was not extended"));
        put(SV_TDX_RTMR3, "");
        g.sysroot = root;
        note.text[0] = 0;
        OK(sv_tdx_guest_seal(&g, &note, &err));
        assert_string_equal(note.text, "");
        OK(sv_file_read(path, 64, &written, "test.file", &err));
        OK(sv_digest(SV_SHA384, sv_bytes_str("secure-vm key released v1"), digest, &err));
        assert_int_equal(written.n, 48);
        assert_memory_equal(written.p, digest, 48);
        assert_int_equal(unlink(path), 0);
        OK(sv_mkdirs(path, 0700, &err)); /* there, and not to be written */
        FAILS(sv_tdx_guest_seal(&g, &note, &err), SV_SYSTEM, "tdx.guest.seal");
}

/* TDREPORT: every length but the right one, each byte that a digest covers, and the type. */
static void report(void **state)
{
        struct intel_quote q = td(data);
        uint8_t raw[SV_TDREPORT_SIZE + 1];
        struct sv_tdreport t;
        struct sv_err err;

        intel_td_report(&q, raw);
        OK(sv_tdreport_parse(sv_bytes(raw, SV_TDREPORT_SIZE), &t, &err));
        assert_memory_equal(t.td.reportdata, data, 64);
        assert_int_equal(t.td.tdattributes, SV_TD_SEPT_VE_DISABLE);
        assert_int_equal(t.td.xfam, 0x602e7);
        assert_int_equal(t.td.mrtd[0], 0xa1);
        assert_memory_equal(t.td.rtmr, rtmr, sizeof(rtmr));
        for (size_t n = 0; n <= SV_TDREPORT_SIZE + 1; n++)
                if (n != SV_TDREPORT_SIZE)
                        FAILS(sv_tdreport_parse(sv_bytes(raw, n), &t, &err), SV_FORMAT,
                              "tdx.report.size");
        for (size_t i = 0; i < SV_TDREPORT_SIZE; i++) {
                bool covered = (i >= 32 && i < 128) || (i >= 256 && i < 495) || i >= 512;

                if (!covered && i >= 3)
                        continue;
                raw[i] ^= 0x40;
                FAILS(sv_tdreport_parse(sv_bytes(raw, SV_TDREPORT_SIZE), &t, &err), SV_FORMAT,
                      covered ? "tdx.report.hash" : "tdx.report.type");
                raw[i] ^= 0x40;
        }
}

static int begin(void **state)
{
        struct intel_options o = {.fmspc = {0x50, 0x80, 0x6f}};
        struct intel_pki pki = {0};

        snprintf(dir, sizeof(dir), "/tmp/tdx-guest.XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        intel_pki_make(&o, &pki);
        intel_pki_save(&pki, &o, dir);
        intel_pki_free(&pki);
        intel_signer_load(dir, &signer);
        return sv_json_parse(sv_bytes_str(state_text), "state", &state_json, NULL);
}

static int end(void **state)
{
        intel_signer_free(&signer);
        sv_json_free(state_json);
        return sv_remove_tree(dir, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(from_kernel), cmocka_unit_test(from_service),
                cmocka_unit_test(configured),  cmocka_unit_test(seal),
                cmocka_unit_test(report),      cmocka_unit_test(no_event_log),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
