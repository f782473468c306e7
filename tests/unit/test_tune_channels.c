/* SPDX-License-Identifier: Apache-2.0 */
/* How many queues a card has, by the kernel's call, in place of a file. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "launcher/tune/channels.h"
#include "launcher/tune/kernel-file.h"
#include "tests/unit/host_tree.h"

static struct sv_err err;
static struct ethtool_channels card;
static bool allowed;
static unsigned n_changes;

int __wrap_ioctl(int fd, unsigned long request, ...);

/* A card "eth0" as the kernel keeps it: it refuses before it looks whether anything changes. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
        struct ethtool_channels *c;
        struct ifreq *r;
        va_list ap;

        va_start(ap, request);
        r = va_arg(ap, struct ifreq *);
        va_end(ap);
        assert_int_equal(request, SIOCETHTOOL);
        c = (struct ethtool_channels *)r->ifr_data;
        errno = ENODEV;
        if (strcmp(r->ifr_name, "eth0") != 0)
                return -1;
        if (c->cmd == ETHTOOL_GCHANNELS) {
                *c = card;
                return 0;
        }
        assert_int_equal(c->cmd, ETHTOOL_SCHANNELS);
        errno = EPERM;
        if (!allowed)
                return -1;
        errno = EINVAL;
        if (!c->combined_count || c->combined_count > card.max_combined)
                return -1;
        assert_int_equal(c->rx_count, card.rx_count);
        assert_int_equal(c->other_count, card.other_count);
        n_changes += c->combined_count != card.combined_count;
        card.combined_count = c->combined_count;
        return 0;
}

static int begin(void **state)
{
        card = (struct ethtool_channels){.max_combined = 8,
                                         .combined_count = 2,
                                         .max_rx = 1,
                                         .rx_count = 1,
                                         .max_other = 1,
                                         .other_count = 1};
        allowed = true;
        n_changes = 0;
        return 0;
}

static void as_a_file(void **state)
{
        const char *path = SV_CHANNELS "/eth0/combined", *most = SV_CHANNELS "/eth0/combined_max";
        SV_BUF now = SV_BUF_NULL;

        assert_int_equal(sv_kernel_file_read("", path, SV_KERNEL_TEXT, &now, &err), 1);
        assert_string_equal(sv_buf_str(&now), "2");
        assert_int_equal(sv_kernel_file_number("", most, 0), 8);
        assert_int_equal(sv_kernel_file_try("", path), 0);
        assert_int_equal(n_changes, 0);
        assert_int_equal(sv_kernel_file_write("", path, "8"), 0);
        assert_int_equal(sv_kernel_file_number("", path, 0), 8);
        assert_int_equal(n_changes, 1);
}

static void refused(void **state)
{
        static const char *const values[] = {"9", "0", "", "x", "4x", "65536", "-1"};
        const char *path = SV_CHANNELS "/eth0/combined";

        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                assert_int_equal(sv_kernel_file_write("", path, values[i]), -1);
                assert_int_equal(errno, EINVAL);
        }
        assert_int_equal(sv_kernel_file_write("", SV_CHANNELS "/eth0/combined_max", "4"), -1);
        assert_int_equal(sv_kernel_file_try("", SV_CHANNELS "/eth0/combined_max"), -1);
        assert_int_equal(sv_kernel_file_number("", SV_CHANNELS "/eth1/combined", 0), 0);
        assert_int_equal(
                sv_kernel_file_number("", SV_CHANNELS "/a-name-that-is-too-long/combined", 0), 0);
        allowed = false;
        assert_int_equal(sv_kernel_file_try("", path), -1);
        assert_int_equal(errno, EPERM);
        /* a driver with no queues of this kind */
        card.max_combined = 0;
        assert_int_equal(sv_kernel_file_number("", path, -7), -7);
        assert_int_equal(n_changes, 0);
}

/* Of a recorded host the kernel of this one is not asked. */
static void in_a_fixture(void **state)
{
        put_host_file(base, "3\n", "ethtool/eth0/combined");
        assert_int_equal(sv_kernel_file_number(base, SV_CHANNELS "/eth0/combined", 0), 3);
        assert_int_equal(sv_kernel_file_write(base, SV_CHANNELS "/eth0/combined", "5"), 0);
        assert_int_equal(sv_kernel_file_number(base, SV_CHANNELS "/eth0/combined", 0), 5);
        assert_int_equal(card.combined_count, 2);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(as_a_file, begin),
                cmocka_unit_test_setup(refused, begin),
                cmocka_unit_test_setup(in_a_fixture, begin),
        };

        return cmocka_run_group_tests(tests, make_base, remove_base);
}
