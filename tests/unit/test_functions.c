/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual functions of a network card, in a tree that looks like the kernel's, with a kernel that
 * answers rtnetlink in its own form: chosen, set, read back, and as before afterwards; also after a
 * kill. */
#include <errno.h>
#include <net/if.h>
#include <sys/wait.h>

#include "base/core/limits.h"
#include "launcher/keeper/functions.h"
#include "tests/unit/host_tree.h"
#include "tests/unit/vf_card.h"

#define PCI "sys/bus/pci/devices/0000:21:10."

static struct sv_err err;
static unsigned user;
static const char *fails_at; /* the file of the kernel's that cannot be written */
static int64_t now;

uid_t __wrap_geteuid(void);
unsigned __wrap_if_nametoindex(const char *name);
int64_t __wrap_sv_clock_ms(void);
int __wrap_sv_kernel_file_write(const char *root, const char *path, const char *value);

uid_t __wrap_geteuid(void)
{
        return user;
}

unsigned __wrap_if_nametoindex(const char *name)
{
        return !strcmp(name, CARD) ? 7 : 0;
}

int64_t __wrap_sv_clock_ms(void)
{
        return now += 20000;
}

/* --- the kernel's part: /sys --- */

static void bind_driver(unsigned i, const char *driver)
{
        SV_STR name = sv_asprintf(PCI "%u/driver", i);
        SV_STR link = sv_asprintf("%s/%s", base, name);

        unlink(link);
        if (driver)
                put_host_link(base, driver, name);
}

static void put_functions(unsigned n)
{
        SV_STR count = sv_asprintf("%u\n", n);

        put_host_file(base, count, "sys/class/net/" CARD "/device/sriov_numvfs");
        for (unsigned i = 0; i < FUNCTIONS; i++) {
                SV_STR link = sv_asprintf("%s/sys/class/net/" CARD "/device/virtfn%u", base, i);
                SV_STR group = sv_asprintf("../../kernel/iommu_groups/%u", 10 + i);
                SV_STR address = sv_asprintf("../0000:21:10.%u", i);
                SV_STR dir = sv_asprintf("%s/" PCI "%u", base, i);
                SV_STR of_card = sv_asprintf("sys/class/net/" CARD "/device/virtfn%u", i);
                SV_STR of_group = sv_asprintf(PCI "%u/iommu_group", i);

                unlink(link);
                sv_remove_tree(dir, NULL);
                if (i >= n)
                        continue;
                put_host_link(base, address, of_card);
                put_host_file(base, "0x020000\n", PCI "%u/class", i);
                put_host_file(base, "\n", PCI "%u/driver_override", i);
                put_host_link(base, group, of_group);
                put_host_file(base, "0x1002\n", PCI "%u/net/v%u/flags", i, i);
                put_host_file(base, "", "sys/kernel/iommu_groups/%u/devices/0000:21:10.%u", 10 + i,
                              i);
                bind_driver(i, "../drivers/igbvf");
        }
}

int __wrap_sv_kernel_file_write(const char *root, const char *path, const char *value)
{
        const char *dot = strrchr(path, '.');

        assert_string_equal(root, base);
        if (fails_at && strstr(path, fails_at)) {
                errno = EBUSY;
                return -1;
        }
        if (strstr(path, "sriov_numvfs"))
                put_functions((unsigned)strtoul(value, NULL, 10));
        else if (strstr(path, "/driver/unbind"))
                bind_driver((unsigned)strtoul(dot + 1, NULL, 10), NULL);
        else if (strstr(path, "drivers_probe"))
                bind_driver((unsigned)strtoul(strrchr(value, '.') + 1, NULL, 10),
                            "../drivers/igbvf");
        else
                assert_non_null(strstr(path, "driver_override"));
        return 0;
}

/* --- guests --- */

static int begin(void **state)
{
        sv_remove_tree(base, NULL);
        assert_int_equal(mkdir(base, 0700), 0);
        put_host_file(base, "boot-1\n", "proc/sys/kernel/random/boot_id");
        put_host_file(base, "4\n", "sys/class/net/" CARD "/device/sriov_totalvfs");
        put_host_file(base, "1\n", "sys/class/net/lo/ifindex");
        put_functions(FUNCTIONS);
        for (unsigned i = 0; i < FUNCTIONS; i++)
                card[i] = (struct sv_vf){
                        .mac = {2, 0, 0, 0, 0, (uint8_t)i}, .spoof_check = 1, .max_rate = 0};
        user = n_set = 0;
        fails_at = NULL;
        refuses = forgets = -1;
        dies_at = 0;
        answers = WHOLE;
        return 0;
}

#define NIC(more) "{\"type\":\"vf\",\"source\":\"" CARD "\"" more "}"
#define ALL                                                                                  \
        NIC(",\"mac\":\"52:54:00:12:34:56\",\"vf\":{\"vlan\":100,\"qos\":3,\"min_rate\":10," \
            "\"max_rate\":1000,\"trust\":true,\"spoof_check\":false}")
#define INDEX(i) NIC(",\"vf\":{\"index\":" #i "}")

struct taken {
        char *addresses[SV_GUEST_NICS_MAX];
        struct sv_json *status;
};

static void free_taken(struct taken *t)
{
        for (size_t i = 0; i < SV_GUEST_NICS_MAX; i++)
                sv_strfreep(&t->addresses[i]);
        sv_json_freep(&t->status);
}
#define TAKEN __attribute__((cleanup(free_taken))) struct taken

static int with_guest(const char *guest, const char *nics, struct taken *t)
{
        SV_STR text = sv_asprintf("{\"name\":\"%s\",\"kernel\":\"k\",\"nics\":[%s]}", guest, nics);
        struct sv_state s = {.name = (char *)guest, .lock = -1};
        struct sv_json *list;
        SV_GUEST g = {0};

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", base, &g, &err));
        if (!t) {
                for (size_t i = 0; i < g.n_nics; i++)
                        if (sv_functions_check(base, &g, i, false, &err) < 0)
                                return -1;
                return 0;
        }
        t->status = sv_json_object();
        list = sv_json_set(t->status, "nics", sv_json_array());
        for (size_t i = 0; i < g.n_nics; i++)
                sv_json_add(list, sv_json_object());
        return sv_functions_take(base, &s, &g, t->addresses, list, &err);
}

static int try_take(const char *guest, const char *nics)
{
        TAKEN t = {0};

        return with_guest(guest, nics, &t);
}

static int look(const char *guest, const char *nics)
{
        return with_guest(guest, nics, NULL);
}

static void let_go(const char *guest)
{
        struct sv_state s = {.name = (char *)guest, .lock = -1};

        OK(sv_functions_release(base, &s, &err));
}

static void must_be_as_before(void)
{
        SV_STR record = sv_asprintf("%s/.vf", base);

        for (unsigned i = 0; i < FUNCTIONS; i++) {
                const struct sv_vf before = {.mac = {2, 0, 0, 0, 0, (uint8_t)i}, .spoof_check = 1};

                assert_memory_equal(&card[i], &before, sizeof(before));
        }
        assert_int_not_equal(access(record, F_OK), 0);
}

static void set_and_back(void **state)
{
        const struct sv_vf wanted = {.mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56},
                                     .vlan = 100,
                                     .qos = 3,
                                     .min_rate = 10,
                                     .max_rate = 1000,
                                     .trust = 1};
        TAKEN t = {0};

        OK(look("a", ALL));
        assert_int_equal(n_set, 0);
        OK(with_guest("a", ALL, &t));
        assert_string_equal(t.addresses[0], "0000:21:10.0");
        assert_memory_equal(&card[0], &wanted, sizeof(wanted));
        assert_string_equal(sv_json_str(sv_json_pointer(t.status, "/nics/0/vf/card")), CARD);
        /* once more, as at a reboot of the guest, and looked at while it runs */
        OK(look("a", ALL));
        OK(try_take("a", ALL));
        assert_int_equal(n_set, 5);
        let_go("b"); /* which has none */
        assert_memory_equal(&card[0], &wanted, sizeof(wanted));
        let_go("a");
        must_be_as_before();
        let_go("a");
}

static void shared_card(void **state)
{
        TAKEN a = {0}, b = {0}, c = {0};

        OK(with_guest("a", NIC("") "," NIC(""), &a));
        assert_string_equal(a.addresses[1], "0000:21:10.1");
        FAILS(look("b", INDEX(1)), SV_SYSTEM, "vf.busy");
        assert_non_null(strstr(err.msg, "guest a"));
        OK(with_guest("b", INDEX(3), &b));
        assert_string_equal(b.addresses[0], "0000:21:10.3");
        OK(with_guest("c", NIC(""), &c));
        assert_string_equal(c.addresses[0], "0000:21:10.2");
        FAILS(look("d", NIC("")), SV_SYSTEM, "vf.busy");
        let_go("a");
        OK(look("d", NIC("")));
        let_go("b");
        let_go("c");
        must_be_as_before();
}

/* What is the host's, or others reach, is nobody's. */
static void not_to_be_had(void **state)
{
        put_host_file(base, "0x1003\n", PCI "0/net/v0/flags");
        FAILS(look("a", INDEX(0)), SV_SYSTEM, "vf.busy");
        assert_non_null(strstr(err.msg, "v0 is up"));
        {
                TAKEN t = {0};

                OK(with_guest("a", NIC(""), &t));
                assert_string_equal(t.addresses[0], "0000:21:10.1");
                let_go("a");
        }
        {
                SV_STR interface = sv_asprintf("%s/" PCI "0/net/v0", base);

                OK(sv_remove_tree(interface, &err));
                FAILS(look("a", INDEX(0)), SV_SYSTEM, "vf.busy");
                assert_non_null(strstr(err.msg, "network namespace"));
                bind_driver(0, NULL);
                OK(look("a", INDEX(0)));
                bind_driver(0, "../drivers/vfio-pci"); /* prepared by hand, and nobody has it */
                OK(look("a", INDEX(0)));
        }
        put_host_file(base, "", "sys/kernel/iommu_groups/11/devices/0000:00:1f.2");
        put_host_file(base, "0x010601\n", "sys/bus/pci/devices/0000:00:1f.2/class");
        FAILS(try_take("a", INDEX(1)), SV_SYSTEM, "vf.iommu");
        assert_non_null(strstr(err.msg, "0000:00:1f.2"));
        /* a bridge is the host's, and reaches nothing by itself */
        put_host_file(base, "0x060400\n", "sys/bus/pci/devices/0000:00:1f.2/class");
        OK(look("a", INDEX(1)));
        {
                SV_STR group = sv_asprintf("%s/" PCI "2/iommu_group", base);

                assert_int_equal(unlink(group), 0);
                FAILS(look("a", INDEX(2)), SV_SYSTEM, "vf.iommu");
                assert_non_null(strstr(err.msg, "IOMMU on"));
        }
        FAILS(look("a", INDEX(4)), SV_SYSTEM, "vf.none");
        FAILS(look("a", "{\"type\":\"vf\",\"source\":\"lo\"}"), SV_SYSTEM, "vf.card");
        FAILS(look("a", "{\"type\":\"vf\",\"source\":\"none\"}"), SV_SYSTEM, "vf.card");
        user = 1000;
        FAILS(look("a", INDEX(1)), SV_SYSTEM, "vf.rights");
        must_be_as_before();
}

static void confidential(void **state)
{
        SV_GUEST g = {0};

        OK(sv_guest_parse(sv_bytes_str("{\"name\":\"a\",\"kernel\":\"k\",\"nics\":[" NIC("") "]}"),
                          "g.json", base, &g, &err));
        FAILS(sv_functions_check(base, &g, 0, true, &err), SV_USAGE, "vf.tee");
}

/* A card that does not take one of them has the others as before. */
static void refused_setting(void **state)
{
        static const struct {
                int type;
                const char *what;
        } cases[] = {{IFLA_VF_VLAN, "VLAN 100, priority 3"},
                     {IFLA_VF_RATE, "rate 10 to 1000 Mbit/s"},
                     {IFLA_VF_SPOOFCHK, "spoof check off"},
                     {IFLA_VF_TRUST, "trust on"}};

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                refuses = cases[i].type;
                FAILS(try_take("a", ALL), SV_SYSTEM, "vf.refused");
                assert_non_null(strstr(err.msg, cases[i].what));
                assert_non_null(strstr(err.msg, "g.json:1: /nics/0"));
                must_be_as_before();
                refuses = -1;
                forgets = cases[i].type;
                FAILS(try_take("a", ALL), SV_SYSTEM, "vf.refused");
                assert_non_null(strstr(err.msg, cases[i].what));
                must_be_as_before();
                forgets = -1;
        }
        /* a card without such switches, of which nothing is asked */
        for (unsigned i = 0; i < FUNCTIONS; i++)
                card[i].trust = SV_VF_UNKNOWN;
        OK(try_take("a", NIC("")));
        card[0].spoof_check = SV_VF_UNKNOWN;
        refuses = IFLA_VF_SPOOFCHK;
        FAILS(try_take("a", NIC("")), SV_SYSTEM, "vf.refused");
}

static void broken_answers(void **state)
{
        answers = SILENT;
        FAILS(try_take("a", ALL), SV_SYSTEM, "vf.read");
        answers = CUT;
        FAILS(try_take("a", INDEX(3)), SV_SYSTEM, "vf.card");
        answers = NO_FUNCTIONS;
        FAILS(try_take("a", ALL), SV_SYSTEM, "vf.card");
        answers = WHOLE;
        must_be_as_before();
}

#define CREATE NIC(",\"vf\":{\"create\":4}")

static unsigned count(void)
{
        SV_STR path = sv_asprintf("%s/sys/class/net/" CARD "/device/sriov_numvfs", base);
        SV_BUF text = SV_BUF_NULL;

        OK(sv_file_read(path, 64, &text, "test", &err));
        return (unsigned)strtoul(sv_buf_str(&text), NULL, 10);
}

static void created(void **state)
{
        put_functions(0);
        FAILS(look("a", NIC("")), SV_SYSTEM, "vf.none");
        assert_non_null(strstr(err.msg, "can have 4"));
        FAILS(look("a", NIC(",\"vf\":{\"create\":5}")), SV_SYSTEM, "vf.none");
        OK(look("a", CREATE));
        assert_int_equal(count(), 0);
        OK(try_take("a", CREATE));
        OK(try_take("b", NIC("")));
        assert_int_equal(count(), 4);
        let_go("a");
        assert_int_equal(count(), 4);
        let_go("b");
        assert_int_equal(count(), 0);
        must_be_as_before();
        /* what the host uses meanwhile stays, until it does not */
        OK(try_take("a", CREATE));
        put_host_file(base, "0x1003\n", PCI "3/net/v3/flags");
        let_go("a");
        assert_int_equal(count(), 4);
        put_host_file(base, "0x1002\n", PCI "3/net/v3/flags");
        let_go("a");
        assert_int_equal(count(), 0);
        /* and what somebody else made is theirs */
        put_functions(4);
        OK(try_take("a", CREATE));
        let_go("a");
        assert_int_equal(count(), 4);
}

/* Whatever was done is in the record already. */
static void killed(void **state)
{
        for (int at = 1; at <= 5; at++) {
                pid_t pid;
                int status;

                begin(NULL);
                dies_at = at;
                pid = fork();
                if (pid == 0) {
                        try_take("a", ALL);
                        _exit(1);
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                dies_at = 0;
                let_go("a");
                must_be_as_before();
        }
        /* with its supervisor: libvirt has not given it back */
        OK(try_take("a", ALL));
        bind_driver(0, "../drivers/vfio-pci");
        let_go("a");
        must_be_as_before();
        {
                SV_STR link = sv_asprintf("%s/" PCI "0/driver", base);
                char to[64] = "";

                assert_true(readlink(link, to, sizeof(to) - 1) > 0);
                assert_string_equal(to, "../drivers/igbvf");
        }
}

static void after_a_boot(void **state)
{
        SV_STR record = sv_asprintf("%s/.vf", base);

        OK(try_take("a", ALL));
        begin(NULL);
        put_host_file(base, "boot-2\n", "proc/sys/kernel/random/boot_id");
        put_host_file(base,
                      "{\"boot\":\"boot-1\",\"functions\":[{\"card\":\"" CARD
                      "\",\"index\":0,\"address\":\"0000:21:10.0\",\"guest\":\"a\",\"nic\":0}]}",
                      ".vf");
        OK(look("b", INDEX(0)));
        let_go("a");
        assert_int_not_equal(access(record, F_OK), 0);
}

/* What cannot be given back stays in the record, and is tried again. */
static void kernel_refuses(void **state)
{
        struct sv_state s = {.name = (char *)"a", .lock = -1};

        put_functions(0);
        fails_at = "sriov_numvfs";
        FAILS(try_take("a", CREATE), SV_SYSTEM, "vf.create");
        assert_int_equal(count(), 0);
        fails_at = NULL;
        must_be_as_before();
        OK(try_take("a", CREATE));
        fails_at = "sriov_numvfs";
        FAILS(sv_functions_release(base, &s, &err), SV_SYSTEM, "vf.back");
        fails_at = "unbind";
        put_functions(4);
        OK(try_take("a", ALL));
        bind_driver(0, "../drivers/vfio-pci");
        FAILS(sv_functions_release(base, &s, &err), SV_SYSTEM, "vf.back");
        fails_at = NULL;
        let_go("a");
        assert_int_equal(count(), 0);
        must_be_as_before();
}

static void pulled(void **state)
{
        OK(try_take("a", ALL));
        put_functions(0);
        let_go("a");
        FAILS(look("a", NIC("")), SV_SYSTEM, "vf.none");
        /* what is noted of a function that has gone is nobody's */
        put_functions(4);
        put_host_file(base,
                      "{\"boot\":\"boot-1\",\"functions\":[{\"card\":\"" CARD
                      "\",\"index\":2,\"address\":\"0000:99:10.4\",\"guest\":\"a\",\"nic\":0}]}",
                      ".vf");
        {
                TAKEN t = {0};

                OK(with_guest("a", NIC(""), &t));
                assert_string_equal(t.addresses[0], "0000:21:10.0");
        }
        let_go("a");
}

static void damaged_record(void **state)
{
        struct sv_state s = {.name = (char *)"a", .lock = -1};

        put_host_file(base,
                      "{\"boot\":\"boot-1\",\"functions\":[{\"card\":\"" CARD
                      "\",\"index\":0,\"address\":\"0000:21:10.0\",\"guest\":\"a\",\"nic\":0}]}",
                      ".vf");
        FAILS(sv_functions_release(base, &s, &err), SV_SYSTEM, "vf.record");
        put_host_file(base, "{", ".vf");
        FAILS(sv_functions_release(base, &s, &err), SV_FORMAT, "vf.record.json");
}

static void compared(void **state)
{
        SV_JSON *found = sv_json_array();
        TAKEN t = {0};

        OK(with_guest("a", ALL, &t));
        bind_driver(0, "../drivers/vfio-pci");
        assert_true(sv_functions_compare(base, t.status, found));
        assert_int_equal(sv_json_len(found), 0);
        card[0].mac[5]++;
        card[0].qos = 1;
        card[0].max_rate = 0;
        card[0].spoof_check = 1;
        card[0].trust = 0;
        bind_driver(0, "../drivers/igbvf");
        sv_functions_compare(base, t.status, found);
        assert_int_equal(sv_json_len(found), 6);
        for (size_t i = 0; i < 6; i++) {
                static const char *const what[] = {"driver", "MAC address", "VLAN",
                                                   "rate",   "spoof check", "trust"};
                SV_STR whole = sv_asprintf("interface 0, %s", what[i]);

                assert_string_equal(sv_json_text(sv_json_at(found, i), "what", ""), whole);
        }
        answers = SILENT;
        put_functions(0);
        sv_functions_compare(base, t.status, found);
        assert_int_equal(sv_json_len(found), 8);
        let_go("a");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(set_and_back, begin),
                cmocka_unit_test_setup(shared_card, begin),
                cmocka_unit_test_setup(not_to_be_had, begin),
                cmocka_unit_test_setup(confidential, begin),
                cmocka_unit_test_setup(refused_setting, begin),
                cmocka_unit_test_setup(broken_answers, begin),
                cmocka_unit_test_setup(created, begin),
                cmocka_unit_test_setup(killed, begin),
                cmocka_unit_test_setup(after_a_boot, begin),
                cmocka_unit_test_setup(kernel_refuses, begin),
                cmocka_unit_test_setup(pulled, begin),
                cmocka_unit_test_setup(damaged_record, begin),
                cmocka_unit_test_setup(compared, begin),
        };

        make_base(NULL);
        setenv("SECURE_VM_DIR", base, 1);
        return cmocka_run_group_tests(tests, NULL, remove_base);
}
