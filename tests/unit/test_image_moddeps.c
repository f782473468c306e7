/* SPDX-License-Identifier: Apache-2.0 */
/* image/moddeps: names, order of loading, malformed files. */
#include "unit.h"

#include "base/core/file.h"
#include "image/moddeps.h"

static struct sv_err err;
static const char good[] =
        "kernel/drivers/net/virtio_net.ko: kernel/net/net-failover.ko kernel/drivers/virtio.ko\n"
        "kernel/net/net-failover.ko: kernel/net/failover.ko\n"
        "kernel/net/failover.ko:\n"
        "kernel/drivers/virtio.ko:\n"
        "kernel/fs/ext4.ko.xz: kernel/lib/crc16.ko.zst\n"
        "kernel/lib/crc16.ko.zst:\n";

static int parse(const char *text, struct sv_moddeps *m)
{
        return sv_moddeps_parse(sv_bytes_str(text), m, &err);
}

static void test_order(void **state)
{
        static const char *const expect[] = {"failover",   "net_failover", "virtio",
                                             "virtio_net", "crc16",        "ext4"};
        const struct sv_moddep *order[6];
        SV_MODDEPS m = SV_MODDEPS_NULL;
        size_t n = 0;

        OK(parse(good, &m));
        assert_int_equal(m.n, 6);
        OK(sv_moddeps_order(&m, sv_moddeps_find(&m, "virtio-net"), order, &n, &err));
        assert_int_equal(n, 4);
        OK(sv_moddeps_order(&m, sv_moddeps_find(&m, "ext4"), order, &n, &err));
        OK(sv_moddeps_order(&m, sv_moddeps_find(&m, "virtio"), order, &n, &err));
        assert_int_equal(n, 6);
        for (size_t i = 0; i < n; i++)
                assert_string_equal(order[i]->name, expect[i]);
        assert_null(sv_moddeps_find(&m, "virtio_ne"));
        assert_null(sv_moddeps_find(&m, "virtio_net2"));
}

static void test_names(void **state)
{
        static const struct {
                const char *path, *name;
        } cases[] = {
                {"kernel/a/x-y.ko", "x_y"},
                {"z.ko.zst", "z"},
                {"a/z.ko.xz", "z"},
                {"a/z.ko.gz", "z"},
                {"a/.ko", NULL},
                {"a/z.o", NULL},
                {"", NULL},
                {"a/z.ko/", NULL},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_STR name = sv_module_name(cases[i].path);

                if (cases[i].name)
                        assert_string_equal(name, cases[i].name);
                else
                        assert_null(name);
        }
}

static void test_malformed(void **state)
{
        static const char *const bad[] = {
                "kernel/x.ko\n",                /* no colon */
                "kernel/x.ko:kernel/y.ko\n",    /* no blank */
                "/kernel/x.ko:\n",              /* absolute */
                "kernel/../x.ko:\n",            /* climbs */
                "../x.ko:\n",                   /* climbs */
                "kernel//x.ko:\n",              /* empty part */
                "kernel/x y.ko:\n",             /* blank in a path */
                "kernel/x:\n",                  /* no module */
                ":\n",                          /* nothing */
                "kernel/x.ko: kernel/y.ko\n",   /* dependency without a line */
                "kernel/x.ko: ../y.ko\n",       /* the same, climbing */
                "kernel/x.ko:\nkernel/x.ko:\n", /* twice */
        };
        SV_MODDEPS m = SV_MODDEPS_NULL;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                FAILS(parse(bad[i], &m), SV_FORMAT, "image.modules.dep");
        FAILS(sv_moddeps_parse(sv_bytes("a.ko:\0\n", 7), &m, &err), SV_FORMAT, "image.modules.dep");
        OK(sv_moddeps_parse(SV_BYTES_NULL, &m, &err));
        assert_int_equal(m.n, 0);
}

static void test_cycle(void **state)
{
        const struct sv_moddep *order[2];
        SV_MODDEPS m = SV_MODDEPS_NULL;
        size_t n = 0;

        OK(parse("a.ko: b.ko\nb.ko: a.ko\n", &m));
        FAILS(sv_moddeps_order(&m, sv_moddeps_find(&m, "a"), order, &n, &err), SV_FORMAT,
              "image.modules.cycle");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_malformed),
                cmocka_unit_test(test_cycle),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
