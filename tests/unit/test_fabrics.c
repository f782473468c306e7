/* SPDX-License-Identifier: Apache-2.0 */
/* Connections over NVMe fabrics: which keys are taken, what the kernel must be able to do, and what
 * its words mean when it refuses. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/core/limits.h"
#include "launcher/host/fabrics.h"
#include "tests/unit/host_tree.h"

static struct sv_err err;

/* 32 bytes of zeros and four for the CRC, which the kernel looks at */
#define KEY32 "DHHC-1:00:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:"
#define TEN   "AAAAAAAAAA"
#define KEY48 "DHHC-1:02:" TEN TEN TEN TEN TEN TEN TEN "==:"

static int read_keys(const char *text, unsigned mode, struct sv_fabric_keys *k)
{
        SV_STR path = sv_asprintf("%s/key", base);

        put_host_file(base, text, "key");
        assert_int_equal(chmod(path, mode), 0);
        return sv_fabric_read_keys(path, k, &err);
}

static void keys(void **state)
{
        static const char *const bad[] = {
                "",
                "\n",
                "secret\n",
                KEY32 KEY32,
                KEY32 "\n" KEY32 "\n" KEY32 "\n",
                KEY32 "\n\n",
                " " KEY32,
                "DHHC-1:04:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:",
                "DHHC-1:00:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:",
                "DHHC-1:00:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "DHHC-1:00:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,A:",
                "DHHC-1:00:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:,tls",
        };
        SV_FABRIC_KEYS one = {0};
        SV_FABRIC_KEYS two = {0};

        OK(read_keys(KEY32 "\n", 0600, &one));
        assert_string_equal(one.host, KEY32);
        assert_null(one.controller);
        OK(read_keys(KEY32 "\n" KEY48, 0400, &two));
        assert_string_equal(two.host, KEY32);
        assert_string_equal(two.controller, KEY48);
        assert_true(two.text.locked);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                SV_FABRIC_KEYS k = {0};

                FAILS(read_keys(bad[i], 0600, &k), SV_USAGE, "fabric.secret.form");
                assert_null(strstr(err.msg, "AAAA"));
        }
        FAILS(read_keys(KEY32, 0640, &one), SV_SYSTEM, "fabric.secret.mode");
        FAILS(sv_fabric_read_keys("/nowhere/key", &one, &err), SV_SYSTEM, "fabric.secret.file");
}

/* Blanks make it long enough to be refused for its form, and one more for its size. */
static void key_limit(void **state)
{
        char text[SV_NVME_SECRET_MAX + 2];
        SV_FABRIC_KEYS k = {0};

        memset(text, ' ', sizeof(text));
        text[SV_NVME_SECRET_MAX] = 0;
        FAILS(read_keys(text, 0600, &k), SV_USAGE, "fabric.secret.form");
        text[SV_NVME_SECRET_MAX] = ' ';
        text[SV_NVME_SECRET_MAX + 1] = 0;
        FAILS(read_keys(text, 0600, &k), SV_FORMAT, "fabric.secret.file");
}

static bool lacks;

void *__real_dlopen(const char *name, int flags);
void *__wrap_dlopen(const char *name, int flags);

void *__wrap_dlopen(const char *name, int flags)
{
        return lacks ? NULL : __real_dlopen(name, flags);
}

/* A kernel that does not know the option writes it, and the key, into its log. */
static void kernels(void **state)
{
        FAILS(sv_fabric_check("/nowhere", false, &err), SV_SYSTEM, "fabric.module");
        put_host_file(base, "", "dev/nvme-fabrics");
        lacks = true;
        FAILS(sv_fabric_check(base, false, &err), SV_SYSTEM, "fabric.library");
        lacks = false;
        put_host_file(base, "instance=-1,transport=%s,traddr=%s,hostnqn=%s\n", "dev/nvme-fabrics");
        FAILS(sv_fabric_check(base, true, &err), SV_SYSTEM, "fabric.secret.kernel");
        OK(sv_fabric_check(base, false, &err));
        put_host_file(base, "instance=-1,dhchap_secret=%s,dhchap_ctrl_secret=%s\n",
                      "dev/nvme-fabrics");
        OK(sv_fabric_check(base, true, &err));
}

static char *read_host(const char *text)
{
        put_host_file(base, text, "etc/nvme/hostnqn");
        return sv_fabric_read_host(base, &err);
}

static void host_names(void **state)
{
        SV_STR name = read_host("nqn.2014-08.org.nvmexpress:uuid:x\n");

        assert_string_equal(name, "nqn.2014-08.org.nvmexpress:uuid:x");
        assert_null(read_host("nqn.x,dhchap_secret=y\n"));
        assert_string_equal(err.check, "fabric.host");
        assert_null(read_host("\n"));
        assert_null(read_host("localhost\n"));
        assert_null(sv_fabric_read_host("/nowhere", &err));
        assert_string_equal(err.check, "fabric.host");
}

static const struct sv_fabric_ask ask = {
        .subsystem = "nqn.x:s", .transport = "tcp", .address = "127.0.0.1", .host = "nqn.x:h"};

/* As Linux 6.12 says it. */
static void words(void **state)
{
        static const struct {
                const char *said, *check;
        } t[] = {
                {"nvme_fabrics: no handler found for transport rdma.", "fabric.module"},
                {"nvme nvme0: Connect for subsystem nqn.x:s is not allowed, hostnqn: nqn.x:h; nvme "
                 "nvme0: failed to connect queue: 0 ret=16772",
                 "fabric.host"},
                {"nvme nvme0: Connect Invalid Data Parameter, subsysnqn \"nqn.x:s\"",
                 "fabric.subsystem"},
                {"nvme nvme0: qid 0: authentication setup failed", "fabric.secret"},
                {"nvme nvme0: qid 0: authentication failed", "fabric.secret"},
                {"nvme nvme0: Connect command failed: authentication required", "fabric.secret"},
                {"nvme nvme0: Connect command failed, error wo/DNR bit: 16770", "fabric.connect"},
                {"", "fabric.connect"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                FAILS(sv_fabric_judge(&ask, t[i].said, &err), SV_SYSTEM, t[i].check);
                assert_non_null(strstr(err.msg, "nqn.x:s at 127.0.0.1"));
                assert_non_null(strstr(err.msg, *t[i].said ? t[i].said : "nothing"));
        }
}

/* A port that is bound, and nobody listens at. */
static void nobody_listens(void **state)
{
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        SV_FD fd = socket(AF_INET, SOCK_STREAM, 0);
        struct sv_fabric_place places[1];
        struct sv_fabric_ask closed = ask;
        socklen_t n = sizeof(at);
        size_t found;

        assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
        closed.port = ntohs(at.sin_port);
        FAILS(sv_fabric_connect(&closed, &err), SV_SYSTEM, "fabric.refused");
        FAILS(sv_fabric_discover(&closed, places, 1, &found, &err), SV_SYSTEM, "fabric.refused");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys),    cmocka_unit_test(key_limit),
                cmocka_unit_test(kernels), cmocka_unit_test(host_names),
                cmocka_unit_test(words),   cmocka_unit_test(nobody_listens),
        };

        return cmocka_run_group_tests(tests, make_base, remove_base);
}
