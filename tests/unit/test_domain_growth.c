/* SPDX-License-Identifier: Apache-2.0 */
/* A domain that can grow and tells of its memory, and how large one is by its XML. */
#include "base/core/file.h"
#include "launcher/virt/domain-growth.h"
#include "launcher/virt/virt-sizes.h"
#include "tests/unit/unit.h"

static const struct sv_tee vtpm = {.name = "plain"},
                           sealed = {.name = "sealed", .confidential = true};
static const struct sv_tee_host ordinary = {.id = &vtpm}, confidential = {.id = &sealed};
static struct sv_err err;

static void print(const char *more, const struct sv_tee_host *tee, struct sv_buf *sizes,
                  struct sv_buf *devices)
{
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"kernel\":\"k\",\"vcpus\":2,\"memory\":"
                                  "\"1GiB\"%s}",
                                  more);
        SV_GUEST g = {0};
        const struct sv_plan p = {.guest = &g, .tee = tee};

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/", &g, &err));
        sv_domain_put_sizes(&g, sizes);
        sv_domain_put_growth(&p, devices);
}

#define FIXED "  <memory unit='b'>1073741824</memory>\n  <vcpu>2</vcpu>\n"
#define GROWS                                                                                    \
        "  <maxMemory unit='b'>3221225472</maxMemory>\n  <memory unit='b'>1073741824</memory>\n" \
        "  <vcpu current='2'>8</vcpu>\n"
#define MEMORY                                                                                    \
        "    <memory model='virtio-mem'>\n      <target>\n        <size "                         \
        "unit='KiB'>2097152</size>\n        <node>0</node>\n        <block "                      \
        "unit='KiB'>2048</block>\n        <requested unit='KiB'>0</requested>\n      </target>\n" \
        "    </memory>\n"
#define NONE "    <memballoon model='none'/>\n"
#define BALLOON(deflate, report)                                                              \
        "    <memballoon model='virtio' autodeflate='" deflate "' freePageReporting='" report \
        "'>\n      <stats period='5'/>\n    </memballoon>\n"

static void printed(void **state)
{
        static const struct {
                const char *more;
                const struct sv_tee_host *tee;
                const char *sizes, *devices;
        } t[] = {
                {"", &ordinary, FIXED, BALLOON("on", "on")},
                {"", NULL, FIXED, BALLOON("on", "on")},
                {"", &confidential, FIXED, NONE},
                {",\"vcpus_max\":8,\"memory_max\":\"3GiB\"", &ordinary, GROWS,
                 MEMORY BALLOON("on", "on")},
                {",\"tuning\":{\"memory\":{\"balloon\":false}}", &ordinary, FIXED, NONE},
                {",\"tuning\":{\"memory\":{\"deflate\":false}}", &ordinary, FIXED,
                 BALLOON("off", "on")},
                {",\"tuning\":{\"memory\":{\"locked\":true}}", &ordinary, FIXED,
                 BALLOON("on", "off")},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_BUF sizes = SV_BUF_NULL;
                SV_BUF devices = SV_BUF_NULL;

                print(t[i].more, t[i].tee, &sizes, &devices);
                assert_string_equal(sv_buf_str(&sizes), t[i].sizes);
                assert_string_equal(sv_buf_str(&devices), t[i].devices);
        }
}

#define DOMAIN(vcpu, memory)                                           \
        "<domain type='qemu'><memory unit='KiB'>1048576</memory>" vcpu \
        "<devices><memballoon model='virtio'/>" memory "</devices></domain>"
#define TARGET(requested)                                                      \
        "<target><size unit='KiB'>2048</size><requested unit='KiB'>" requested \
        "</requested><current unit='KiB'>512</current></target>"
#define DIMM "<memory model='dimm'><target><size unit='KiB'>9</size></target></memory>"

static void sizes_read(void **state)
{
        static const struct {
                const char *xml;
                struct sv_sizes sizes;
        } t[] = {
                {DOMAIN("<vcpu placement='static'>4</vcpu>", ""), {.vcpus = 4}},
                {DOMAIN("<vcpu current='3'>4</vcpu>", DIMM), {.vcpus = 3}},
                {DOMAIN("<vcpu current='1'>4</vcpu>",
                        DIMM "<memory model='virtio-mem'>" TARGET("1024") "</memory>"),
                 {.vcpus = 1, .wanted = 1 << 20, .taken = 512 << 10, .most = 2 << 20}},
                {"<domain/>", {.vcpus = 0}},
                {"", {.vcpus = 0}},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                struct sv_sizes s;

                sv_sizes_read(sv_bytes_str(t[i].xml), &s);
                assert_int_equal(s.vcpus, t[i].sizes.vcpus);
                assert_int_equal(s.wanted, t[i].sizes.wanted);
                assert_int_equal(s.taken, t[i].sizes.taken);
                assert_int_equal(s.most, t[i].sizes.most);
        }
}

static void wishes(void **state)
{
        SV_BUF device = SV_BUF_NULL;

        assert_true(sv_sizes_put_wish(
                sv_bytes_str(DOMAIN("<vcpu>1</vcpu>", DIMM "<memory model='virtio-mem'>" TARGET(
                                                              "0") "<alias name='v'/></memory>")),
                1 << 20, &device));
        assert_string_equal(sv_buf_str(&device), "<memory model='virtio-mem'>" TARGET(
                                                         "1024") "<alias name='v'/></memory>");
        assert_false(sv_sizes_put_wish(sv_bytes_str(DOMAIN("<vcpu>1</vcpu>", DIMM)), 0, &device));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(printed),
                cmocka_unit_test(sizes_read),
                cmocka_unit_test(wishes),
        };

        return cmocka_run_group_tests_name("domain-growth", tests, NULL, NULL);
}
