/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/buf.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/rd.h"
#include "base/core/secret.h"
#include "tests/unit/unit.h"

static void reader_reads_and_sticks(void **state)
{
        const uint8_t raw[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
        struct sv_rd r = sv_rd(sv_bytes(raw, sizeof(raw)));
        struct sv_err err = SV_ERR_NULL;

        assert_int_equal(sv_rd_u8(&r), 1);
        assert_int_equal(sv_rd_u16le(&r), 0x0302);
        assert_int_equal(sv_rd_u16be(&r), 0x0405);
        assert_int_equal(sv_rd_left(&r), 4);
        FAILS(sv_rd_done(&r, "x.y", "it", &err), SV_FORMAT, "x.y");
        assert_int_equal(sv_rd_u32be(&r), 0x06070809);
        OK(sv_rd_done(&r, "x.y", "it", &err));
        assert_int_equal(sv_rd_u8(&r), 0);
        assert_true(r.bad);
        assert_int_equal(sv_rd_left(&r), 0);
        sv_rd_seek(&r, 0);
        assert_int_equal(sv_rd_u8(&r), 0); /* still bad */
        FAILS(sv_rd_ok(&r, "x.y", "it", &err), SV_FORMAT, "x.y");
}

static void reader_never_adds_lengths(void **state)
{
        const uint8_t raw[8] = {0};
        struct sv_rd r = sv_rd(sv_bytes(raw, sizeof(raw))), sub;

        sv_rd_u8(&r);
        assert_null(sv_rd_take(&r, SIZE_MAX)); /* pos + SIZE_MAX would wrap */
        assert_true(r.bad);
        r = sv_rd(sv_bytes(raw, sizeof(raw)));
        sub = sv_rd_sub(&r, 9);
        assert_true(sub.bad && r.bad);
        r = sv_rd(sv_bytes(raw, sizeof(raw)));
        sub = sv_rd_sub(&r, 3);
        sv_rd_u32le(&sub);
        assert_true(sub.bad && !r.bad);
        sv_rd_seek(&r, 9);
        assert_true(r.bad);
}

static void every_length_of_every_integer(void **state)
{
        const uint8_t raw[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

        for (size_t n = 0; n <= 8; n++) {
                struct sv_rd r = sv_rd(sv_bytes(raw, n));

                assert_int_equal(sv_rd_u64be(&r) != 0, n == 8);
                r = sv_rd(sv_bytes(raw, n));
                assert_int_equal(sv_rd_u64le(&r) != 0, n == 8);
                r = sv_rd(sv_bytes(raw, n));
                assert_int_equal(sv_rd_u32le(&r) != 0, n >= 4);
        }
}

static void buffer_limit_sticks(void **state)
{
        SV_BUF b = {.max = 4};
        struct sv_err err = SV_ERR_NULL;

        sv_buf_u32be(&b, 0x61626364);
        assert_string_equal(sv_buf_str(&b), "abcd");
        sv_buf_u8(&b, 'e');
        assert_true(b.bad);
        FAILS(sv_buf_ok(&b, "it", &err), SV_SYSTEM, "base.memory");
        assert_string_equal(sv_buf_str(&b), "");
        sv_buf_clear(&b);
        sv_buf_printf(&b, "%d", 1234);
        assert_string_equal(sv_buf_str(&b), "1234");
        assert_null(sv_buf_grow(&b, SIZE_MAX));
}

static const struct coded {
        const char *text;
        int (*decode)(struct sv_bytes, struct sv_buf *, const char *, struct sv_err *);
        const char *bytes; /* NULL: refused */
} coded[] = {
        {"", sv_unbase64, ""},
        {"Zg==", sv_unbase64, "f"},
        {"Zm8=", sv_unbase64, "fo"},
        {"Zm9v", sv_unbase64, "foo"},
        {"Zm9vYg==", sv_unbase64, "foob"},
        {"Zg", sv_unbase64, NULL},
        {"Zg=", sv_unbase64, NULL},
        {"Zh==", sv_unbase64, NULL},
        {"Zm9=", sv_unbase64, NULL},
        {"Z===", sv_unbase64, NULL},
        {"Zm 9v", sv_unbase64, NULL},
        {"Zm9v\n", sv_unbase64, NULL},
        {"-_-_", sv_unbase64, NULL},
        {"=Zg=", sv_unbase64, NULL},
        {"Zg==Zg==", sv_unbase64, NULL},
        {"Zg", sv_unbase64url, "f"},
        {"Zg==", sv_unbase64url, NULL},
        {"-_-_", sv_unbase64url, "\xfb\xff\xbf"},
        {"+/+/", sv_unbase64url, NULL},
        {"Z", sv_unbase64url, NULL},
        {"666f", sv_unhex, "fo"},
        {"666F", sv_unhex, "fo"},
        {"666", sv_unhex, NULL},
        {"6g", sv_unhex, NULL},
        {"0x66", sv_unhex, NULL},
};

static void hex_and_base64(void **state)
{
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(coded) / sizeof(coded[0]); i++) {
                SV_BUF out = SV_BUF_NULL;
                struct sv_bytes text = sv_bytes_str(coded[i].text);

                if (!coded[i].bytes) {
                        FAILS(coded[i].decode(text, &out, "t.text", &err), SV_FORMAT, "t.text");
                        continue;
                }
                OK(coded[i].decode(text, &out, "t.text", &err));
                assert_string_equal(sv_buf_str(&out), coded[i].bytes);
        }
}

static void round_trips(void **state)
{
        static const struct {
                void (*put)(struct sv_buf *, struct sv_bytes);
                int (*get)(struct sv_bytes, struct sv_buf *, const char *, struct sv_err *);
        } forms[] = {{sv_put_base64, sv_unbase64},
                     {sv_put_base64url, sv_unbase64url},
                     {sv_put_hex, sv_unhex}};
        uint8_t raw[300];
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(raw); i++)
                raw[i] = (uint8_t)(i * 7 + 3);
        for (size_t n = 0; n < 3 * sizeof(raw); n++) {
                struct sv_bytes part = sv_bytes(raw, n / 3);
                SV_BUF text = SV_BUF_NULL;
                SV_BUF back = SV_BUF_NULL;

                forms[n % 3].put(&text, part);
                OK(forms[n % 3].get(sv_buf_bytes(&text), &back, "t.text", &err));
                assert_true(sv_bytes_eq(sv_buf_bytes(&back), part));
        }
}

/* The page must be locked and excluded from core dumps: ask the kernel, not the code. */
static bool is_locked(const void *p)
{
        unsigned long at = (unsigned long)p, from, to;
        char line[512];
        bool inside = false, flags = false, locks = true;
        FILE *f = fopen("/proc/self/smaps", "r");

#ifdef __SANITIZE_ADDRESS__
        locks = false; /* the sanitizer's mlock does nothing */
#endif

        assert_non_null(f);
        while (fgets(line, sizeof(line), f)) {
                if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
                        inside = at >= from && at < to;
                if (inside && !strncmp(line, "VmFlags:", 8))
                        flags = (!locks || strstr(line, " lo")) && strstr(line, " dd");
        }
        fclose(f);
        return flags;
}

static void secret_is_locked_and_undumpable(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_SECRET *s = sv_secret_random(64, &err);

        assert_non_null(s);
        assert_true(is_locked(sv_secret_reveal(s)));
}

/* A buffer that a secret passes through, also after it has grown; an ordinary one is not. */
static void buffer_is_locked(void **state)
{
        SV_BUF b = {.max = 20000, .locked = true}, plain = SV_BUF_NULL;
        struct sv_err err;

        sv_buf_puts(&plain, "x");
        assert_false(is_locked(plain.p));
        sv_buf_puts(&b, "x");
        assert_true(is_locked(b.p));
        for (int i = 0; i < 9999; i++)
                sv_buf_puts(&b, "yz");
        OK(sv_buf_ok(&b, "it", &err));
        assert_int_equal(b.n, 19999);
        assert_true(is_locked(b.p + b.n - 1));
        assert_int_equal(b.p[0], 'x');
        assert_int_equal(b.p[19998], 'z');
        sv_buf_puts(&b, "yz");
        FAILS(sv_buf_ok(&b, "it", &err), SV_SYSTEM, "base.secret");
        sv_buf_free(&b);
        assert_true(b.locked);
}

static bool is_blank(const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (p[i])
                        return false;
        return true;
}

/* Pages that were given back may come again: blank and locked, in a child as well. */
static void pages_come_again(void **state)
{
        static const size_t sizes[] = {1, 4096, 4097, 20480, 32768, 32769, 1, 20480};

        for (int round = 0; round < 2; round++)
                for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                        uint8_t *p = sv_pages_lock(sizes[i], NULL), *q;
                        int status;
                        pid_t pid;

                        assert_non_null(p);
                        memset(p, 0xff, sizes[i]);
                        q = sv_pages_lock(sizes[i], NULL);
                        assert_true(q && q != p && is_blank(q, sizes[i]));
                        sv_pages_free(p, sizes[i]);
                        sv_pages_free(q, sizes[i]);
                        pid = fork();
                        if (pid == 0) {
                                p = sv_pages_lock(sizes[i], NULL);
                                _exit(p && is_blank(p, sizes[i]) && is_locked(p) &&
                                                      is_locked(p + sizes[i] - 1)
                                              ? 0
                                              : 1);
                        }
                        assert_int_equal(waitpid(pid, &status, 0), pid);
                        assert_int_equal(status, 0);
                }
}

static void secret_sizes(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_SECRET *s = sv_secret_copy(sv_bytes("0123456789", 10), &err);

        assert_null(sv_secret_new(0, &err));
        assert_string_equal(err.check, "base.secret.size");
        assert_null(sv_secret_new(SV_SECRET_MAX + 1, &err));
        sv_secret_shrink(s, 4);
        assert_int_equal(sv_secret_size(s), 4);
        assert_memory_equal(sv_secret_reveal(s), "0123\0\0\0\0\0\0", 10);
}

static void file_is_whole_or_refused(void **state)
{
        char dir[] = "/tmp/sv-test-XXXXXX";
        struct sv_err err = SV_ERR_NULL;
        SV_BUF out = SV_BUF_NULL;
        SV_STR path = NULL;
        SV_STR deep = NULL;
        SV_STR link = NULL;

        assert_non_null(mkdtemp(dir));
        path = sv_asprintf("%s/file", dir);
        deep = sv_asprintf("%s/a/b/c", dir);
        link = sv_asprintf("%s/a/b/c/link", dir);
        OK(sv_mkdirs(deep, 0755, &err));
        OK(sv_mkdirs(deep, 0755, &err));
        OK(sv_file_write(path, 0600, sv_bytes("hello", 5), &err));
        OK(sv_file_read(path, 5, &out, "t.file", &err));
        assert_string_equal(sv_buf_str(&out), "hello");
        FAILS(sv_file_read(path, 4, &out, "t.file", &err), SV_FORMAT, "t.file");
        FAILS(sv_file_read(dir, 4, &out, "t.file", &err), SV_SYSTEM, "t.file");
        FAILS(sv_file_read("/nonexistent", 4, &out, "t.file", &err), SV_SYSTEM, "t.file");
        FAILS(sv_file_write("/nonexistent/x", 0600, SV_BYTES_NULL, &err), SV_SYSTEM, "file.write");
        assert_int_equal(symlink("/etc", link), 0);
        OK(sv_remove_tree(dir, &err));
        assert_int_equal(access(dir, F_OK), -1);
        assert_int_equal(access("/etc/passwd", F_OK), 0);
        OK(sv_remove_tree(dir, &err));
}

/* The path is what it was before, and what was written is heard at the other end. */
static void is_written_through(const char *path, int reader)
{
        struct stat before, after;
        struct sv_err err;
        char said[8] = "";

        assert_int_equal(lstat(path, &before), 0);
        OK(sv_output_write(path, 0600, sv_bytes_str("said"), &err));
        assert_int_equal(lstat(path, &after), 0);
        assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
        assert_int_equal(read(reader, said, sizeof(said)), 4);
        assert_string_equal(said, "said");
}

static void output_leaves_devices_and_links(void **state)
{
        char dir[] = "/tmp/sv-test-XXXXXX";
        int reader, kept = dup(STDOUT_FILENO), pair[2];
        SV_STR fifo = NULL;
        SV_STR link = NULL;
        struct sv_err err;

        assert_non_null(mkdtemp(dir));
        fifo = sv_asprintf("%s/fifo", dir);
        link = sv_asprintf("%s/link", dir);
        assert_int_equal(mkfifo(fifo, 0600), 0);
        assert_int_equal(symlink("fifo", link), 0);
        reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        assert_true(reader >= 0);
        is_written_through(fifo, reader);
        is_written_through(link, reader);
        close(reader);
        assert_int_equal(pipe(pair), 0);
        fflush(stdout);
        assert_int_equal(dup2(pair[1], STDOUT_FILENO), STDOUT_FILENO);
        /* in a folder of its own, so that a failure leaves the system's /dev/stdout */
        assert_int_equal(unlink(link), 0);
        assert_int_equal(symlink("/dev/stdout", link), 0);
        is_written_through(link, pair[0]);
        assert_int_equal(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
        close(kept);
        close(pair[0]);
        close(pair[1]);
        FAILS(sv_output_write(dir, 0600, SV_BYTES_NULL, &err), SV_SYSTEM, "file.write");
        OK(sv_remove_tree(dir, &err));
}

static void output_is_a_whole_file(void **state)
{
        char dir[] = "/tmp/sv-test-XXXXXX";
        mode_t mask = umask(027);
        SV_BUF out = SV_BUF_NULL;
        struct sv_err err;
        SV_STR file = NULL;
        SV_STR link = NULL;
        struct stat st;

        assert_non_null(mkdtemp(dir));
        file = sv_asprintf("%s/file", dir);
        link = sv_asprintf("%s/link", dir);
        OK(sv_output_write(file, 0666, sv_bytes_str("old and long"), &err));
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0640);
        assert_int_equal(symlink("file", link), 0);
        OK(sv_output_write(link, 0600, sv_bytes_str("new"), &err));
        umask(mask);
        assert_int_equal(lstat(link, &st), 0);
        assert_true(S_ISLNK(st.st_mode));
        assert_int_equal(lstat(file, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        OK(sv_file_read(file, 64, &out, "t.file", &err));
        assert_string_equal(sv_buf_str(&out), "new");
        OK(sv_remove_tree(dir, &err));
}

static void core_limit_is_zero_after_hardening(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        struct rlimit lim;

        OK(sv_secret_harden_process(&err));
        getrlimit(RLIMIT_CORE, &lim);
        assert_int_equal(lim.rlim_max, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reader_reads_and_sticks),
                cmocka_unit_test(reader_never_adds_lengths),
                cmocka_unit_test(every_length_of_every_integer),
                cmocka_unit_test(buffer_limit_sticks),
                cmocka_unit_test(hex_and_base64),
                cmocka_unit_test(round_trips),
                cmocka_unit_test(secret_is_locked_and_undumpable),
                cmocka_unit_test(buffer_is_locked),
                cmocka_unit_test(pages_come_again),
                cmocka_unit_test(secret_sizes),
                cmocka_unit_test(file_is_whole_or_refused),
                cmocka_unit_test(output_leaves_devices_and_links),
                cmocka_unit_test(output_is_a_whole_file),
                cmocka_unit_test(core_limit_is_zero_after_hardening),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
