/* SPDX-License-Identifier: Apache-2.0 */
/* What libvirt says and refuses of a guest's size, and what its balloon says. libvirt is a few
 * functions here. */
#include "launcher/virt/virt-int.h"
#include "launcher/virt/virt-resize.h"
#include "launcher/virt/virt-sizes.h"
#include "tests/unit/unit.h"

static struct sv_err err;
static struct sv_virt subject;
static struct {
        bool refuses, has_memory, has_balloon;
        unsigned vcpus, flags, asked,
                late; /* late: it answers so many times that it takes longer */
        char device[600];
} domain_is;

static int set_vcpus(virDomainPtr dom, unsigned n, unsigned flags)
{
        domain_is.flags = flags;
        domain_is.vcpus = n;
        domain_is.asked++;
        return domain_is.refuses || domain_is.asked <= domain_is.late ? -1 : 0;
}

static int update_device(virDomainPtr dom, const char *xml, unsigned flags)
{
        domain_is.flags = flags;
        snprintf(domain_is.device, sizeof(domain_is.device), "%s", xml);
        return domain_is.refuses ? -1 : 0;
}

static char *print_domain(virDomainPtr dom, unsigned flags)
{
        return strdup(domain_is.has_memory
                              ? "<domain><vcpu current='2'>4</vcpu><devices><memory model="
                                "'virtio-mem'><target><size unit='KiB'>4096</size><requested "
                                "unit='KiB'>0</requested><current unit='KiB'>0</current></target>"
                                "</memory></devices></domain>"
                              : "<domain><vcpu>4</vcpu><devices/></domain>");
}

static int tell_memory(virDomainPtr dom, virDomainMemoryStatPtr stats, unsigned n, unsigned flags)
{
        const virDomainMemoryStatStruct said[] = {
                {VIR_DOMAIN_MEMORY_STAT_RSS, 99},
                {VIR_DOMAIN_MEMORY_STAT_AVAILABLE, 1000},
                {VIR_DOMAIN_MEMORY_STAT_USABLE, 600},
                {VIR_DOMAIN_MEMORY_STAT_UNUSED, 500},
                {VIR_DOMAIN_MEMORY_STAT_DISK_CACHES, 7},
                {VIR_DOMAIN_MEMORY_STAT_SWAP_IN, 3},
                {VIR_DOMAIN_MEMORY_STAT_SWAP_OUT, 4},
                {VIR_DOMAIN_MEMORY_STAT_MAJOR_FAULT, 5},
                {VIR_DOMAIN_MEMORY_STAT_MINOR_FAULT, 6},
                {VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE, domain_is.has_balloon ? 86400 : 0},
        };

        assert_true(n >= sizeof(said) / sizeof(said[0]));
        memcpy(stats, said, sizeof(said));
        return sizeof(said) / sizeof(said[0]);
}

static virErrorPtr tell_error(void)
{
        static virError error = {.message = (char *)"the guest did not let it go"};

        error.code = domain_is.late ? VIR_ERR_OPERATION_TIMEOUT : VIR_ERR_OPERATION_FAILED;
        return &error;
}

static void begin(void)
{
        memset(&domain_is, 0, sizeof(domain_is));
        vir.DomainSetVcpusFlags = set_vcpus;
        vir.DomainUpdateDeviceFlags = update_device;
        vir.DomainGetXMLDesc = print_domain;
        vir.DomainMemoryStats = tell_memory;
        vir.GetLastError = tell_error;
}

/* What a guest boots with was measured: the definition stays. */
static void vcpus(void **state)
{
        begin();
        OK(sv_virt_set_vcpus(&subject, 3, &err));
        assert_int_equal(domain_is.vcpus, 3);
        assert_int_equal(domain_is.flags, VIR_DOMAIN_AFFECT_LIVE);
        domain_is.refuses = true;
        FAILS(sv_virt_set_vcpus(&subject, 1, &err), SV_SYSTEM, "resize.vcpus");
        assert_non_null(strstr(err.msg, "did not let it go"));
        assert_int_equal(domain_is.asked, 2);
        begin();
        domain_is.late = 3;
        OK(sv_virt_set_vcpus(&subject, 1, &err));
        begin();
        domain_is.late = 4;
        FAILS(sv_virt_set_vcpus(&subject, 1, &err), SV_SYSTEM, "resize.vcpus");
        assert_int_equal(domain_is.asked, 4);
}

static void memory(void **state)
{
        begin();
        FAILS(sv_virt_want_memory(&subject, 1 << 20, &err), SV_SYSTEM, "resize.memory");
        assert_int_equal(*domain_is.device, 0);
        domain_is.has_memory = true;
        OK(sv_virt_want_memory(&subject, 1 << 20, &err));
        assert_non_null(strstr(domain_is.device, "<requested unit='KiB'>1024</requested>"));
        assert_int_equal(domain_is.flags, VIR_DOMAIN_AFFECT_LIVE);
        domain_is.refuses = true;
        FAILS(sv_virt_want_memory(&subject, 1 << 20, &err), SV_SYSTEM, "resize.memory");
}

static void uses(void **state)
{
        SV_JSON *none = sv_json_object();
        SV_JSON *use = sv_json_object();
        SV_BUF text = SV_BUF_NULL;

        begin();
        sv_virt_put_memory_use(&subject, none);
        assert_int_equal(sv_json_len(none), 0);
        domain_is.has_balloon = true;
        sv_virt_put_memory_use(&subject, use);
        sv_json_print(use, &text);
        assert_string_equal(sv_buf_str(&text),
                            "{\"total\":1024000,\"free\":512000,\"available\":614400,\"caches\":"
                            "7168,\"swapped_in\":3072,\"swapped_out\":4096,\"major_faults\":5,"
                            "\"minor_faults\":6,\"at\":\"1970-01-02T00:00:00Z\"}");
}

/* --- statistics of disks, in libvirt's order --- */

static virTypedParameter statistics[] = {
        {.field = "block.count", .value.ui = 3},
        {.field = "block.0.name", .value.s = (char *)"vdb"},
        {.field = "block.0.rd.reqs", .value.ul = 5},
        {.field = "block.1.name", .value.s = (char *)"sda"},
        {.field = "block.1.rd.reqs", .value.ul = 900},
        {.field = "block.2.name", .value.s = (char *)"vda"},
        {.field = "block.2.rd.reqs", .value.ul = 10},
        {.field = "block.2.wr.reqs", .value.ul = 200},
        {.field = "block.2.fl.reqs", .value.ul = 3000},
};
static virDomainStatsRecord record = {.params = statistics,
                                      .nparams = sizeof(statistics) / sizeof(statistics[0])};

static int tell_statistics(virDomainPtr *list, unsigned stats, virDomainStatsRecordPtr **out,
                           unsigned flags)
{
        static virDomainStatsRecordPtr records[] = {&record, NULL};

        assert_int_equal(stats, VIR_DOMAIN_STATS_BLOCK);
        *out = records;
        return domain_is.refuses ? -1 : 1;
}

static void forget_statistics(virDomainStatsRecordPtr *records)
{
}

static const virTypedParameter *find_statistic(const char *name)
{
        for (int i = 0; i < record.nparams; i++)
                if (!strcmp(statistics[i].field, name))
                        return &statistics[i];
        return NULL;
}

static int get_statistic_count(virTypedParameterPtr p, int n, const char *name, unsigned *value)
{
        const virTypedParameter *found = find_statistic(name);

        *value = found ? found->value.ui : *value;
        return found != NULL;
}

static int get_statistic_number(virTypedParameterPtr p, int n, const char *name,
                                unsigned long long *value)
{
        const virTypedParameter *found = find_statistic(name);

        *value = found ? found->value.ul : *value;
        return found != NULL;
}

static int get_statistic_text(virTypedParameterPtr p, int n, const char *name, const char **value)
{
        const virTypedParameter *found = find_statistic(name);

        *value = found ? found->value.s : *value;
        return found != NULL;
}

static void requests(void **state)
{
        uint64_t n[3] = {0};

        begin();
        vir.DomainListGetStats = tell_statistics;
        vir.DomainStatsRecordListFree = forget_statistics;
        vir.TypedParamsGetUInt = get_statistic_count;
        vir.TypedParamsGetULLong = get_statistic_number;
        vir.TypedParamsGetString = get_statistic_text;
        assert_true(sv_virt_read_disk_requests(&subject, 2, n));
        assert_int_equal(n[0], 3210);
        assert_int_equal(n[1], 5);
        assert_false(sv_virt_read_disk_requests(&subject, 3, n)); /* there is no vdc */
        domain_is.refuses = true;
        assert_false(sv_virt_read_disk_requests(&subject, 2, n));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(vcpus),
                cmocka_unit_test(memory),
                cmocka_unit_test(uses),
                cmocka_unit_test(requests),
        };

        return cmocka_run_group_tests_name("virt-sizes", tests, NULL, NULL);
}
