/* SPDX-License-Identifier: Apache-2.0 */
/* A broker over TCP, a guest of it at 127.0.0.1 with a simulated SNP platform, and a stranger at
 * 127.0.0.2 who may connect and send. */
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/unit/guest_policy.h"
#include "tests/unit/makers.h"

#include "tests/conformance/exchange.h"
#include "tests/unit/broker_process.h"

#include "attest/kbs/admin-client.h"
#include "attest/kbs/client.h"
#include "attest/kbs/kbs.h"
#include "base/core/clock.h"
#include "base/core/encoding.h"
#include "tee/measure.h"

#define PATH     "default/demo/root"
#define SECRET   "TOPSECRET-0123456789"
#define STRANGER "127.0.0.2"
#define CROWD    200 /* connections of the stranger */
#define SHARE    32  /* of them that may have a process at a time */

static uint8_t pin[32];
static struct sv_tls_ctx *tls;
static struct sv_admin *admin;

/* --- the broker --- */

/* A configuration as init makes it, with these members beside; collateral from a folder unless they
 * say otherwise. */
static void configure(const char *members)
{
        SV_JSON *config = NULL;
        SV_JSON *more = NULL;
        SV_STR offline = sv_asprintf("\"collateral\":{\"offline\":\"%s/folder\"}%s", dir,
                                     *members ? "," : "");
        SV_STR folder =
                sv_asprintf("{%s%s}", strstr(members, "\"collateral\"") ? "" : offline, members);
        SV_BUF text = SV_BUF_NULL;
        char path[256];
        struct sv_err err;

        in_dir(path, "config.new");
        if (access(path, F_OK) == 0)
                unlink(path);
        in_dir(path, "config.json.init");
        read_file(path, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &config, &err));
        OK(sv_json_parse(sv_bytes_str(folder), "test", &more, &err));
        sv_json_set_all(config, more);
        sv_buf_clear(&text);
        sv_json_print(config, &text);
        in_dir(path, "config.json");
        OK(sv_file_write(path, 0600, sv_buf_bytes(&text), &err));
}

static void start_with(const char *members)
{
        char key[256], hex[65], pin_text[80];
        struct sv_err err;

        configure(members);
        start_broker();
        in_dir(key, "admin.key");
        snprintf(pin_text, sizeof(pin_text), "sha256:%s", sv_hex(sv_bytes(pin, 32), hex));
        OK(sv_admin_open(url, pin_text, key, &admin, &err));
}

static int stop(void **state)
{
        sv_admin_free(admin);
        admin = NULL;
        if (broker > 0)
                stop_broker();
        return 0;
}

static void put_resource(void)
{
        SV_SECRET *secret = sv_secret_copy(sv_bytes_str(SECRET), NULL);
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        write_policy("sev-snp", PATH, &text);
        OK(sv_admin_put_policy(admin, PATH, sv_buf_bytes(&text), &err));
        OK(sv_admin_put_resource(admin, PATH, secret, &err));
}

static int group_setup(void **state)
{
        char b[256], from[256], to[256];
        struct sv_err err;

        snprintf(dir, sizeof(dir), "/tmp/sv-floods-XXXXXX");
        assert_non_null(mkdtemp(dir));
        platform_make(dir);
        snprintf(b, sizeof(b), "%s/b", dir);
        OK(sv_broker_init(b, "127.0.0.1:0", NULL, NULL, pin, &err));
        in_dir(from, "config.json");
        in_dir(to, "config.json.init");
        assert_int_equal(rename(from, to), 0);
        tls = sv_tls_client(sv_bytes(pin, 32), NULL, &err);
        assert_non_null(tls);
        start_with("");
        put_resource();
        return stop(state);
}

static int group_teardown(void **state)
{
        stop(state);
        sv_tls_ctx_free(tls);
        platform_free();
        return sv_remove_tree(dir, NULL);
}

/* --- the guest --- */

static void attest_as_guest(struct sv_kbs_client *c, struct sv_err *out)
{
        uint8_t binding[48];
        SV_JSON *evidence = NULL;
        struct sv_err err;

        OK(sv_kbs_auth(c, "snp", NULL, &err));
        OK(sv_kbs_binding(c, binding, &err));
        evidence = platform_evidence(binding);
        memset(out, 0, sizeof(*out));
        sv_kbs_attest(c, evidence, out);
}

/* The whole way to the secret, from nothing; how long it took, in ms. */
static int64_t release(void)
{
        SV_KBS_CLIENT *c = NULL;
        SV_SECRET *s = NULL;
        int64_t began = sv_clock_ms();
        struct sv_err err;

        OK(sv_kbs_client_new(url, tls, &c, &err));
        attest_as_guest(c, &err);
        assert_string_equal(err.check, "");
        s = sv_kbs_resource(c, PATH, NULL, &err);
        if (!s)
                fail_msg("%s [%s]", err.msg, err.check);
        assert_memory_equal(sv_secret_reveal(s), SECRET, strlen(SECRET));
        OK(sv_kbs_outcome(c, PATH, NULL, &err));
        return sv_clock_ms() - began;
}

/* --- the stranger --- */

static int connect_from(const char *address)
{
        struct sockaddr_in at = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        inet_pton(AF_INET, address, &at.sin_addr);
        inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
        to.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
        assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        return fd;
}

static void connect_crowd(int fds[CROWD], const char *first)
{
        for (int i = 0; i < CROWD; i++) {
                fds[i] = connect_from(STRANGER);
                if (*first)
                        assert_int_equal(write(fds[i], first, strlen(first)), strlen(first));
        }
}

/* How many of them the broker has not closed. */
static int count_open(const int *fds, int n)
{
        int open = 0;

        for (int i = 0; i < n; i++) {
                struct pollfd p = {.fd = fds[i], .events = POLLRDHUP};

                open += poll(&p, 1, 0) == 0;
        }
        return open;
}

static void close_all(const int *fds, int n)
{
        for (int i = 0; i < n; i++)
                close(fds[i]);
}

static struct sv_tls *shake_hands(int *fd)
{
        struct sv_err err;
        struct sv_tls *t;

        *fd = connect_from(STRANGER);
        t = sv_tls_connect(tls, *fd, "127.0.0.1", &err);
        assert_non_null(t);
        return t;
}

/* One request on an open connection; its status. */
static int call(struct sv_tls *t, const char *method, const char *target, const char *cookie,
                struct sv_bytes body, struct sv_http_msg *answer)
{
        struct sv_err err;
        int status;

        OK(status = exchange_message(t, method, target, cookie, body, answer, &err));
        return status;
}
