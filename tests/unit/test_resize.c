/* SPDX-License-Identifier: Apache-2.0 */
/* What of a guest is changed while it runs: how it is asked for, and that all of it happens or
 * nothing. libvirt is stood in for by the table (--wrap). */
#include "base/core/file.h"
#include "launcher/keeper/resize.h"
#include "launcher/virt/virt-resize.h"
#include "launcher/virt/virt-sizes.h"
#include "tests/unit/unit.h"

#define DOMAIN                                                                                     \
        "<domain type='qemu'><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid><memory>65536</"     \
        "memory><os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type></os><devices><emulator>/" \
        "qemu</emulator><disk type='file'><driver type='%s'/><source file='/r.img'/><target "      \
        "dev='vda'/></disk></devices></domain>"

static struct world {
        struct sv_cpu_limits cpu;
        struct sv_disk_limits disk[2];
        uint64_t net, size;
        struct sv_sizes sizes;
        const char *format;
        bool no_cgroup;
        unsigned sets, fail_at, stay; /* the set that fails, counted from 1; those after it, too */
} world;

static struct world fresh(void)
{
        return (struct world){.cpu = {1024, -1, 100000},
                              .size = 1 << 20,
                              .format = "raw",
                              .sizes = {.vcpus = 1, .taken = 2 << 20, .most = 1 << 30}};
}

static int may_set(struct sv_err *err)
{
        world.sets++;
        if (world.sets == world.fail_at ||
            (world.fail_at && world.stay && world.sets > world.fail_at))
                return sv_fail(err, SV_SYSTEM, "virt.qemu", "the table says that this fails");
        return 0;
}

int __wrap_sv_virt_read_cpu_limits(struct sv_virt *v, struct sv_cpu_limits *out,
                                   struct sv_err *err);
int __wrap_sv_virt_set_cpu_shares(struct sv_virt *v, uint64_t shares, struct sv_err *err);
int __wrap_sv_virt_set_cpu_quota(struct sv_virt *v, int64_t quota, struct sv_err *err);
int __wrap_sv_virt_read_disk_limits(struct sv_virt *v, const char *target,
                                    struct sv_disk_limits *out, struct sv_err *err);
int __wrap_sv_virt_set_disk_limits(struct sv_virt *v, const char *target,
                                   const struct sv_disk_limits *to, struct sv_err *err);
int __wrap_sv_virt_read_net_limit(struct sv_virt *v, const char *mac, uint64_t *bytes,
                                  struct sv_err *err);
int __wrap_sv_virt_set_net_limit(struct sv_virt *v, const char *mac, uint64_t bytes,
                                 struct sv_err *err);
int __wrap_sv_virt_read_disk_size(struct sv_virt *v, const char *target, uint64_t *bytes,
                                  struct sv_err *err);
int __wrap_sv_virt_grow_disk(struct sv_virt *v, const char *target, uint64_t bytes,
                             struct sv_err *err);
int __wrap_sv_virt_get_xml(struct sv_virt *v, struct sv_buf *out, struct sv_err *err);
int __wrap_sv_virt_read_sizes(struct sv_virt *v, struct sv_sizes *out, struct sv_err *err);
int __wrap_sv_virt_set_vcpus(struct sv_virt *v, unsigned n, struct sv_err *err);
int __wrap_sv_virt_want_memory(struct sv_virt *v, uint64_t bytes, struct sv_err *err);
void __wrap_sv_virt_put_memory_use(struct sv_virt *v, struct sv_json *out);

int __wrap_sv_virt_read_cpu_limits(struct sv_virt *v, struct sv_cpu_limits *out, struct sv_err *err)
{
        if (world.no_cgroup)
                return sv_fail(err, SV_SYSTEM, "resize.cgroup", "the table has no cgroup");
        *out = world.cpu;
        return 0;
}

int __wrap_sv_virt_set_cpu_shares(struct sv_virt *v, uint64_t shares, struct sv_err *err)
{
        if (may_set(err) < 0)
                return -1;
        world.cpu.shares = shares;
        return 0;
}

int __wrap_sv_virt_set_cpu_quota(struct sv_virt *v, int64_t quota, struct sv_err *err)
{
        if (may_set(err) < 0)
                return -1;
        world.cpu.quota = quota;
        return 0;
}

static size_t index_of(const char *target)
{
        assert_int_equal(strlen(target), 3);
        assert_in_range(target[2], 'a', 'b');
        return (size_t)(target[2] - 'a');
}

int __wrap_sv_virt_read_disk_limits(struct sv_virt *v, const char *target,
                                    struct sv_disk_limits *out, struct sv_err *err)
{
        *out = world.disk[index_of(target)];
        return 0;
}

int __wrap_sv_virt_set_disk_limits(struct sv_virt *v, const char *target,
                                   const struct sv_disk_limits *to, struct sv_err *err)
{
        if (may_set(err) < 0)
                return -1;
        world.disk[index_of(target)] = *to;
        return 0;
}

int __wrap_sv_virt_read_net_limit(struct sv_virt *v, const char *mac, uint64_t *bytes,
                                  struct sv_err *err)
{
        assert_string_equal(mac, "52:54:00:00:00:01");
        *bytes = world.net;
        return 0;
}

int __wrap_sv_virt_set_net_limit(struct sv_virt *v, const char *mac, uint64_t bytes,
                                 struct sv_err *err)
{
        if (may_set(err) < 0)
                return -1;
        world.net = bytes;
        return 0;
}

int __wrap_sv_virt_read_disk_size(struct sv_virt *v, const char *target, uint64_t *bytes,
                                  struct sv_err *err)
{
        *bytes = world.size;
        return 0;
}

int __wrap_sv_virt_grow_disk(struct sv_virt *v, const char *target, uint64_t bytes,
                             struct sv_err *err)
{
        if (may_set(err) < 0)
                return -1;
        world.size = bytes;
        return 0;
}

int __wrap_sv_virt_get_xml(struct sv_virt *v, struct sv_buf *out, struct sv_err *err)
{
        sv_buf_printf(out, DOMAIN, world.format);
        return 0;
}

int __wrap_sv_virt_read_sizes(struct sv_virt *v, struct sv_sizes *out, struct sv_err *err)
{
        *out = world.sizes;
        return 0;
}

int __wrap_sv_virt_set_vcpus(struct sv_virt *v, unsigned n, struct sv_err *err)
{
        if (may_set(err) < 0)
                return -1;
        world.sizes.vcpus = n;
        return 0;
}

int __wrap_sv_virt_want_memory(struct sv_virt *v, uint64_t bytes, struct sv_err *err)
{
        if (may_set(err) < 0)
                return -1;
        world.sizes.wanted = bytes;
        return 0;
}

void __wrap_sv_virt_put_memory_use(struct sv_virt *v, struct sv_json *out)
{
        sv_json_set_int(out, "free", 5);
}

/* --- how it is asked for --- */

static void values(void **state)
{
        static const struct {
                enum sv_resize_kind kind;
                const char *text;
                int64_t value; /* -1: refused */
                const char *of;
        } t[] = {
                {SV_RESIZE_CPU_SHARES, "512", 512, ""},
                {SV_RESIZE_CPU_SHARES, "262144", 262144, ""},
                {SV_RESIZE_CPU_SHARES, "262145", -1, ""},
                {SV_RESIZE_CPU_SHARES, "1", 1, ""},
                {SV_RESIZE_CPU_SHARES, "0", -1, ""},
                {SV_RESIZE_CPU_SHARES, "none", -1, ""},
                {SV_RESIZE_CPU_SHARES, "", -1, ""},
                {SV_RESIZE_CPU_SHARES, "-1", -1, ""},
                {SV_RESIZE_CPU_QUOTA, "150", 150, ""},
                {SV_RESIZE_CPU_QUOTA, "none", 0, ""},
                {SV_RESIZE_CPU_QUOTA, "0", -1, ""},
                {SV_RESIZE_CPU_QUOTA, "150%", -1, ""},
                {SV_RESIZE_CPU_QUOTA, "409600", 409600, ""},
                {SV_RESIZE_CPU_QUOTA, "409601", -1, ""},
                {SV_RESIZE_DISK_RATE, "root=1MiB", 1 << 20, "root"},
                {SV_RESIZE_DISK_RATE, "root=none", 0, "root"},
                {SV_RESIZE_DISK_RATE, "1MiB", -1, ""},
                {SV_RESIZE_DISK_RATE, "=1MiB", -1, ""},
                {SV_RESIZE_DISK_RATE, "root=", -1, ""},
                {SV_RESIZE_DISK_IOPS, "root=100", 100, "root"},
                {SV_RESIZE_DISK_IOPS, "root=0", -1, ""},
                {SV_RESIZE_DISK_IOPS, "root=1MiB", -1, ""},
                {SV_RESIZE_NET_RATE, "0=10MiB", 10 << 20, "0"},
                {SV_RESIZE_NET_RATE, "0=1KiB", 1024, "0"},
                {SV_RESIZE_NET_RATE, "0=1023", -1, ""},
                {SV_RESIZE_NET_RATE, "0=1025", -1, ""},
                {SV_RESIZE_NET_RATE, "0=1TiB", 1ll << 40, "0"},
                {SV_RESIZE_NET_RATE, "0=1025GiB", -1, ""},
                {SV_RESIZE_NET_RATE, "0=none", 0, "0"},
                {SV_RESIZE_VCPUS, "1", 1, ""},
                {SV_RESIZE_VCPUS, "512", 512, ""},
                {SV_RESIZE_VCPUS, "513", -1, ""},
                {SV_RESIZE_VCPUS, "0", -1, ""},
                {SV_RESIZE_VCPUS, "none", -1, ""},
                {SV_RESIZE_MEMORY, "1GiB", 1 << 30, ""},
                {SV_RESIZE_MEMORY, "16TiB", 1ll << 44, ""},
                {SV_RESIZE_MEMORY, "16385GiB", -1, ""},
                {SV_RESIZE_MEMORY, "1KiB", -1, ""},
                {SV_RESIZE_MEMORY, "1025KiB", -1, ""},
                {SV_RESIZE_DISK_SIZE, "root=2MiB", 2 << 20, "root"},
                {SV_RESIZE_DISK_SIZE, "root=1000", -1, ""},
                {SV_RESIZE_DISK_SIZE, "root=none", -1, ""},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_resize r = {0};

                if (t[i].value < 0) {
                        FAILS(sv_resize_add(&r, t[i].kind, t[i].text, &err), SV_USAGE,
                              "resize.value");
                        continue;
                }
                OK(sv_resize_add(&r, t[i].kind, t[i].text, &err));
                assert_int_equal(r.steps[0].value, t[i].value);
                assert_string_equal(r.steps[0].of, t[i].of);
        }
}

/* A name of NAME_MAX bytes is one, a longer one is none. */
static void long_names(void **state)
{
        char text[SV_NAME_MAX + 8];
        struct sv_resize r = {0};
        struct sv_err err;

        memset(text, 'a', sizeof(text));
        memcpy(text + SV_NAME_MAX, "=1", 3);
        OK(sv_resize_add(&r, SV_RESIZE_DISK_IOPS, text, &err));
        memcpy(text + SV_NAME_MAX, "a=1", 4);
        FAILS(sv_resize_add(&r, SV_RESIZE_DISK_IOPS, text, &err), SV_USAGE, "resize.value");
}

static void many(void **state)
{
        struct sv_resize r = {0};
        char text[32];
        struct sv_err err;

        OK(sv_resize_add(&r, SV_RESIZE_CPU_SHARES, "5", &err));
        FAILS(sv_resize_add(&r, SV_RESIZE_CPU_SHARES, "6", &err), SV_USAGE, "resize.twice");
        OK(sv_resize_add(&r, SV_RESIZE_DISK_SIZE, "a=1MiB", &err));
        FAILS(sv_resize_add(&r, SV_RESIZE_DISK_SIZE, "b=1MiB", &err), SV_USAGE, "resize.twice");
        for (int i = 0; i < SV_RESIZE_STEPS_MAX - 2; i++) {
                snprintf(text, sizeof(text), "d%d=1", i);
                OK(sv_resize_add(&r, SV_RESIZE_DISK_IOPS, text, &err));
        }
        /* what has no way back is last */
        assert_int_equal(r.steps[r.n - 1].kind, SV_RESIZE_DISK_SIZE);
        FAILS(sv_resize_add(&r, SV_RESIZE_DISK_IOPS, "more=1", &err), SV_USAGE, "resize.many");
}

static struct sv_resize ask_for_all(void)
{
        struct sv_resize r = {0};
        struct sv_err err;

        OK(sv_resize_add(&r, SV_RESIZE_DISK_SIZE, "root=2MiB", &err));
        OK(sv_resize_add(&r, SV_RESIZE_CPU_SHARES, "512", &err));
        OK(sv_resize_add(&r, SV_RESIZE_CPU_QUOTA, "150", &err));
        OK(sv_resize_add(&r, SV_RESIZE_DISK_RATE, "root=1MiB", &err));
        OK(sv_resize_add(&r, SV_RESIZE_DISK_IOPS, "root=10", &err));
        OK(sv_resize_add(&r, SV_RESIZE_DISK_IOPS, "data=20", &err));
        OK(sv_resize_add(&r, SV_RESIZE_NET_RATE, "1=1MiB", &err));
        OK(sv_resize_add(&r, SV_RESIZE_VCPUS, "3", &err));
        OK(sv_resize_add(&r, SV_RESIZE_MEMORY, "1GiB", &err));
        return r;
}

static void requests(void **state)
{
        static const struct {
                const char *text, *check;
        } wrong[] = {
                {"{}", "control.request"},
                {"[]", "control.request"},
                {"[{\"set\":\"cpu-shares\"}]", "control.request.member"},
                {"[{\"set\":\"cpu-weight\",\"value\":1}]", "control.request"},
                {"[{\"set\":\"cpu-shares\",\"value\":0}]", "control.request"},
                {"[{\"set\":\"cpu-shares\",\"value\":1,\"of\":\"root\"}]", "control.request"},
                {"[{\"set\":\"disk-rate\",\"value\":1}]", "control.request"},
                {"[{\"set\":\"cpu-shares\",\"value\":1,\"more\":1}]", "control.request.unknown"},
                {"[{\"set\":\"cpu-shares\",\"value\":1},{\"set\":\"cpu-shares\",\"value\":1}]",
                 "control.request"},
                {"[{\"set\":\"net-rate\",\"value\":1025,\"of\":\"0\"}]", "control.request"},
        };
        struct sv_resize r = ask_for_all(), again;
        SV_JSON *j = sv_resize_print(&r);
        struct sv_err err;

        OK(sv_resize_parse(j, &again, &err));
        assert_memory_equal(&r, &again, sizeof(r));
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                SV_JSON *w = NULL;

                OK(sv_json_parse(sv_bytes_str(wrong[i].text), "t", &w, &err));
                FAILS(sv_resize_parse(w, &again, &err), SV_FORMAT, wrong[i].check);
        }
}

/* --- which of the guest's --- */

static struct sv_json *make_status(void)
{
        static const char text[] =
                "{\"vcpus\":1,\"vcpus_max\":3,\"memory\":536870912,\"memory_max\":1073741824,"
                "\"memory_block\":2097152,\"disks\":[{\"id\":\"root\"},{\"id\":\"data\"}],\"nics\":"
                "[{\"type\":\"user\","
                "\"mac\":\"52:54:00:00:00:00\"},{\"type\":\"bridge\",\"mac\":\"52:54:00:00:00:01\""
                "},{\"type\":\"vf\",\"mac\":\"52:54:00:00:00:02\"}]}";
        struct sv_json *j = NULL;
        struct sv_err err;

        OK(sv_json_parse(sv_bytes_str(text), "t", &j, &err));
        return j;
}

static void resolved(void **state)
{
        static const struct {
                enum sv_resize_kind kind;
                const char *text, *target, *check;
        } t[] = {
                {SV_RESIZE_DISK_RATE, "root=1", "vda", NULL},
                {SV_RESIZE_DISK_IOPS, "data=1", "vdb", NULL},
                {SV_RESIZE_DISK_SIZE, "data=1MiB", "vdb", NULL},
                {SV_RESIZE_DISK_SIZE, "dat=1MiB", NULL, "resize.disk"},
                {SV_RESIZE_NET_RATE, "1=1KiB", "52:54:00:00:00:01", NULL},
                {SV_RESIZE_NET_RATE, "0=1KiB", NULL, "resize.nic"},
                {SV_RESIZE_NET_RATE, "2=1KiB", NULL, "resize.nic"},
                {SV_RESIZE_NET_RATE, "3=1KiB", NULL, "resize.nic"},
                {SV_RESIZE_NET_RATE, "eth0=1KiB", NULL, "resize.nic"},
                {SV_RESIZE_VCPUS, "1", "", NULL},
                {SV_RESIZE_VCPUS, "3", "", NULL},
                {SV_RESIZE_VCPUS, "4", NULL, "resize.range"},
                {SV_RESIZE_MEMORY, "512MiB", "", NULL},
                {SV_RESIZE_MEMORY, "514MiB", "", NULL},
                {SV_RESIZE_MEMORY, "1GiB", "", NULL},
                {SV_RESIZE_MEMORY, "510MiB", NULL, "resize.range"},
                {SV_RESIZE_MEMORY, "513MiB", NULL, "resize.range"},
                {SV_RESIZE_MEMORY, "1026MiB", NULL, "resize.range"},
        };
        SV_JSON *status = make_status();
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_resize r = {0};

                OK(sv_resize_add(&r, t[i].kind, t[i].text, &err));
                if (t[i].check) {
                        FAILS(sv_resize_resolve(&r, status, &err), SV_USAGE, t[i].check);
                        continue;
                }
                OK(sv_resize_resolve(&r, status, &err));
                assert_string_equal(r.steps[0].target, t[i].target);
        }
}

/* --- all or nothing --- */

static void all_happen(void **state)
{
        struct sv_resize r = ask_for_all();
        SV_JSON *status = make_status();
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        world = fresh();
        OK(sv_resize_resolve(&r, status, &err));
        OK(sv_resize_apply(NULL, &r, &err));
        sv_resize_put_limits(NULL, status);
        sv_json_print(sv_json_get(status, "limits"), &text);
        assert_string_equal(
                sv_buf_str(&text),
                "{\"cpu_shares\":512,\"cpu_quota\":150,\"disks\":[{\"id\":\"root\",\"rate\":1048576"
                ",\"iops\":10},{\"id\":\"data\",\"iops\":20}],\"nics\":[{\"card\":1,\"rate\":"
                "1048576}]}");
        assert_int_equal(world.size, 2 << 20);
        sv_resize_put_sizes(NULL, status);
        assert_int_equal(sv_json_int(sv_json_get(status, "vcpus_now"), 0), 3);
        assert_int_equal(sv_json_int(sv_json_get(status, "memory_wanted"), 0), 1 << 30);
        /* the guest has taken less yet */
        assert_int_equal(sv_json_int(sv_json_get(status, "memory_now"), 0), 514 << 20);
        assert_int_equal(sv_json_int(sv_json_pointer(status, "/memory_use/free"), 0), 5);
        /* once more, as after a command that was killed before its answer */
        OK(sv_resize_apply(NULL, &r, &err));
}

static void or_none(void **state)
{
        struct sv_resize r = ask_for_all();
        SV_JSON *status = make_status();
        struct sv_err err;

        OK(sv_resize_resolve(&r, status, &err));
        for (unsigned at = 1; at <= r.n; at++) {
                struct world before = fresh();

                world = fresh();
                world.fail_at = at;
                FAILS(sv_resize_apply(NULL, &r, &err), SV_SYSTEM, "virt.qemu");
                /* the failed one is put back, too, but for a disk */
                assert_int_equal(world.sets, at == r.n ? 2 * at - 1 : 2 * at);
                assert_memory_equal(&world.cpu, &before.cpu, sizeof(before.cpu));
                assert_memory_equal(world.disk, before.disk, sizeof(before.disk));
                assert_int_equal(world.net, before.net);
                assert_int_equal(world.size, before.size);
                assert_memory_equal(&world.sizes, &before.sizes, sizeof(before.sizes));
        }
        /* and what does not go back is told */
        world = fresh();
        world.fail_at = 3;
        world.stay = 1;
        FAILS(sv_resize_apply(NULL, &r, &err), SV_SYSTEM, "virt.qemu");
        assert_non_null(strstr(err.msg, "--cpu-quota could not be put back"));
        assert_non_null(strstr(err.msg, "--cpu-shares could not be put back"));
}

static void refused_before(void **state)
{
        struct sv_resize r = ask_for_all();
        SV_JSON *status = make_status();
        struct sv_err err;

        OK(sv_resize_resolve(&r, status, &err));
        world = fresh();
        world.no_cgroup = true;
        FAILS(sv_resize_apply(NULL, &r, &err), SV_SYSTEM, "resize.cgroup");
        assert_int_equal(world.sets, 0);
        world = fresh();
        world.format = "qcow2";
        FAILS(sv_resize_apply(NULL, &r, &err), SV_USAGE, "resize.layers");
        assert_int_equal(world.sets, 0);
        world = fresh();
        world.size = (2 << 20) + 1;
        FAILS(sv_resize_apply(NULL, &r, &err), SV_USAGE, "resize.smaller");
        assert_int_equal(world.sets, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values),   cmocka_unit_test(long_names),
                cmocka_unit_test(many),     cmocka_unit_test(requests),
                cmocka_unit_test(resolved), cmocka_unit_test(all_happen),
                cmocka_unit_test(or_none),  cmocka_unit_test(refused_before),
        };

        return cmocka_run_group_tests_name("resize", tests, NULL, NULL);
}
