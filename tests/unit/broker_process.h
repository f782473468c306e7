/* SPDX-License-Identifier: Apache-2.0 */
/* A broker as a process of its own, in a folder of the test's. */
#pragma once

#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "broker/broker.h"

static char dir[64], url[64];
static pid_t broker;

static inline void in_dir(char out[256], const char *name)
{
        snprintf(out, 256, "%s/b/%s", dir, name);
}

static inline void read_file(const char *path, struct sv_buf *out)
{
        struct sv_err err;

        OK(sv_file_read(path, 64 << 20, out, "test", &err));
}

/* In the configuration; takes the value. */
static inline void set_member(const char *member, struct sv_json *value)
{
        char path[256];
        SV_BUF text = SV_BUF_NULL, out = SV_BUF_NULL;
        SV_JSON *config = NULL;
        struct sv_err err;

        in_dir(path, "config.json");
        read_file(path, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &config, &err));
        sv_json_set(config, member, value);
        sv_json_print(config, &out);
        OK(sv_file_write(path, 0644, sv_buf_bytes(&out), &err));
}

/* In the broker's process: serves until it is told to end. */
static inline int serve_here(const char *config)
{
        SV_BROKER b = {.audit_fd = -1};
        struct sv_err err = SV_ERR_NULL;

        return sv_broker_open(config, &b, &err) < 0 || sv_broker_serve(&b, &err) < 0;
}

/* What a broker's processes said while they ran has no finding of a sanitizer: such a process ends,
 * and another one takes its place. */
static inline void must_be_sound(const char *folder)
{
        SV_STR said = sv_asprintf("%s/stderr", folder);
        SV_BUF text = SV_BUF_NULL;
        const char *found;

        read_file(said, &text);
        found = strstr(sv_buf_str(&text), "runtime error: ");
        if (!found)
                found = strstr(sv_buf_str(&text), "Sanitizer: ");
        if (found)
                fail_msg("a process of the broker: %.2000s", found);
}

/* `serve` runs in a process of its own, with the configuration in that folder. */
static inline void start_broker_in(const char *folder, int (*serve)(const char *config), pid_t *pid,
                                   char at[64])
{
        SV_STR config = sv_asprintf("%s/config.json", folder);
        SV_STR port = sv_asprintf("%s/port", folder);
        SV_STR said = sv_asprintf("%s/stderr", folder);
        SV_BUF text = SV_BUF_NULL;

        unlink(port);
        *pid = fork();
        if (*pid == 0) {
                if (!freopen(said, "a", stderr))
                        _exit(9);
                _exit(serve(config));
        }
        WAIT_UNTIL(access(port, F_OK) == 0, PATIENCE, "the broker does not listen: there is no %s",
                   port);
        read_file(port, &text);
        snprintf(at, 64, "https://127.0.0.1:%d", atoi(sv_buf_str(&text)));
}

static inline void start_broker_by(int (*serve)(const char *config))
{
        SV_STR folder = sv_asprintf("%s/b", dir);

        start_broker_in(folder, serve, &broker, url);
}

static inline void start_broker(void)
{
        start_broker_by(serve_here);
}

/* A process of the broker's by its name; 0: none. */
static inline pid_t find_broker_child(const char *name)
{
        SV_STR list = sv_asprintf("/proc/%d/task/%d/children", (int)broker, (int)broker);
        SV_BUF text = SV_BUF_NULL;
        char *at = NULL;

        read_file(list, &text);
        for (char *word = strtok_r((char *)(uintptr_t)sv_buf_str(&text), " ", &at); word;
             word = strtok_r(NULL, " ", &at)) {
                SV_STR comm = sv_asprintf("/proc/%s/comm", word);
                SV_BUF is = SV_BUF_NULL;

                read_file(comm, &is);
                if (!strncmp(sv_buf_str(&is), name, strlen(name)))
                        return (pid_t)strtol(word, NULL, 10);
        }
        return 0;
}

static inline int stop_broker(void)
{
        SV_STR folder = sv_asprintf("%s/b", dir);
        int status;

        kill(broker, SIGTERM);
        assert_int_equal(waitpid(broker, &status, 0), broker);
        broker = 0;
        must_be_sound(folder);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A broker as it is made, in a new folder, and what a client knows it by. */
static inline void start_new_broker(uint8_t pin[32], struct sv_tls_ctx **tls)
{
        char home[256];
        struct sv_err err;

        snprintf(dir, sizeof(dir), "/tmp/sv-broker-XXXXXX");
        assert_non_null(mkdtemp(dir));
        snprintf(home, sizeof(home), "%s/b", dir);
        OK(sv_broker_init(home, "127.0.0.1:0", NULL, NULL, pin, &err));
        *tls = sv_tls_client(sv_bytes(pin, 32), NULL, &err);
        assert_non_null(*tls);
        start_broker();
}

static inline int end_new_broker(struct sv_tls_ctx *tls)
{
        sv_tls_ctx_free(tls);
        if (broker > 0)
                assert_int_equal(stop_broker(), 0);
        return sv_remove_tree(dir, NULL);
}
