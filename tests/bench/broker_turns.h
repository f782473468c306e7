/* SPDX-License-Identifier: Apache-2.0 */
/* Brokers as programs, turn by turn, each with a folder that it has made itself, and a guest of
 * them. */
#pragma once

#include "tests/conformance/floods.h"

#define PROGRAMS_MAX 4

static const char *program; /* whose turn it is */

static int make_platform(void **state)
{
        snprintf(dir, sizeof(dir), "/tmp/sv-bench-broker-XXXXXX");
        assert_non_null(mkdtemp(dir));
        platform_make(dir);
        return 0;
}

static int serve_program(const char *config)
{
        execl(program, program, "serve", "--config", config, NULL);
        return 9;
}

static double children_ms(void)
{
        struct rusage r;

        getrusage(RUSAGE_CHILDREN, &r);
        return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 +
               (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
}

static const char *const *programs;
static const char *databases[PROGRAMS_MAX]; /* of a server; NULL: a file of the broker's */
static int n_programs, rounds = 3;
static struct sv_tls_ctx *their_tls[PROGRAMS_MAX];

/* dir/b is the folder of the program whose turn it is, and tls knows its server. */
static void take_turn(int number)
{
        SV_STR own = sv_asprintf("%s/b%d", dir, number);
        SV_STR link = sv_asprintf("%s/b", dir);

        unlink(link);
        assert_int_equal(symlink(own, link), 0);
        program = programs[number];
        tls = their_tls[number];
}

static void read_pin(const char *said)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL, bytes = SV_BUF_NULL;
        SV_JSON *json = NULL;

        read_file(said, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &json, &err));
        OK(sv_unhex(sv_bytes_str(sv_json_text(json, "pin", "") + strlen("sha256:")), &bytes, "test",
                    &err));
        assert_int_equal(bytes.n, sizeof(pin));
        memcpy(pin, bytes.p, sizeof(pin));
}

/* A folder as this program makes it, with the resource and its policy. */
static void make_broker(int number)
{
        SV_STR said = sv_asprintf("%s/init.json", dir);
        const char *database = databases[number];
        SV_STR init = sv_asprintf("'%s' init --dir %s/b%d --listen 127.0.0.1:0 %s%s --json >%s",
                                  programs[number], dir, number, database ? "--database " : "",
                                  database ? database : "", said);
        char config[256], kept[256], key[256], hex[65], pin_text[80];
        struct sv_err err;

        take_turn(number);
        assert_int_equal(system(init), 0);
        read_pin(said);
        tls = their_tls[number] = sv_tls_client(sv_bytes(pin, 32), NULL, &err);
        assert_non_null(tls);
        in_dir(config, "config.json");
        in_dir(kept, "config.json.init");
        assert_int_equal(rename(config, kept), 0);
        configure("");
        start_broker_by(serve_program);
        in_dir(key, "admin.key");
        snprintf(pin_text, sizeof(pin_text), "sha256:%s", sv_hex(sv_bytes(pin, 32), hex));
        OK(sv_admin_open(url, pin_text, key, &admin, &err));
        put_resource();
        assert_int_equal(stop(NULL), 0);
}

static int remove_all(void **state)
{
        for (int i = 0; i < n_programs; i++)
                sv_tls_ctx_free(their_tls[i]);
        platform_free();
        return sv_remove_tree(dir, NULL);
}
