/* SPDX-License-Identifier: Apache-2.0 */
/* image/moddeps: names, order of loading, malformed files. */
#include "unit.h"

#include "base/core/file.h"
#include "image/moddeps.h"
#include "image/softdeps.h"

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

/* The order of all that `module` brings in, as "a b c". */
static void order_soft(const char *dep, const char *softdep, const char *alias, const char *module,
                       char text[256])
{
        const struct sv_moddep *order[16];
        SV_MODDEPS m = SV_MODDEPS_NULL;
        size_t n = 0;

        OK(parse(dep, &m));
        OK(sv_softdeps_add(sv_bytes_str(softdep), sv_bytes_str(alias), &m, &err));
        OK(sv_moddeps_order(&m, sv_moddeps_find(&m, module), order, &n, &err));
        text[0] = 0;
        for (size_t i = 0; i < n; i++)
                snprintf(text + strlen(text), 256 - strlen(text), "%s%s", i ? " " : "",
                         order[i]->name);
}

static void test_soft(void **state)
{
        static const char erofs[] = "k/erofs.ko: k/libcrc32c.ko\nk/libcrc32c.ko:\n"
                                    "k/crc32c-intel.ko:\nk/crc32c_generic.ko: k/hash.ko\n"
                                    "k/hash.ko:\nk/other.ko:\n";
        static const char alias[] = "# Aliases\nalias pci:v*d* other\n"
                                    "alias crypto-crc32c crc32c_intel\nalias crc32c-x other\n"
                                    "alias crypto-crc32c crc32c_generic\nalias crypto-crc32c gone\n"
                                    "alias crypto\nalias ";
        static const struct {
                const char *dep, *softdep, *order;
        } t[] = {
                {erofs, "", "libcrc32c erofs"},
                {erofs, "softdep libcrc32c pre: crypto-crc32c\n",
                 "crc32c_intel hash crc32c_generic libcrc32c erofs"},
                {erofs, "# text\nsoftdep libcrc32c pre: crypto_crc32c", /* '-' and '_' alike */
                 "crc32c_intel hash crc32c_generic libcrc32c erofs"},
                {erofs, "softdep erofs pre: other post: crc32c_intel\n",
                 "libcrc32c other erofs crc32c_intel"},
                {erofs, "softdep erofs post: crc32c_generic pre: nobody other\n",
                 "libcrc32c other erofs hash crc32c_generic"},
                {erofs,
                 "softdep erofs other\nsoftdep nobody pre: other\nsoftdep\nalias erofs other\n",
                 "libcrc32c erofs"},
                /* asks for what needs it: comes after */
                {"erofs.ko:\nb.ko: c.ko\nc.ko: erofs.ko\n", "softdep erofs pre: b\n", "erofs c b"},
                /* in a circle, all of them soft */
                {"erofs.ko:\nb.ko:\n", "softdep erofs pre: b\nsoftdep b pre: erofs\n", "b erofs"},
                {"erofs.ko:\n", "softdep erofs pre: erofs post: erofs\n", "erofs"},
        };
        char order[256];

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                order_soft(t[i].dep, t[i].softdep, alias, "erofs", order);
                assert_string_equal(order, t[i].order);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),     cmocka_unit_test(test_names),
                cmocka_unit_test(test_malformed), cmocka_unit_test(test_cycle),
                cmocka_unit_test(test_soft),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
