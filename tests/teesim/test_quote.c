/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes of the test platform hold for our verifier under their own root and under no other, at the
 * level that its documents say; a revoked certificate, and every changed bit of what is signed, is
 * seen. */
#include "tests/unit/tdx_raw.h"
#include "base/core/file.h"
#include "tdx/verify/verify.h"
#include "tests/teesim/intelpki.h"
#include "tests/teesim/td_state.h"
#include "tests/unit/unit.h"

#define JUNE_2026 1780272000

static const char state_text[] = TD_STATE("0000000010000000");
static const uint8_t rtmr[4][INTEL_MR] = {{0x10}, {0x11}, {0x12}, {0x13}};

struct platform {
        char dir[32];
        struct sv_json *state;
        struct intel_signer signer;
        struct sv_buf info, info_chain, qe, qe_chain, pck_crl, root_crl, root, quote;
        struct sv_certs roots;
        struct sv_tdx_in in;
};

static struct sv_bytes part(struct platform *p, const char *name, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("%s/%s", p->dir, name);
        struct sv_err err = SV_ERR_NULL;

        OK(sv_file_read(path, 1 << 16, out, "test.file", &err));
        return sv_buf_bytes(out);
}

static void begin(struct platform *p, const struct intel_options *o)
{
        struct intel_pki pki = {0};
        struct sv_err err = SV_ERR_NULL;

        *p = (struct platform){.dir = "/tmp/teesim-quote.XXXXXX"};
        assert_non_null(mkdtemp(p->dir));
        intel_pki_make(o, &pki);
        intel_pki_save(&pki, o, p->dir);
        intel_pki_free(&pki);
        intel_signer_load(p->dir, &p->signer);
        OK(sv_json_parse(sv_bytes_str(state_text), "state", &p->state, &err));
        OK(sv_certs_parse(part(p, "root.pem", &p->root), &p->roots, "test.root", &err));
        p->in = (struct sv_tdx_in){.tcb_info = part(p, "tcb_info.json", &p->info),
                                   .tcb_info_chain = part(p, "tcb_info_chain.pem", &p->info_chain),
                                   .qe_identity = part(p, "qe_identity.json", &p->qe),
                                   .qe_identity_chain =
                                           part(p, "qe_identity_chain.pem", &p->qe_chain),
                                   .pck_crl = part(p, "pck_crl.der", &p->pck_crl),
                                   .root_ca_crl = part(p, "root_ca_crl.der", &p->root_crl),
                                   .test_roots = &p->roots,
                                   .time = JUNE_2026};
}

static void sign(struct platform *p, unsigned version, unsigned type)
{
        struct intel_quote q = {.version = version,
                                .type = type,
                                .state = p->state,
                                .rtmr = rtmr,
                                .report_data = "report data"};

        sv_buf_free(&p->quote);
        intel_quote(&p->signer, &q, &p->quote);
        p->in.quote = sv_buf_bytes(&p->quote);
        p->in.report_data = sv_bytes_str("report data");
}

static void end(struct platform *p)
{
        struct sv_buf *all[] = {&p->info,    &p->info_chain, &p->qe,   &p->qe_chain,
                                &p->pck_crl, &p->root_crl,   &p->root, &p->quote};

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                sv_buf_free(all[i]);
        intel_signer_free(&p->signer);
        sv_certs_free(&p->roots);
        sv_json_free(p->state);
        sv_remove_tree(p->dir, NULL);
}

static void test_forms(void **unused)
{
        static const struct {
                unsigned version, type;
        } forms[] = {{4, 2}, {5, 2}, {5, 3}, {5, 4}};

        for (int processor = 0; processor < 2; processor++) {
                struct intel_options o = {.processor = processor, .fmspc = {0x50, 0x80, 0x6f}};
                struct platform p;

                begin(&p, &o);
                for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                        struct sv_tdx_out out = {0};
                        struct sv_err err = SV_ERR_NULL;

                        sign(&p, forms[i].version, forms[i].type);
                        OK(sv_tdx_verify(&p.in, &out, &err));
                        assert_true(out.test_root);
                        assert_int_equal(out.status, SV_TCB_UP_TO_DATE);
                        assert_true(out.has_module);
                        assert_int_equal(out.quote.td.type, forms[i].type);
                        assert_int_equal(out.quote.td.tdattributes, SV_TD_SEPT_VE_DISABLE);
                        assert_int_equal(out.quote.td.xfam, 0x602e7);
                        assert_memory_equal(out.quote.td.rtmr, rtmr, sizeof(rtmr));
                        assert_int_equal(out.quote.td.mrownerconfig[47], 0xa1);
                        sv_tdx_out_free(&out);
                }
                end(&p);
        }
}

/* Every byte, one bit changed at a time. `c`: collateral that has served before, or NULL when it is
 * what changes. */
static void changed(struct platform *p, struct sv_tdx_collateral *c, const char *what,
                    struct sv_buf *b, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct sv_tdx_out out = {0};
                struct sv_err err = SV_ERR_NULL;
                int r;

                b->p[i] ^= 1 << i % 8;
                r = c ? verify_raw(c, p->in.quote, p->in.report_data, p->in.time, &out, &err)
                      : sv_tdx_verify(&p->in, &out, &err);
                if (r == 0)
                        fail_msg("%s with byte %zu changed was believed", what, i);
                if (!strchr(err.check, '.'))
                        fail_msg("%s with byte %zu changed: \"%s\" [%s]", what, i, err.msg,
                                 err.check);
                b->p[i] ^= 1 << i % 8;
        }
}

/* Of what is signed in a quote of each form, and of both revocation lists. */
static void test_changed(void **unused)
{
        static const size_t bodies[] = {584, 6 + 584, 6 + 648, 6 + 885};
        struct intel_options o = {.fmspc = {0x50, 0x80, 0x6f}};
        SV_TDX_COLLATERAL c = {0};
        struct platform p;

        begin(&p, &o);
        c = (struct sv_tdx_collateral){.tcb_info = p.in.tcb_info,
                                       .tcb_info_chain = p.in.tcb_info_chain,
                                       .qe_identity = p.in.qe_identity,
                                       .qe_identity_chain = p.in.qe_identity_chain,
                                       .pck_crl = p.in.pck_crl,
                                       .root_ca_crl = p.in.root_ca_crl,
                                       .roots = {&p.roots, false}};
        for (unsigned i = 0; i < 4; i++) {
                sign(&p, i ? 5 : 4, i ? i + 1 : 2);
                changed(&p, &c, i ? "a quote of version 5" : "a quote of version 4", &p.quote,
                        48 + bodies[i] + 4 + 128 + 6 + 384 + 64 + 34);
        }
        changed(&p, NULL, "the PCK list", &p.pck_crl, p.pck_crl.n);
        changed(&p, NULL, "the root's list", &p.root_crl, p.root_crl.n);
        end(&p);
}

/* And of the certificates in the quote's chain, which is text there: the platform's own, its
 * issuer's, and the root, which is pinned whole. */
static void test_certificates_changed(void **unused)
{
        struct intel_options o = {.fmspc = {0x50, 0x80, 0x6f}};
        struct sv_err err = SV_ERR_NULL;
        SV_CERTS chain = {0};
        struct platform p;

        begin(&p, &o);
        sign(&p, 4, 2);
        OK(sv_certs_parse(sv_bytes_str(p.signer.chain), &chain, "test.chain", &err));
        assert_int_equal(chain.n, 3);
        for (size_t c = 0; c < chain.n; c++) {
                SV_BUF der = SV_BUF_NULL;

                OK(sv_cert_der(chain.list[c], &der, &err));
                for (size_t i = 0; i < der.n; i++) {
                        SV_BUF pem = SV_BUF_NULL;
                        SV_CERT *other = NULL;
                        struct sv_tdx_out out = {0};

                        der.p[i] ^= 1 << i % 8;
                        other = sv_cert_from_der(sv_buf_bytes(&der), "test.changed", NULL);
                        der.p[i] ^= 1 << i % 8;
                        if (!other)
                                continue; /* no certificate any more */
                        for (size_t k = 0; k < chain.n; k++)
                                OK(sv_cert_pem(k == c ? other : chain.list[k], &pem, &err));
                        /* The last thing in the quote, and as long as before. */
                        assert_int_equal(pem.n, strlen(p.signer.chain));
                        memcpy(p.quote.p + p.quote.n - pem.n, pem.p, pem.n);
                        if (sv_tdx_verify(&p.in, &out, &err) == 0)
                                fail_msg("certificate %zu with byte %zu changed was believed", c,
                                         i);
                }
        }
        end(&p);
}

static void test_levels(void **unused)
{
        static const struct {
                struct intel_options o;
                enum sv_tcb_status status;
                const char *check; /* NULL: believed */
        } t[] = {
                {{.platform = "SWHardeningNeeded"}, SV_TCB_SW_HARDENING, NULL},
                {{.platform = "ConfigurationNeeded"}, SV_TCB_CONFIGURATION, NULL},
                {{.platform = "OutOfDate"}, SV_TCB_OUT_OF_DATE, NULL},
                {{.module = "OutOfDate"}, SV_TCB_OUT_OF_DATE, NULL},
                {{.qe = "OutOfDate", .platform = "ConfigurationNeeded"},
                 SV_TCB_OUT_OF_DATE_CONFIGURATION,
                 NULL},
                {{.platform = "Revoked"}, SV_TCB_REVOKED, "tdx.tcb.revoked"},
                {{.module = "Revoked"}, SV_TCB_REVOKED, "tdx.tcb.revoked"},
                {{.pck_revoked = true}, 0, "tdx.pck.revoked"},
                {{.ca_revoked = true}, 0, "tdx.pck.revoked"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_tdx_out out = {0};
                struct sv_err err = SV_ERR_NULL;
                struct platform p;

                begin(&p, &t[i].o);
                sign(&p, 4, 2);
                if (t[i].check) {
                        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, t[i].check);
                } else {
                        OK(sv_tdx_verify(&p.in, &out, &err));
                        assert_int_equal(out.status, t[i].status);
                        assert_int_equal(sv_json_len(out.advisories), 1);
                        sv_tdx_out_free(&out);
                }
                end(&p);
        }
}

/* One thing of the platform, of Intel's documents or of the quote is another; quotes of version 5
 * with a body of type 3. */
static const uint8_t old_module[16] = {3, 1, 2}, older[16] = {1, 1, 2}, module_3[16] = {5, 3, 2},
                     module_9[16] = {5, 9, 2}, no_module[16] = {5, 0, 2};

static const struct {
        struct intel_options o;
        const uint8_t *svn, *svn2;
        uint8_t qe_tail;
        enum sv_tcb_status status;
        enum sv_class class;
        const char *check; /* NULL: believed */
} others[] = {
        {{0}, NULL, NULL, 0, SV_TCB_UP_TO_DATE, 0, NULL},
        /* the module, at launch and now */
        {{0}, old_module, NULL, 0, SV_TCB_RELAUNCH_ADVISED, 0, NULL},
        {{.platform = "SWHardeningNeeded"}, old_module, NULL, 0, SV_TCB_RELAUNCH_ADVISED, 0, NULL},
        {{.platform = "ConfigurationNeeded"},
         old_module,
         NULL,
         0,
         SV_TCB_RELAUNCH_CONFIGURATION,
         0,
         NULL},
        {{.platform = "ConfigurationAndSWHardeningNeeded"},
         old_module,
         NULL,
         0,
         SV_TCB_RELAUNCH_CONFIGURATION,
         0,
         NULL},
        {{.platform = "OutOfDate"}, old_module, NULL, 0, SV_TCB_OUT_OF_DATE, 0, NULL},
        {{.qe = "OutOfDate"}, old_module, NULL, 0, SV_TCB_OUT_OF_DATE, 0, NULL},
        {{0}, old_module, old_module, 0, SV_TCB_OUT_OF_DATE, 0, NULL},
        {{0}, NULL, older, 0, 0, SV_PROOF, "tdx.tcb.unsupported"},
        {{0}, NULL, module_9, 0, 0, SV_PROOF, "tdx.module.mismatch"},
        {{0}, module_3, module_3, 0, 0, SV_PROOF, "tdx.module.mismatch"},
        {{.info = {"TDX_01", "TDX_03"}}, module_3, module_3, 0, SV_TCB_UP_TO_DATE, 0, NULL},
        {{0}, no_module, no_module, 0, SV_TCB_UP_TO_DATE, 0, NULL},
        {{.info = {"\"2023-08-09T00:00:00Z\",\"tcbStatus\":\"OutOfDate\"",
                   "\"2023-08-09T00:00:00Z\",\"tcbStatus\":\"Revoked\""}},
         NULL,
         old_module,
         0,
         0,
         SV_PROOF,
         "tdx.tcb.revoked"},
        /* statuses that are not for the place */
        {{.qe = "Revoked"}, NULL, NULL, 0, 0, SV_PROOF, "tdx.tcb.revoked"},
        {{.qe = "ConfigurationNeeded"}, NULL, NULL, 0, SV_TCB_UP_TO_DATE, 0, NULL},
        {{.module = "SWHardeningNeeded"}, NULL, NULL, 0, 0, SV_FORMAT, "tdx.tcb.status"},
        {{.module = "ConfigurationNeeded"}, NULL, NULL, 0, 0, SV_FORMAT, "tdx.tcb.status"},
        {{.module = "OutOfDateConfigurationNeeded"}, NULL, NULL, 0, 0, SV_FORMAT, "tdx.tcb.status"},
        {{.platform = "TDRelaunchAdvised"}, NULL, NULL, 0, 0, SV_FORMAT, "tdx.tcb.status"},
        {{.platform = "uptodate"}, NULL, NULL, 0, 0, SV_FORMAT, "tdx.tcb.status"},
        /* documents */
        {{.info = {"[\"INTEL-SA-00001\"]", "\"INTEL-SA-00001\""}},
         NULL,
         NULL,
         0,
         0,
         SV_FORMAT,
         "tdx.tcb.status"},
        {{.info = {"[\"INTEL-SA-00001\"]", "[1]"}}, NULL, NULL, 0, 0, SV_FORMAT, "tdx.tcb.status"},
        {{.qe = "OutOfDate", .identity = {"[\"INTEL-SA-00001\"]", "{}"}},
         NULL,
         NULL,
         0,
         0,
         SV_FORMAT,
         "tdx.tcb.status"},
        {{.info = {"\"tcbType\":0", "\"tcbType\":1"}},
         NULL,
         NULL,
         0,
         0,
         SV_PROOF,
         "tdx.tcb_info.mismatch"},
        {{.info = {"\"tcbType\":0,", ""}}, NULL, NULL, 0, 0, SV_PROOF, "tdx.tcb_info.mismatch"},
        {{.info = {"\"version\":3", "\"version\":2"}},
         NULL,
         NULL,
         0,
         0,
         SV_PROOF,
         "tdx.tcb_info.mismatch"},
        {{.info = {"\"pceId\":\"0000\"", "\"pceId\":\"0001\""}},
         NULL,
         NULL,
         0,
         0,
         SV_PROOF,
         "tdx.tcb_info.mismatch"},
        {{.info = {"\"version\":3", "\"version\":3,\"version\":3"}},
         NULL,
         NULL,
         0,
         0,
         SV_FORMAT,
         "tdx.tcb_info.json"},
        {{.info = {"2020-01-02", "2026-06-02"}},
         NULL,
         NULL,
         0,
         0,
         SV_PROOF,
         "tdx.tcb_info.expired"},
        {{.identity = {"2020-01-02", "2026-06-02"}},
         NULL,
         NULL,
         0,
         0,
         SV_PROOF,
         "tdx.qe_identity.expired"},
        {{.identity = {"2049-12-31", "2026-05-31"}},
         NULL,
         NULL,
         0,
         0,
         SV_PROOF,
         "tdx.qe_identity.expired"},
        {{.identity = {"\"TD_QE\"", "\"QE\""}}, NULL, NULL, 0, 0, SV_PROOF, "tdx.qe.mismatch"},
        {{.identity = {"\"version\":2", "\"version\":1"}},
         NULL,
         NULL,
         0,
         0,
         SV_PROOF,
         "tdx.qe.mismatch"},
        {{.identity = {"\"isvprodid\":2", "\"isvprodid\":1"}},
         NULL,
         NULL,
         0,
         0,
         SV_PROOF,
         "tdx.qe.mismatch"},
        {.o.identity = {"\"version\":2", "\"version\":2,\"version\":2"},
         .class = SV_FORMAT,
         .check = "tdx.qe_identity.json"},
        {.o.identity = {"\"nextUpdate\"", "\"nextupdate\""},
         .class = SV_FORMAT,
         .check = "tdx.qe_identity.member"},
        {.o.identity = {"\"miscselect\":\"00000000\"", "\"miscselect\":\"000000\""},
         .class = SV_FORMAT,
         .check = "tdx.qe_identity.member"},
        {{0}, NULL, NULL, 1, 0, SV_PROOF, "tdx.qe.report_data"},
        /* certificates and lists */
        {{.tcb_revoked = true}, NULL, NULL, 0, 0, SV_PROOF, "tdx.tcb_signing.revoked"},
        {{.tcb_until = JUNE_2026 + 1}, NULL, NULL, 0, SV_TCB_UP_TO_DATE, 0, NULL},
        {{.tcb_until = JUNE_2026}, NULL, NULL, 0, 0, SV_PROOF, "tdx.tcb_signing.expired"},
        {{.tcb_name = "Intel SGX TCB Signer"}, NULL, NULL, 0, 0, SV_PROOF, "tdx.tcb_signing.name"},
        {{.pck_name = "Intel SGX Certificate"}, NULL, NULL, 0, 0, SV_PROOF, "tdx.pck.name"},
        {{.ca_name = "Intel SGX Other CA"}, NULL, NULL, 0, 0, SV_PROOF, "tdx.pck.name"},
        {{.crls_until = JUNE_2026 - 1}, NULL, NULL, 0, 0, SV_PROOF, "tdx.pck.crl"},
        {{.crls_until = -1}, NULL, NULL, 0, 0, SV_FORMAT, "tdx.crl.end"},
};

static void test_others(void **unused)
{
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                struct intel_quote q = {.version = 5,
                                        .type = 3,
                                        .rtmr = rtmr,
                                        .report_data = "report data",
                                        .svn = others[i].svn,
                                        .svn2 = others[i].svn2,
                                        .qe_tail = others[i].qe_tail};
                struct sv_tdx_out out = {0};
                struct sv_err err = SV_ERR_NULL;
                struct platform p;

                print_message("%zu: %s\n", i,
                              others[i].check ? others[i].check
                                              : sv_tcb_status_name(others[i].status));
                begin(&p, &others[i].o);
                q.state = p.state;
                intel_quote(&p.signer, &q, &p.quote);
                p.in.quote = sv_buf_bytes(&p.quote);
                if (others[i].check) {
                        FAILS(sv_tdx_verify(&p.in, &out, &err), others[i].class, others[i].check);
                } else {
                        OK(sv_tdx_verify(&p.in, &out, &err));
                        assert_string_equal(sv_tcb_status_name(out.status),
                                            sv_tcb_status_name(others[i].status));
                        sv_tdx_out_free(&out);
                }
                end(&p);
        }
}

/* The first end of all: a document's, a certificate's or a list's. And a list by another key under
 * the same name is nobody's. */
static void test_lists(void **unused)
{
        struct intel_options o = {.crls_until = JUNE_2026 + 86400};
        struct sv_tdx_out out = {0};
        struct sv_err err = SV_ERR_NULL;
        struct platform p, other;

        begin(&p, &o);
        begin(&other, &o);
        sign(&p, 4, 2);
        OK(sv_tdx_verify(&p.in, &out, &err));
        assert_int_equal(out.expires, JUNE_2026 + 86400);
        sv_tdx_out_free(&out);
        p.in.pck_crl = other.in.pck_crl;
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, "tdx.pck.crl");
        assert_non_null(strstr(err.msg, "secure-vm collateral fetch"));
        p.in.pck_crl = p.in.root_ca_crl; /* the root's own list for the platform's */
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, "tdx.pck.crl");
        p.in.pck_crl = sv_buf_bytes(&p.pck_crl);
        p.in.root_ca_crl = other.in.root_ca_crl;
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, "tdx.pck.crl");
        end(&other);
        end(&p);
}

static void test_foreign(void **unused)
{
        struct intel_options o = {.fmspc = {0x50, 0x80, 0x6f}};
        struct sv_tdx_out out = {0};
        struct sv_err err = SV_ERR_NULL;
        struct platform p, other;

        begin(&p, &o);
        begin(&other, &o);
        sign(&p, 4, 2);
        p.in.test_roots = NULL;
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, "tdx.root");
        p.in.test_roots = &other.roots;
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, "tdx.root");
        p.in.test_roots = &p.roots;
        p.in.report_data = sv_bytes_str("other data");
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, "tdx.report_data");
        end(&other);
        end(&p);
}

/* The documents' own chain: without its signer, without certificates, by another root of the same
 * name, and by a root that is trusted as well, whose list is not there. */
static void test_document_signers(void **unused)
{
        struct intel_options o = {.fmspc = {0x50, 0x80, 0x6f}};
        SV_BUF mixed = SV_BUF_NULL;
        SV_CERTS theirs = {0};
        struct sv_tdx_out out = {0};
        struct sv_err err = SV_ERR_NULL;
        struct platform p, other;

        begin(&p, &o);
        begin(&other, &o);
        sign(&p, 4, 2);
        p.in.qe_identity = other.in.qe_identity;
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, "tdx.qe_identity.signature");
        p.in.qe_identity = sv_buf_bytes(&p.qe);
        p.in.tcb_info_chain = sv_buf_bytes(&p.root);
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, "tdx.tcb_signing.chain");
        p.in.tcb_info_chain = sv_bytes_str("no certificate");
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_FORMAT, "tdx.tcb_signing.chain");
        OK(sv_certs_parse(other.in.tcb_info_chain, &theirs, "test.chain", &err));
        OK(sv_cert_pem(theirs.list[0], &mixed, &err));
        sv_buf_put(&mixed, sv_buf_bytes(&p.root));
        p.in.tcb_info_chain = sv_buf_bytes(&mixed);
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, "tdx.tcb_signing.chain");
        p.in.tcb_info_chain = other.in.tcb_info_chain;
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, "tdx.root");
        OK(sv_certs_parse(sv_buf_bytes(&other.root), &p.roots, "test.root", &err));
        FAILS(sv_tdx_verify(&p.in, &out, &err), SV_PROOF, "tdx.tcb_signing.crl");
        end(&other);
        end(&p);
}

static void test_td_report(void **unused)
{
        struct intel_quote q = {.type = 2, .rtmr = rtmr, .report_data = "report data"};
        uint8_t report[INTEL_TD_REPORT], digest[48];
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *state = NULL;

        OK(sv_json_parse(sv_bytes_str(state_text), "state", &state, &err));
        q.state = state;
        intel_td_report(&q, report);
        assert_memory_equal(report + 720, rtmr, sizeof(rtmr));
        assert_int_equal(report[528], 0xa1);
        assert_int_equal(report[515], 0x10); /* SEPT_VE_DISABLE */
        OK(sv_digest(SV_SHA384, sv_bytes(report + 512, 512), digest, &err));
        assert_memory_equal(report + 80, digest, sizeof(digest));
}

/* The quoting enclave's way, from the module's report: it says what a quote over the same TD says,
 * and nobody else's report is signed. */
static void test_from_report(void **unused)
{
        static const struct intel_options o = {.fmspc = {0x50, 0x80, 0x6f}};
        uint8_t report[INTEL_TD_REPORT];
        SV_BUF quote = SV_BUF_NULL;
        struct intel_quote q;
        struct platform p;

        begin(&p, &o);
        sign(&p, 4, 2);
        q = (struct intel_quote){
                .type = 2, .state = p.state, .rtmr = rtmr, .report_data = "report data"};
        intel_td_report(&q, report);
        assert_true(intel_quote_report(&p.signer, report, &quote));
        assert_int_equal(quote.n, p.quote.n);
        assert_memory_equal(quote.p, p.quote.p, 48 + 584);
        for (size_t i = 0; i < 10; i++) {
                static const size_t at[] = {0, 32, 80, 127, 224, 255, 280, 515, 528, 1023};

                report[at[i]] ^= 1;
                assert_false(intel_quote_report(&p.signer, report, &quote));
                report[at[i]] ^= 1;
        }
        end(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forms),
                cmocka_unit_test(test_changed),
                cmocka_unit_test(test_levels),
                cmocka_unit_test(test_foreign),
                cmocka_unit_test(test_td_report),
                cmocka_unit_test(test_from_report),
                cmocka_unit_test(test_certificates_changed),
                cmocka_unit_test(test_others),
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_document_signers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
