/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's half of SNP against a device and a kernel of our own: the negotiation of the
 * certificates' buffer, what firmware and hypervisor say, and evidence that is over our bytes. */
#include "sev/guest/attester.h"
#include "sev/verify/certtable.h"
#include "sev/verify/evidence.h"
#include "sev/verify/report.h"
#include "tests/unit/tsm_kernel.h"

/* A report that parses; its signature is nobody's. */
static void make_report(const uint8_t *inblob, int vmpl, uint8_t out[SV_REPORT_SIZE])
{
        memset(out, 0, SV_REPORT_SIZE);
        out[0] = 3;
        out[0x0a] = 2; /* bit 17 of the policy */
        out[0x30] = (uint8_t)vmpl;
        out[0x34] = 1;
        memcpy(out + 0x50, inblob, 64);
        memset(out + 0x90, 0xa5, 48);
        out[0x188] = 0x19;
        memset(out + 0x1a0, 7, 64);
        memset(out + 0x2a0, 9, 48);
        memset(out + 0x2a0 + 72, 9, 48);
}

static void kernel_report(const uint8_t *inblob, size_t n, int privlevel, struct sv_buf *out)
{
        assert_int_equal(n, 64);
        make_report(inblob, privlevel, sv_buf_grow(out, SV_REPORT_SIZE));
}

static void make_table(struct sv_buf *out)
{
        struct sv_cert_table t = {.n = 2,
                                  .list = {{.kind = SV_CERT_VCEK, .data = sv_bytes_str("vcek")},
                                           {.kind = SV_CERT_ASK, .data = sv_bytes_str("ask")}}};
        struct sv_err err;

        OK(sv_cert_table_write(&t, out, &err));
}

/* The device: answers as the kernel's driver, firmware and hypervisor would. */
struct device {
        uint32_t status, size, fw_error, vmm_error;
        int error;
        uint32_t certs_need; /* bytes */
        struct sv_bytes certs;
        unsigned calls;
        bool other_data;
        struct { /* seen */
                uint32_t root, vmpl, svn;
                uint64_t fields, tcb;
        } key;
};

static uint32_t get32(const uint8_t *p)
{
        return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const uint8_t *p)
{
        return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void put32(uint8_t *p, uint32_t v)
{
        for (int i = 0; i < 4; i++)
                p[i] = (uint8_t)(v >> 8 * i);
}

static int give_certs(struct device *d, uint8_t *req, struct sv_snp_call *call)
{
        uint8_t *to = (uint8_t *)(uintptr_t)get64(req + 96);
        uint32_t had = get32(req + 104);

        assert_int_equal((uintptr_t)to % 4096, 0);
        assert_int_equal(had % 4096, 0);
        if (had < d->certs_need) {
                put32(req + 104, d->certs_need);
                call->vmm_error = 1;
                return -ENOSPC;
        }
        if (d->certs.n)
                memcpy(to, d->certs.p, d->certs.n);
        return 0;
}

static int device(void *arg, enum sv_snp_code code, struct sv_snp_call *call)
{
        struct device *d = arg;
        uint8_t *req = (uint8_t *)(uintptr_t)call->request,
                *resp = (uint8_t *)(uintptr_t)call->response;

        d->calls++;
        assert_int_equal(call->msg_version, 1);
        call->fw_error = d->fw_error;
        call->vmm_error = d->vmm_error;
        if (d->error)
                return d->error;
        put32(resp, d->status);
        if (code == SV_SNP_GET_DERIVED_KEY) {
                d->key.root = get32(req);
                d->key.fields = get64(req + 8);
                d->key.vmpl = get32(req + 16);
                d->key.svn = get32(req + 20);
                d->key.tcb = get64(req + 24);
                memset(resp + 32, 0x5a, 32);
                return 0;
        }
        if (code == SV_SNP_GET_EXT_REPORT && give_certs(d, req, call) < 0)
                return -ENOSPC;
        put32(resp + 4, d->size ? d->size : SV_REPORT_SIZE);
        make_report(req, (int)get32(req + 64), resp + 32);
        if (d->other_data)
                resp[32 + 0x50] ^= 1;
        return 0;
}

static const uint8_t data[64] = "binding";

static void test_report(void **state)
{
        struct device d = {0};
        struct sv_snp_dev dev = {.call = device, .arg = &d};
        SV_BUF report = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_snp_dev_report(&dev, sv_bytes(data, 64), 2, &report, NULL, &err));
        assert_int_equal(report.n, SV_REPORT_SIZE);
        assert_int_equal(report.p[0x30], 2);
        assert_memory_equal(report.p + 0x50, data, 64);
}

static void test_certificates(void **state)
{
        static const uint32_t sizes[] = {1, 4096, 8192, 16384};
        SV_BUF table = SV_BUF_NULL;

        make_table(&table);
        for (size_t i = 0; i < 4; i++) {
                struct device d = {.certs_need = sizes[i], .certs = sv_buf_bytes(&table)};
                struct sv_snp_dev dev = {.call = device, .arg = &d};
                SV_BUF report = SV_BUF_NULL, certs = SV_BUF_NULL;
                struct sv_err err;

                OK(sv_snp_dev_report(&dev, sv_bytes(data, 64), 0, &report, &certs, &err));
                assert_int_equal(d.calls, sizes[i] > 4096 ? 2 : 1);
                assert_memory_equal(certs.p, table.p, table.n);
        }
}

static void refuse(struct device d, bool ext, enum sv_class class, const char *check,
                   const char *says)
{
        struct sv_snp_dev dev = {.call = device, .arg = &d};
        SV_BUF report = SV_BUF_NULL, certs = SV_BUF_NULL;
        struct sv_err err;

        FAILS(sv_snp_dev_report(&dev, sv_bytes(data, 64), 0, &report, ext ? &certs : NULL, &err),
              class, check);
        if (!strstr(err.msg, says))
                fail_msg("\"%s\" does not say \"%s\"", err.msg, says);
        assert_int_equal(report.n, 0);
}

static void test_errors(void **state)
{
        refuse((struct device){.status = 0x16}, false, SV_SYSTEM, "snp.response.status", "VMPL");
        refuse((struct device){.status = 0x27}, true, SV_SYSTEM, "snp.response.status", "0x27");
        refuse((struct device){.size = 1183}, false, SV_FORMAT, "snp.response.size", "1183");
        refuse((struct device){.error = -EIO, .fw_error = 0x16}, false, SV_SYSTEM,
               "snp.device.request", "VMPL");
        refuse((struct device){.error = -EIO, .fw_error = UINT32_MAX}, false, SV_SYSTEM,
               "snp.device.request", "VMPCK");
        refuse((struct device){.error = -EIO, .vmm_error = 2}, true, SV_SYSTEM,
               "snp.device.request", "try again");
        refuse((struct device){.error = -EIO, .vmm_error = 9}, true, SV_SYSTEM,
               "snp.device.request", "hypervisor 9");
        refuse((struct device){.error = -ENOENT}, true, SV_SYSTEM, "snp.device.open", "device");
        /* more than the kernel takes, no whole page, never enough */
        refuse((struct device){.certs_need = 20480}, true, SV_SYSTEM, "snp.device.request",
               "certificates");
        refuse((struct device){.certs_need = 5000}, true, SV_SYSTEM, "snp.device.request",
               "certificates");
}

static void test_derive(void **state)
{
        struct device d = {0};
        struct sv_snp_dev dev = {.call = device, .arg = &d};
        struct sv_snp_key key = {.vmrk = true,
                                 .fields = SV_SNP_KEY_MEASUREMENT | SV_SNP_KEY_POLICY,
                                 .vmpl = 1,
                                 .svn = 3,
                                 .tcb = 0xdd00000000000007};
        struct sv_err err = SV_ERR_NULL;
        SV_SECRET *s = sv_snp_dev_derive(&dev, &key, &err);

        assert_non_null(s);
        assert_int_equal(sv_secret_size(s), 32);
        assert_int_equal(sv_secret_reveal(s)[31], 0x5a);
        assert_int_equal(d.key.root, 1);
        assert_int_equal(d.key.fields, 9);
        assert_int_equal(d.key.vmpl, 1);
        assert_int_equal(d.key.svn, 3);
        assert_true(d.key.tcb == 0xdd00000000000007);
        d.status = 0x16;
        assert_null(sv_snp_dev_derive(&dev, &key, &err));
        assert_string_equal(err.check, "snp.response.status");
}

/* As the agent's command says it. */
static void test_derive_options(void **state)
{
        static const struct {
                const char *options, *check;
                uint64_t fields;
        } t[] = {
                {"{}", NULL, SV_SNP_KEY_MEASUREMENT | SV_SNP_KEY_POLICY},
                {"{\"root\":\"vmrk\",\"mix\":\"svn,image-id,tcb,family-id\",\"svn\":\"3\",\"tcb\":"
                 "\"0xdd00000000000007\",\"vmpl\":\"1\"}",
                 NULL,
                 SV_SNP_KEY_SVN | SV_SNP_KEY_IMAGE_ID | SV_SNP_KEY_TCB | SV_SNP_KEY_FAMILY_ID},
                {"{\"mix\":\"\"}", NULL, 0},
                {"{\"root\":\"vlek\"}", "snp.derive.root", 0},
                {"{\"mix\":\"policy,all\"}", "snp.derive.mix", 0},
                {"{\"vmpl\":\"4\"}", "snp.derive.vmpl", 0},
                {"{\"mix\":\"svn\",\"svn\":\"x\"}", "snp.derive.svn", 0},
                {"{\"svn\":\"1\"}", "snp.derive.svn", 0},
                {"{\"tcb\":\"1\"}", "snp.derive.tcb", 0},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct device d = {0};
                struct sv_snp_dev dev = {.call = device, .arg = &d};
                const struct sv_snp_guest guest = {.dev = &dev};
                struct sv_err err = SV_ERR_NULL;
                SV_JSON *options = NULL;
                SV_SECRET *key = NULL;

                OK(sv_json_parse(sv_bytes_str(t[i].options), "test", &options, &err));
                if (t[i].check) {
                        FAILS(sv_snp_guest_derive(&guest, options, &key, &err), SV_USAGE,
                              t[i].check);
                        continue;
                }
                OK(sv_snp_guest_derive(&guest, options, &key, &err));
                assert_int_equal(sv_secret_size(key), 32);
                assert_true(d.key.fields == t[i].fields);
                assert_int_equal(d.key.root, i == 1);
                assert_int_equal(d.key.vmpl, i == 1);
                assert_int_equal(d.key.svn, i == 1 ? 3 : 0);
                assert_true(d.key.tcb == (i == 1 ? 0xdd00000000000007 : 0));
        }
}

/* Every truncation is a named error. */
static void test_response_truncated(void **state)
{
        uint8_t raw[32 + SV_REPORT_SIZE] = {0};
        struct sv_bytes report;
        struct sv_err err;

        put32(raw + 4, SV_REPORT_SIZE);
        for (size_t n = 0; n < sizeof(raw); n++)
                FAILS(sv_snp_response_read(sv_bytes(raw, n), &report, &err), SV_FORMAT,
                      "snp.response.size");
        OK(sv_snp_response_read(sv_bytes(raw, sizeof(raw)), &report, &err));
        assert_ptr_equal(report.p, raw + 32);
}

static void check_evidence(const struct sv_snp_guest *g, struct sv_bytes bound, size_t n_certs)
{
        SV_JSON *evidence = NULL;
        SV_SNP_EVIDENCE e = {0};
        struct sv_report r;
        struct sv_err err;
        uint8_t expected[64] = {0};

        OK(sv_snp_guest_evidence(g, bound, &evidence, &err));
        OK(sv_snp_evidence_read(evidence, &e, &err));
        OK(sv_report_parse(sv_bytes(e.report, sizeof(e.report)), &r, &err));
        memcpy(expected, bound.p, bound.n);
        assert_memory_equal(r.report_data, expected, 64);
        assert_int_equal(e.certs.n, n_certs);
}

static void test_evidence_tsm(void **state)
{
        SV_BUF table = SV_BUF_NULL;
        struct tsm_kernel k = {.provider = "sev_guest", .report = kernel_report};
        const struct sv_tsm_ops ops = tsm_kernel_ops(&k);
        const struct sv_tsm tsm = {.ops = &ops};
        struct device d = {.error = -EIO}; /* not asked */
        struct sv_snp_dev dev = {.call = device, .arg = &d};
        const struct sv_snp_guest g = {&tsm, &dev};
        uint8_t stale[SV_REPORT_SIZE];
        SV_JSON *none = NULL;
        struct sv_err err;

        make_table(&table);
        check_evidence(&g, sv_bytes(data, 48), 0);
        k.aux = sv_buf_bytes(&table);
        check_evidence(&g, sv_bytes(data, 64), 2);
        k.aux = sv_bytes(table.p, table.n - 3); /* broken by the host: left out */
        check_evidence(&g, sv_bytes(data, 48), 0);
        assert_int_equal(d.calls, 0);
        make_report((const uint8_t
                             *)"somebody else's data, as long as ours: 64 bytes and the rest of it",
                    0, stale);
        k.report = NULL;
        k.fixed = sv_bytes(stale, sizeof(stale));
        FAILS(sv_snp_guest_evidence(&g, sv_bytes(data, 48), &none, &err), SV_SYSTEM,
              "snp.guest.stale");
        FAILS(sv_snp_guest_evidence(&g, sv_bytes(data, 31), &none, &err), SV_USAGE,
              "snp.guest.report-data");
        k.fixed = sv_bytes(stale, sizeof(stale) - 1);
        FAILS(sv_snp_guest_evidence(&g, sv_bytes(data, 48), &none, &err), SV_FORMAT,
              "snp.report.size");
}

static void test_evidence_device(void **state)
{
        SV_BUF table = SV_BUF_NULL;
        struct tsm_kernel k = {.provider = "tdx_guest"}; /* not ours: the device is asked */
        const struct sv_tsm_ops ops = tsm_kernel_ops(&k);
        const struct sv_tsm tsm = {.ops = &ops};
        struct device d = {.certs_need = 4096};
        struct sv_snp_dev dev = {.call = device, .arg = &d};
        const struct sv_snp_guest g = {&tsm, &dev};
        SV_JSON *none = NULL;
        struct sv_err err;

        make_table(&table);
        check_evidence(&g, sv_bytes(data, 48), 0); /* a page of zeros: no certificates */
        d.certs = sv_buf_bytes(&table);
        check_evidence(&g, sv_bytes(data, 48), 2);
        d.other_data = true;
        FAILS(sv_snp_guest_evidence(&g, sv_bytes(data, 48), &none, &err), SV_SYSTEM,
              "snp.guest.stale");
}

/* The level that the caller names reaches kernel and device, and a report of another one is
 * refused. */
static void test_evidence_level(void **state)
{
        struct tsm_kernel k = {.provider = "sev_guest",
                               .report = kernel_report,
                               .privlevel_floor = 1},
                          none = {.provider = "tdx_guest"};
        const struct sv_tsm_ops ops = tsm_kernel_ops(&k), no_ops = tsm_kernel_ops(&none);
        const struct sv_tsm tsm = {.ops = &ops}, no_tsm = {.ops = &no_ops};
        struct device d = {.certs_need = 4096};
        struct sv_snp_dev dev = {.call = device, .arg = &d};
        uint8_t other[SV_REPORT_SIZE];
        struct sv_err err;

        for (unsigned vmpl = 0; vmpl < 4; vmpl++) {
                const struct sv_snp_guest by_tsm = {&tsm, &dev, true, vmpl},
                                          by_dev = {&no_tsm, &dev, true, vmpl};
                SV_JSON *a = NULL, *b = NULL;

                OK(sv_snp_guest_evidence(&by_dev, sv_bytes(data, 48), &a, &err));
                if (vmpl)
                        OK(sv_snp_guest_evidence(&by_tsm, sv_bytes(data, 48), &b, &err));
                else
                        assert_int_equal(
                                sv_snp_guest_evidence(&by_tsm, sv_bytes(data, 48), &b, &err),
                                -1); /* more than the guest's own */
        }
        make_report(data, 2, other);
        memset(other + 0x50 + 48, 0, 16);
        k.report = NULL;
        k.fixed = sv_bytes(other, sizeof(other));
        const struct sv_snp_guest g = {&tsm, &dev, true, 1};
        SV_JSON *evidence = NULL;

        FAILS(sv_snp_guest_evidence(&g, sv_bytes(data, 48), &evidence, &err), SV_SYSTEM,
              "snp.guest.vmpl");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_report),         cmocka_unit_test(test_certificates),
                cmocka_unit_test(test_errors),         cmocka_unit_test(test_derive_options),
                cmocka_unit_test(test_derive),         cmocka_unit_test(test_response_truncated),
                cmocka_unit_test(test_evidence_tsm),   cmocka_unit_test(test_evidence_device),
                cmocka_unit_test(test_evidence_level),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
