/* SPDX-License-Identifier: Apache-2.0 */
/* tdx/verify/tcb: reference values of our own, small enough that each of their members is changed,
 * each component is one less, each bit is another. */
#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "tdx/verify/tcb.h"

#define ZEROS_16 "0000000000000000"
#define ZEROS_96 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16
#define SVN_4    "{\"svn\":5},{\"svn\":5},{\"svn\":5},{\"svn\":5}"
#define SVN_16   "[" SVN_4 "," SVN_4 "," SVN_4 "," SVN_4 "]"
#define TDX_16   "[{\"svn\":5},{\"svn\":0},{\"svn\":5},{\"svn\":5}," SVN_4 "," SVN_4 "," SVN_4 "]"
#define LEVEL(tcb, status) \
        "{\"tcb\":" tcb ",\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"" status "\"}"
#define MODULE "\"mrsigner\":\"" ZEROS_96 "\",\"attributes\":\"" ZEROS_16 "\""

static const char info[] =
        "{\"id\":\"TDX\",\"version\":3,\"tcbType\":0,\"fmspc\":\"00806f050000\",\"pceId\":\"0102\","
        "\"tdxModule\":{" MODULE "},"
        "\"tdxModuleIdentities\":[{\"id\":\"TDX_01\"," MODULE
        ",\"tcbLevels\":[" LEVEL("{\"isvsvn\":4}", "UpToDate") "," LEVEL(
                "{\"isvsvn\":2}",
                "OutOfDate") "]}],"
                             "\"tcbLevels\":[" LEVEL(
                                     "{\"sgxtcbcomponents\":" SVN_16
                                     ",\"pcesvn\":11,\"tdxtcbcomponents\":" TDX_16 "}",
                                     "UpToDate") "," LEVEL("{\"sgxtcbcomponents\":" SVN_16
                                                           ",\"pcesvn\":10,"
                                                           "\"tdxtcbcomponents\":" TDX_16 "}",
                                                           "OutOfDate") "]}";
static const char qe_identity[] =
        "{\"id\":\"TD_QE\",\"version\":2,\"miscselect\":\"00000000\","
        "\"miscselectMask\":\"ffffff7f\",\"attributes\":\"11" ZEROS_16 "00000000000000\","
        "\"attributesMask\":\"fbffffffffffffff" ZEROS_16 "\","
        "\"mrsigner\":\"" ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16
        "\",\"isvprodid\":2,\"tcbLevels\":[" LEVEL("{\"isvsvn\":4}", "UpToDate") "," LEVEL(
                "{\"isvsvn\":3}", "OutOfDate") "]}";

static struct sv_err err;

/* The document with `to` in the place of the `nth` (from 0) `from`; NULL: as it is. */
static void load_doc(const char *text, const char *from, int nth, const char *to,
                     struct sv_tcb_doc *out)
{
        SV_BUF changed = SV_BUF_NULL;
        const char *at = from ? strstr(text, from) : text;

        for (; from && at && nth; nth--)
                at = strstr(at + 1, from);
        if (!at)
                fail_msg("%s is not in the document", from);
        sv_buf_printf(&changed, "%.*s%s%s", (int)(at - text), text, from ? to : "",
                      from ? at + strlen(from) : text);
        *out = (struct sv_tcb_doc){0};
        OK(sv_json_parse(sv_buf_bytes(&changed), "test", &out->whole, &err));
        out->body = out->whole;
}

/* Exactly what the first level asks for. */
static struct sv_pck good_pck(void)
{
        struct sv_pck p = {.fmspc = {0, 0x80, 0x6f, 5}, .pceid = {1, 2}, .pcesvn = 11};

        memset(p.components, 5, sizeof(p.components));
        return p;
}

static struct sv_sgx_report good_qe(void)
{
        return (struct sv_sgx_report){.attributes = {0x11}, .isvprodid = 2, .isvsvn = 4};
}

enum reads { MATCHES, PLATFORM, MODULE_0, MODULE_1, QE };

static int read_doc(const struct sv_tcb_doc *d, enum reads what)
{
        const struct sv_pck pck = good_pck();
        const struct sv_sgx_report qe = good_qe();
        const struct sv_td_report td = {0};
        uint8_t svn[16];
        struct sv_tcb_found found;
        bool has;

        memset(svn, 5, sizeof(svn));
        svn[1] = what == MODULE_1;
        return what == MATCHES    ? sv_tcb_info_matches(d, &pck, &err)
               : what == PLATFORM ? sv_tcb_platform(d, &pck, svn, &found, &err)
               : what == QE       ? sv_tcb_qe(d, &qe, &found, &err)
                                  : sv_tcb_module(d, &td, svn, &has, &found, &err);
}

static void documents(void **state)
{
        static const struct {
                enum reads what;
                const char *from, *to;
                int nth;
                enum sv_class class;
                const char *check;
        } t[] = {
                {MATCHES, "\"TDX\"", "\"SGX\"", 0, SV_PROOF, "tdx.tcb_info.mismatch"},
                {MATCHES, "\"id\":", "\"ix\":", 0, SV_PROOF, "tdx.tcb_info.mismatch"},
                {MATCHES, "\"version\":3", "\"version\":2", 0, SV_PROOF, "tdx.tcb_info.mismatch"},
                {MATCHES, "\"version\":3", "\"version\":4", 0, SV_PROOF, "tdx.tcb_info.mismatch"},
                {MATCHES, "\"tcbType\":0", "\"tcbType\":1", 0, SV_PROOF, "tdx.tcb_info.mismatch"},
                {MATCHES, "6f050000", "6f050001", 0, SV_PROOF, "tdx.tcb_info.mismatch"},
                {MATCHES, "0102", "0202", 0, SV_PROOF, "tdx.tcb_info.mismatch"},
                {MATCHES, "0102", "0103", 0, SV_PROOF, "tdx.tcb_info.mismatch"},
                {MATCHES, "fmspc", "fmspd", 0, SV_FORMAT, "tdx.tcb_info.member"},
                {MATCHES, "pceId", "pceid", 0, SV_FORMAT, "tdx.tcb_info.member"},
                {PLATFORM, "tcbLevels", "levels", 0, SV_OK, NULL},
                {PLATFORM, "tcbLevels", "levels", 1, SV_FORMAT, "tdx.tcb_info.member"},
                {PLATFORM, "pcesvn\":10", "pcesvn\":65536", 0, SV_FORMAT, "tdx.tcb_info.member"},
                {PLATFORM, "pcesvn\":10", "pcesvn\":65535", 0, SV_OK, NULL},
                {PLATFORM, "pcesvn\":10", "pcesvn\":-1", 0, SV_FORMAT, "tdx.tcb_info.member"},
                {PLATFORM, "pcesvn\":10", "pcesvm\":10", 0, SV_FORMAT, "tdx.tcb_info.member"},
                {PLATFORM, "sgxtcb", "sgxtcp", 1, SV_FORMAT, "tdx.tcb_info.member"},
                {PLATFORM, "tdxtcb", "tdxtcp", 1, SV_FORMAT, "tdx.tcb_info.member"},
                {PLATFORM, "{\"svn\":5},", "", 40, SV_FORMAT, "tdx.tcb_info.member"},
                {PLATFORM, "[{\"svn\":5},", "[{\"svn\":5},{\"svn\":5},", 2, SV_FORMAT,
                 "tdx.tcb_info.member"},
                {PLATFORM, "{\"svn\":5}", "{\"svn\":255}", 40, SV_OK, NULL},
                {PLATFORM, "{\"svn\":5}", "{\"svn\":256}", 40, SV_FORMAT, "tdx.tcb_info.member"},
                {PLATFORM, "\"tcbDate\":\"2024-03-13T", "\"tcbDate\":\"2024-13-13T", 3, SV_FORMAT,
                 "tdx.tcb.status"},
                {PLATFORM, "\"tcbDate\"", "\"tcbDatf\"", 3, SV_FORMAT, "tdx.tcb_info.member"},
                {PLATFORM, "\"tcbStatus\"", "\"tcbStatut\"", 3, SV_FORMAT, "tdx.tcb_info.member"},
                {PLATFORM, "\"OutOfDate\"", "\"OutOfTime\"", 1, SV_FORMAT, "tdx.tcb.status"},
                {PLATFORM, "\"OutOfDate\"", "\"TDRelaunchAdvised\"", 1, SV_FORMAT,
                 "tdx.tcb.status"},
                {PLATFORM, "\"OutOfDate\"", "\"TDRelaunchAdvisedConfigurationNeeded\"", 1,
                 SV_FORMAT, "tdx.tcb.status"},
                {PLATFORM, "\"OutOfDate\"", "\"ConfigurationNeeded\"", 1, SV_OK, NULL},
                {PLATFORM, "\"OutOfDate\"", "\"OutOfDate\",\"advisoryIDs\":\"A\"", 1, SV_FORMAT,
                 "tdx.tcb.status"},
                {PLATFORM, "\"OutOfDate\"", "\"OutOfDate\",\"advisoryIDs\":[\"A\",7]", 1, SV_FORMAT,
                 "tdx.tcb.status"},
                {PLATFORM, "\"OutOfDate\"", "\"OutOfDate\",\"advisoryIDs\":[\"A\"]", 1, SV_OK,
                 NULL},
                {MODULE_0, "tdxModule\"", "tdxModulf\"", 0, SV_PROOF, "tdx.module.mismatch"},
                {MODULE_0, "mrsigner", "mrsignes", 0, SV_FORMAT, "tdx.tcb_info.member"},
                {MODULE_0, "attributes", "attributet", 0, SV_FORMAT, "tdx.tcb_info.member"},
                {MODULE_0, "\"" ZEROS_16, "\"01000000000000", 0, SV_PROOF, "tdx.module.mismatch"},
                {MODULE_0, ZEROS_16 "\"}", "0100000000000000\"}", 0, SV_PROOF,
                 "tdx.module.mismatch"},
                {MODULE_1, "TDX_01", "TDX_02", 0, SV_PROOF, "tdx.module.mismatch"},
                {MODULE_1, "TDX_01", "tdx_01", 0, SV_OK, NULL},
                {MODULE_1, "mrsigner", "mrsignes", 1, SV_FORMAT, "tdx.tcb_info.member"},
                {MODULE_1, "attributes", "attributet", 1, SV_FORMAT, "tdx.tcb_info.member"},
                {MODULE_1, "isvsvn\":2", "isvsvm\":2", 0, SV_FORMAT, "tdx.tcb_info.member"},
                {MODULE_1, "isvsvn\":2", "isvsvn\":65536", 0, SV_FORMAT, "tdx.tcb_info.member"},
                {MODULE_1, "isvsvn\":2", "isvsvn\":65535", 0, SV_OK, NULL},
                {MODULE_1, "UpToDate", "Revoked", 0, SV_OK, NULL},
                {MODULE_1, "UpToDate", "OutOfDate", 0, SV_OK, NULL},
                {MODULE_1, "UpToDate", "ConfigurationNeeded", 0, SV_FORMAT, "tdx.tcb.status"},
                {QE, "TD_QE", "QE", 0, SV_PROOF, "tdx.qe.mismatch"},
                {QE, "\"id\"", "\"ix\"", 0, SV_PROOF, "tdx.qe.mismatch"},
                {QE, "\"version\":2", "\"version\":3", 0, SV_PROOF, "tdx.qe.mismatch"},
                {QE, "\"miscselect\"", "\"m\"", 0, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "miscselectMask", "m", 0, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "\"attributes\"", "\"a\"", 0, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "attributesMask", "a", 0, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "\"00000000\"", "\"0000000000\"", 0, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "\"ffffff7f\"", "\"ffffff\"", 0, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "mrsigner", "mrsignes", 0, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "\"mrsigner\":\"00", "\"mrsigner\":\"01", 0, SV_PROOF, "tdx.qe.mismatch"},
                {QE, "isvprodid\":2", "isvprodie\":2", 0, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "isvprodid\":2", "isvprodid\":65535", 0, SV_PROOF, "tdx.qe.mismatch"},
                {QE, "isvprodid\":2", "isvprodid\":65536", 0, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "isvprodid\":2", "isvprodid\":-1", 0, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "tcbLevels", "levels", 0, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "\"tcb\"", "\"tcc\"", 1, SV_FORMAT, "tdx.qe_identity.member"},
                {QE, "isvsvn\":3", "isvsvn\":65536", 0, SV_FORMAT, "tdx.qe_identity.member"},
        };

        for (enum reads what = MATCHES; what <= QE; what++) {
                SV_TCB_DOC d;

                load_doc(what == QE ? qe_identity : info, NULL, 0, NULL, &d);
                OK(read_doc(&d, what));
        }
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_TCB_DOC d;

                load_doc(t[i].what == QE ? qe_identity : info, t[i].from, t[i].nth, t[i].to, &d);
                memset(&err, 0, sizeof(err));
                if ((read_doc(&d, t[i].what) < 0) != (t[i].check != NULL) ||
                    (t[i].check && (strcmp(err.check, t[i].check) || err.class != t[i].class)))
                        fail_msg("%s: expected %s, got %s: %s", t[i].to,
                                 t[i].check ? t[i].check : "nothing", err.check, err.msg);
        }
}

/* A platform one below the newest level, in each of what it is measured by. */
static void platforms(void **state)
{
        SV_TCB_DOC d;

        load_doc(info, NULL, 0, NULL, &d);
        for (int less = 0; less < 35; less++) { /* 16 of SGX, 16 of TDX, the PCE by none, 1 and 2 */
                for (uint8_t major = 0; major < 2; major++) {
                        struct sv_pck pck = good_pck();
                        struct sv_tcb_found f = {0};
                        uint8_t svn[16];

                        memset(svn, 5, sizeof(svn));
                        if (less < 16)
                                pck.components[less]--;
                        else if (less < 32)
                                svn[less - 16]--;
                        else
                                pck.pcesvn = (uint16_t)(pck.pcesvn - (less - 32));
                        svn[1] = major; /* from 1 on, 0 and 1 are the module's own */
                        if (less == 32 || less == 33 || less == 17 || (less == 16 && major)) {
                                OK(sv_tcb_platform(&d, &pck, svn, &f, &err));
                                assert_int_equal(f.level, less == 33);
                                assert_int_equal(f.status, less == 33 ? SV_TCB_OUT_OF_DATE
                                                                      : SV_TCB_UP_TO_DATE);
                        } else {
                                FAILS(sv_tcb_platform(&d, &pck, svn, &f, &err), SV_PROOF,
                                      "tdx.tcb.unsupported");
                        }
                }
        }
}

/* Levels of the module and of the quoting enclave, at each of their borders. */
static void levels(void **state)
{
        const struct sv_td_report td = {0};
        SV_TCB_DOC d;
        SV_TCB_DOC q;

        load_doc(info, NULL, 0, NULL, &d);
        load_doc(qe_identity, NULL, 0, NULL, &q);
        for (uint8_t n = 0; n < 7; n++) {
                struct sv_sgx_report qe = good_qe();
                uint8_t svn[16] = {n, 1};
                struct sv_tcb_found f = {0};
                bool has = false;

                if (n < 2) {
                        FAILS(sv_tcb_module(&d, &td, svn, &has, &f, &err), SV_PROOF,
                              "tdx.tcb.unsupported");
                } else {
                        OK(sv_tcb_module(&d, &td, svn, &has, &f, &err));
                        assert_true(has);
                        assert_int_equal(f.level, n < 4);
                }
                qe.isvsvn = n;
                if (n < 3) {
                        FAILS(sv_tcb_qe(&q, &qe, &f, &err), SV_PROOF, "tdx.tcb.unsupported");
                } else {
                        OK(sv_tcb_qe(&q, &qe, &f, &err));
                        assert_int_equal(f.level, n < 4);
                }
        }
}

/* Every bit of the enclave's and the module's attributes: those under the mask, and no other. */
static void bits(void **state)
{
        SV_TCB_DOC d;
        SV_TCB_DOC q;

        load_doc(info, NULL, 0, NULL, &d);
        load_doc(qe_identity, NULL, 0, NULL, &q);
        for (unsigned bit = 0; bit < 128 + 32; bit++) {
                struct sv_sgx_report qe = good_qe();
                struct sv_tcb_found f;
                bool under = bit < 128 ? bit < 64 && bit != 2 : bit != 128 + 31;

                if (bit < 128)
                        qe.attributes[bit / 8] ^= (uint8_t)(1u << bit % 8);
                else
                        qe.miscselect ^= 1u << (bit - 128);
                if (under)
                        FAILS(sv_tcb_qe(&q, &qe, &f, &err), SV_PROOF, "tdx.qe.mismatch");
                else
                        OK(sv_tcb_qe(&q, &qe, &f, &err));
        }
        for (unsigned bit = 0; bit < 64 + 8 * 48; bit++) {
                struct sv_td_report td = {0};
                const uint8_t svn[16] = {4, 1};
                struct sv_tcb_found f;
                bool has;

                if (bit < 64)
                        td.seamattributes = 1ull << bit;
                else
                        td.mrsignerseam[(bit - 64) / 8] = (uint8_t)(1u << bit % 8);
                FAILS(sv_tcb_module(&d, &td, svn, &has, &f, &err), SV_PROOF, "tdx.module.mismatch");
        }
}

/* DCAP QVL, convergeTcbStatus: a part that is out of date makes the whole so, one that is revoked
 * revokes it, and no other changes it. */
static void one_status_of_three(void **state)
{
        static const enum sv_tcb_status out_of_date[SV_TCB_STATUSES] = {
                [SV_TCB_UP_TO_DATE] = SV_TCB_OUT_OF_DATE,
                [SV_TCB_SW_HARDENING] = SV_TCB_OUT_OF_DATE,
                [SV_TCB_CONFIGURATION] = SV_TCB_OUT_OF_DATE_CONFIGURATION,
                [SV_TCB_CONFIGURATION_SW_HARDENING] = SV_TCB_OUT_OF_DATE_CONFIGURATION,
                [SV_TCB_RELAUNCH_ADVISED] = SV_TCB_RELAUNCH_ADVISED,
                [SV_TCB_RELAUNCH_CONFIGURATION] = SV_TCB_RELAUNCH_CONFIGURATION,
                [SV_TCB_OUT_OF_DATE] = SV_TCB_OUT_OF_DATE,
                [SV_TCB_OUT_OF_DATE_CONFIGURATION] = SV_TCB_OUT_OF_DATE_CONFIGURATION,
                [SV_TCB_REVOKED] = SV_TCB_REVOKED,
        };
        const enum sv_tcb_status good = SV_TCB_UP_TO_DATE;

        for (enum sv_tcb_status s = 0; s < SV_TCB_STATUSES; s++) {
                for (enum sv_tcb_status by = 0; by < SV_TCB_STATUSES; by++) {
                        enum sv_tcb_status want = by == SV_TCB_REVOKED       ? SV_TCB_REVOKED
                                                  : by == SV_TCB_OUT_OF_DATE ? out_of_date[s]
                                                                             : s;

                        assert_int_equal(sv_tcb_converge(s, by, NULL), want);
                        assert_int_equal(sv_tcb_converge(s, by, &good), want);
                        assert_int_equal(sv_tcb_converge(s, good, &by), want);
                }
        }
}

/* A TD whose module was updated under it: what was out of date at its launch is not any more. */
static void relaunch(void **state)
{
        for (enum sv_tcb_status launch = 0; launch < SV_TCB_STATUSES; launch++) {
                for (enum sv_tcb_status now = 0; now < SV_TCB_STATUSES; now++) {
                        bool old = launch == SV_TCB_OUT_OF_DATE ||
                                   launch == SV_TCB_OUT_OF_DATE_CONFIGURATION;
                        bool configuration = launch == SV_TCB_OUT_OF_DATE_CONFIGURATION ||
                                             now == SV_TCB_CONFIGURATION ||
                                             now == SV_TCB_CONFIGURATION_SW_HARDENING;
                        bool fresh = now == SV_TCB_UP_TO_DATE || now == SV_TCB_SW_HARDENING ||
                                     now == SV_TCB_CONFIGURATION ||
                                     now == SV_TCB_CONFIGURATION_SW_HARDENING;

                        assert_int_equal(sv_tcb_relaunch(launch, now),
                                         !old || !fresh  ? launch
                                         : configuration ? SV_TCB_RELAUNCH_CONFIGURATION
                                                         : SV_TCB_RELAUNCH_ADVISED);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(one_status_of_three),
                                           cmocka_unit_test(relaunch),
                                           cmocka_unit_test(documents),
                                           cmocka_unit_test(platforms),
                                           cmocka_unit_test(levels),
                                           cmocka_unit_test(bits)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
