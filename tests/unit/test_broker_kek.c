/* SPDX-License-Identifier: Apache-2.0 */
/* The kek in a TPM (a real swtpm) and in a token (SoftHSM): it goes there and back, and each thing
 * that may be wrong has a name. Nothing that fails changes the file. */
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/core/clock.h"
#include "base/core/encoding.h"
#include "base/core/limits.h"
#include "broker/kek/pkcs11.h"
#include "broker/reseal.h"
#include "tests/unit/swtpm.h"
#include "vtpm/guest/tpm.h"

#define TOKEN_LIBRARY "/usr/lib/softhsm/libsofthsm2.so"

static char dir[] = "/tmp/sv-kek-XXXXXX";
static struct swtpm tpm, second;
static struct sv_err err;
static uint8_t key[SV_KEK_SIZE]; /* as init made it */

/* --- a broker's folder --- */

static char *in_home(const char *name)
{
        static char paths[16][128];
        char path[128];
        size_t at = 0;

        snprintf(path, sizeof(path), "%s/b/%s", dir, name);
        while (paths[at][0] && strcmp(paths[at], path) != 0)
                assert_true(++at < 16);
        return strcpy(paths[at], path);
}

static void put_private(const char *path, const char *text)
{
        OK(sv_file_write(path, 0600, sv_bytes_str(text), &err));
}

static void read_kek(struct sv_buf *out)
{
        sv_buf_free(out);
        *out = (struct sv_buf)SV_BUF_NULL;
        OK(sv_file_read(in_home("kek"), 1 << 16, out, "test", &err));
}

static int reseal(const struct sv_reseal *r)
{
        SV_BROKER b = {.audit_fd = -1};
        SV_KEK made = {.kind = SV_KEK_FILE};

        if (sv_broker_open(in_home("config.json"), &b, &err) < 0)
                return -1;
        return sv_broker_reseal(&b, r, &made, &err);
}

static int enter(void)
{
        SV_BROKER b = {.audit_fd = -1};

        OK(sv_broker_open(in_home("config.json"), &b, &err));
        if (sv_broker_enter(&b, &err) < 0)
                return -1;
        assert_memory_equal(sv_secret_reveal(b.kek), key, sizeof(key));
        return 0;
}

static void back_to_the_file(const char *from)
{
        SV_BUF now = SV_BUF_NULL;

        OK(reseal(&(struct sv_reseal){.to = {.where = "file"}, .from = from}));
        read_kek(&now);
        assert_int_equal(now.n, sizeof(key));
        assert_memory_equal(now.p, key, sizeof(key));
        OK(enter());
}

/* The key's bytes are not in the file, neither as they are nor as text. */
static void has_no_key(const struct sv_buf *file)
{
        SV_BUF hex = SV_BUF_NULL, b64 = SV_BUF_NULL;

        for (size_t i = 0; i + 8 <= file->n; i++)
                assert_memory_not_equal(file->p + i, key, 8);
        sv_put_hex(&hex, sv_bytes(key, sizeof(key)));
        sv_put_base64(&b64, sv_bytes(key, 24));
        assert_null(memmem(file->p, file->n, hex.p, 16));
        assert_null(memmem(file->p, file->n, b64.p, 16));
}

/* Such a change of the file, and this is what a start says; the file is as before afterwards. */
static void changed(const char *from, const char *to, enum sv_class class, const char *check)
{
        SV_BUF old = SV_BUF_NULL, text = SV_BUF_NULL;
        const char *at;

        read_kek(&old);
        at = strstr(sv_buf_str(&old), from);
        assert_non_null(at);
        sv_buf_put(&text, sv_bytes(old.p, (size_t)(at - (char *)old.p)));
        sv_buf_puts(&text, to);
        sv_buf_puts(&text, at + strlen(from));
        put_private(in_home("kek"), sv_buf_str(&text));
        FAILS(enter(), class, check);
        put_private(in_home("kek"), sv_buf_str(&old));
}

/* --- in a TPM --- */

static void need_tpm(void)
{
        if (!tpm.pid)
                skip();
}

static void extend(unsigned pcr)
{
        SV_TPM *t = sv_tpm_open(tpm.device, &err);

        assert_non_null(t);
        OK(sv_tpm_pcr_event(t, pcr, sv_bytes_str("another boot"), &err));
}

static void in_a_tpm(void **state)
{
        SV_STR where = sv_asprintf("tpm:%s", tpm.device);
        struct sv_reseal r = {.to = {.where = where, .pcrs = 1u << 7 | 1u << 23}};
        SV_BUF file = SV_BUF_NULL;
        struct stat st;

        need_tpm();
        r.copy = in_home("copy");
        OK(reseal(&r));
        read_kek(&file);
        has_no_key(&file);
        OK(stat(in_home("kek"), &st));
        assert_int_equal(st.st_mode & 0777, 0600);
        OK(enter());
        /* After a reset of the machine, too, which ends what was loaded. */
        swtpm_switch_off(&tpm);
        FAILS(enter(), SV_SYSTEM, "tpm.device");
        swtpm_serve(&tpm);
        OK(enter());
        extend(8);
        OK(enter());
        extend(23);
        FAILS(enter(), SV_PROOF, "tpm.seal.pcrs");
        assert_non_null(strstr(err.msg, "PCR 23 is another"));
        FAILS(reseal(&(struct sv_reseal){.to = {.where = "file"}}), SV_PROOF, "tpm.seal.pcrs");
        /* the copy that was kept, to the PCRs of now */
        r.from = r.copy;
        r.copy = NULL;
        r.no_copy = true;
        OK(reseal(&r));
        OK(enter());
        r.from = in_home("kek");
        FAILS(reseal(&r), SV_USAGE, "broker.kek");
        assert_non_null(strstr(err.msg, "no copy"));
        back_to_the_file(NULL);
        OK(unlink(in_home("copy")));
}

static void by_a_password(void **state)
{
        SV_STR where = sv_asprintf("tpm:%s", tpm.device);
        struct sv_reseal r = {.to = {.where = where, .auth = in_home("auth")}, .no_copy = true};

        need_tpm();
        put_private(in_home("auth"), "a password of 32 bytes, no more.\n");
        OK(reseal(&r));
        OK(enter());
        put_private(in_home("auth"), "another");
        FAILS(enter(), SV_USAGE, "tpm.seal.auth");
        put_private(in_home("auth"), "a password of 33 bytes, one more.");
        FAILS(enter(), SV_USAGE, "broker.kek.auth");
        put_private(in_home("auth"), "\n");
        FAILS(enter(), SV_USAGE, "broker.kek.auth");
        OK(chmod(in_home("auth"), 0640));
        FAILS(enter(), SV_SYSTEM, "broker.key.mode");
        OK(unlink(in_home("auth")));
        FAILS(enter(), SV_SYSTEM, "broker.kek.auth");
        put_private(in_home("auth"), "a password of 32 bytes, no more.");
        OK(enter());
        changed("\"auth\"", "\"none\"", SV_FORMAT, "broker.kek.form.unknown");
        back_to_the_file(NULL);
}

/* Guessing is counted. The TPM takes the right one again when its time has come. */
static void guesses_are_counted(void **state)
{
        SV_STR where = sv_asprintf("tpm:%s", second.device);
        struct sv_reseal r = {.to = {.where = where, .auth = in_home("auth")}, .no_copy = true};

        need_tpm();
        put_private(in_home("auth"), "right");
        OK(reseal(&r));
        put_private(in_home("auth"), "wrong");
        for (int i = 0; i < 40 && strcmp(err.check, "tpm.seal.lockout"); i++)
                assert_int_equal(enter(), -1);
        assert_string_equal(err.check, "tpm.seal.lockout");
        put_private(in_home("auth"), "right");
        FAILS(enter(), SV_SYSTEM, "tpm.seal.lockout");
        put_private(in_home("plain"), "");
        OK(sv_file_write(in_home("plain"), 0600, sv_bytes(key, sizeof(key)), &err));
        back_to_the_file(in_home("plain"));
}

static void another_tpm(void **state)
{
        SV_STR where = sv_asprintf("tpm:%s", tpm.device);
        SV_BUF file = SV_BUF_NULL, bytes = SV_BUF_NULL, b64 = SV_BUF_NULL;
        SV_KEK k = {.kind = SV_KEK_FILE};

        need_tpm();
        OK(reseal(&(struct sv_reseal){.to = {.where = where}, .no_copy = true}));
        OK(enter());
        changed(tpm.device, second.device, SV_PROOF, "tpm.seal.other");
        changed("\"parent\": 0", "\"parent\": 2164260865", SV_PROOF, "tpm.seal.other");
        changed("\"kind\": \"tpm2\"", "\"kind\": \"file\"", SV_FORMAT, "broker.kek.form");
        changed("\"id\": \"", "\"id\": \"0", SV_FORMAT, "broker.kek.form");
        changed("\"pcrs\": {", "\"pcrs\": {\"24\": \"00\"", SV_FORMAT, "broker.kek.form");
        read_kek(&file);
        OK(sv_kek_parse(sv_buf_bytes(&file), &k, &err));
        k.sealed.private2b.p[k.sealed.private2b.n - 1] ^= 1;
        assert_null(sv_kek_open(&k, &err));
        assert_string_equal(err.check, "tpm.seal.other");
        k.sealed.private2b.p[k.sealed.private2b.n - 1] ^= 1;
        k.id[0] ^= 1;
        assert_null(sv_kek_open(&k, &err));
        assert_string_equal(err.check, "broker.kek.other");
        k.id[0] ^= 1;
        k.sealed.public2b.n = 2;
        assert_null(sv_kek_open(&k, &err));
        assert_string_equal(err.check, "tpm.seal.form");
        back_to_the_file(NULL);
}

static void what_a_tpm_takes(void **state)
{
        struct sv_tpm_sealed s = {0};
        uint8_t bytes[SV_TPM_SEAL_MAX + 1] = {1};

        need_tpm();
        OK(sv_tpm_seal(tpm.device, 0, sv_bytes(bytes, 32), sv_bytes(bytes, SV_TPM_SEAL_MAX), &s,
                       &err));
        sv_tpm_sealed_free(&s);
        memset(&s, 0, sizeof(s));
        FAILS(sv_tpm_seal(tpm.device, 0, SV_BYTES_NULL, sv_bytes(bytes, sizeof(bytes)), &s, &err),
              SV_USAGE, "tpm.seal.value");
        FAILS(sv_tpm_seal(tpm.device, 0, sv_bytes(bytes, 33), sv_bytes(bytes, 1), &s, &err),
              SV_USAGE, "tpm.seal.value");
        FAILS(sv_tpm_seal(tpm.device, 1u << 24, SV_BYTES_NULL, sv_bytes(bytes, 1), &s, &err),
              SV_USAGE, "tpm.seal.value");
        assert_null(sv_tpm_unseal(tpm.device, &s, sv_bytes(bytes, 33), &err));
        assert_string_equal(err.check, "tpm.seal.value");
}

/* --- in a token --- */

static char *softhsm_conf;

/* A folder of tokens with one in it. */
static void make_tokens(const char *name)
{
        SV_STR folder = sv_asprintf("%s/%s", dir, name);
        SV_STR text = sv_asprintf(
                "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
                folder);

        free(softhsm_conf);
        softhsm_conf = sv_asprintf("%s/%s.conf", dir, name);
        setenv("SOFTHSM2_CONF", softhsm_conf, 1);
        if (access(softhsm_conf, F_OK) == 0)
                return;
        OK(sv_mkdirs(folder, 0700, &err));
        put_private(softhsm_conf, text);
        assert_int_equal(system("softhsm2-util --init-token --free --label keys --so-pin 1234 "
                                "--pin 1234 >/dev/null"),
                         0);
}

static char *token_uri(const char *path, const char *query)
{
        return sv_asprintf("pkcs11:%s?module-path=" TOKEN_LIBRARY "&pin-source=file:%s%s", path,
                           in_home("pin"), query);
}

static void need_token(void)
{
        if (access(TOKEN_LIBRARY, R_OK) < 0) {
                print_message("SKIP: softhsm2 is not installed (tools/setup does it)\n");
                skip();
        }
}

/* Not here: who is forked with a token's library that runs has that one's tokens. */
static int wrap_with_new_key(void *uri, struct sv_buf *out, struct sv_err *e)
{
        return sv_token_wrap(uri, true, sv_bytes(key, sizeof(key)), out, out, e);
}

static void in_a_token(void **state)
{
        SV_BUF made = {.locked = true};
        SV_STR uri = NULL;
        struct sv_reseal r = {.no_copy = true};
        SV_BUF file = SV_BUF_NULL;

        need_token();
        make_tokens("first");
        put_private(in_home("pin"), "1234\n");
        uri = token_uri("token=keys;object=broker", "");
        r.to.where = uri;
        FAILS(reseal(&r), SV_USAGE, "broker.kek.object");
        r.to.make_key = true;
        OK(reseal(&r));
        read_kek(&file);
        has_no_key(&file);
        OK(enter());
        /* one that is there is taken, whatever --make-key says */
        OK(reseal(&r));
        r.to.make_key = false;
        OK(reseal(&r));
        OK(enter());
        put_private(in_home("pin"), "4321");
        FAILS(enter(), SV_USAGE, "broker.kek.pin");
        put_private(in_home("pin"), "1234");
        OK(chmod(in_home("pin"), 0644));
        FAILS(enter(), SV_SYSTEM, "broker.key.mode");
        OK(chmod(in_home("pin"), 0600));
        changed("\"iv\": \"", "\"iv\": \"AAAA", SV_FORMAT, "broker.kek.form");
        changed("object=broker", "object=other", SV_USAGE, "broker.kek.object");
        changed("token=keys", "token=locks", SV_SYSTEM, "broker.kek.token");
        changed("libsofthsm2", "libnone", SV_SYSTEM, "broker.kek.module");
        /* a folder of tokens that has another of this name, with a key of this name */
        make_tokens("other");
        FAILS(enter(), SV_USAGE, "broker.kek.object");
        OK(sv_kek_work_apart(wrap_with_new_key, uri, &made, &err));
        FAILS(enter(), SV_PROOF, "broker.kek.other");
        make_tokens("first");
        back_to_the_file(NULL);
}

/* Two keys or two tokens of one name: neither is guessed at. */
static void names_that_are_not_single(void **state)
{
        SV_STR uri = NULL;
        SV_STR by_id = NULL;
        struct sv_reseal r = {.no_copy = true};

        need_token();
        make_tokens("double");
        uri = token_uri("token=keys;object=twice", "");
        by_id = token_uri("token=keys;object=twice;id=%02", "");
        r.to.where = uri;
        r.to.make_key = true;
        OK(reseal(&r));
        r.to.where = by_id;
        OK(reseal(&r));
        OK(enter());
        r.to.where = uri;
        FAILS(reseal(&r), SV_USAGE, "broker.kek.object");
        OK(enter());
        back_to_the_file(NULL);
        assert_int_equal(system("softhsm2-util --init-token --free --label keys --so-pin 1234 "
                                "--pin 1234 >/dev/null"),
                         0);
        FAILS(reseal(&r), SV_SYSTEM, "broker.kek.token");
        assert_non_null(strstr(err.msg, "2 tokens"));
}

static void refused_uris(void **state)
{
        static const struct {
                const char *uri, *word;
        } bad[] = {
                {"pkcs11:token=a;object=b", "pin-source"},
                {"pkcs11:token=a;object=b?pin-source=file:pin", "absolute"},
                {"pkcs11:token=a;object=b?pin-value=1234", "PIN"},
                {"pkcs11:token=a?pin-source=file:/pin", "object="},
                {"pkcs11:object=b;type=private?pin-source=file:/pin", "AES"},
                {"pkcs11:object=b;what=else?pin-source=file:/pin", "nobody knows"},
                {"pkcs11:object=%zz?pin-source=file:/pin", "fault"},
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                FAILS(sv_token_check_uri(bad[i].uri, &err), SV_USAGE, "broker.kek.uri");
                assert_non_null(strstr(err.msg, bad[i].word));
        }
        OK(sv_token_check_uri("pkcs11:object=b;type=secret-key?pin-source=/pin", &err));
        OK(sv_token_check_uri("pkcs11:id=%01?pin-source=file:///pin", &err));
}

/* --- around --- */

static void refused_targets(void **state)
{
        static const struct sv_kek_target bad[] = {
                {.where = "fil"},
                {.where = "TPM:"},
                {.where = "file", .pcrs = 1},
                {.where = "file", .auth = "/a"},
                {.where = "tpm:", .make_key = true},
                {.where = "tpm:", .auth = "a"},
                {.where = "pkcs11:object=b?pin-source=/pin", .pcrs = 1},
        };
        struct sv_reseal r = {.to = {.where = "tpm:swtpm:path=/nowhere"}};
        SV_BUF before = SV_BUF_NULL, after = SV_BUF_NULL;

        read_kek(&before);
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                r.to = bad[i];
                FAILS(reseal(&r), SV_USAGE, "broker.kek.target");
        }
        /* no way back, unless that was said */
        r.to = (struct sv_kek_target){.where = "tpm:swtpm:path=/nowhere"};
        FAILS(reseal(&r), SV_USAGE, "broker.kek.copy");
        r.copy = in_home("copy");
        r.no_copy = true;
        FAILS(reseal(&r), SV_USAGE, "broker.kek.copy");
        r.no_copy = false;
        FAILS(reseal(&r), SV_SYSTEM, "tpm.device");
        assert_int_equal(access(r.copy, F_OK), -1);
        r.to.where = "file";
        FAILS(reseal(&r), SV_USAGE, "broker.kek.copy");
        if (tpm.pid) {
                SV_STR where = sv_asprintf("tpm:%s", tpm.device);

                r.to.where = where;
                r.copy = in_home("kek");
                FAILS(reseal(&r), SV_USAGE, "broker.kek.copy");
                r.copy = in_home("none/copy");
                FAILS(reseal(&r), SV_SYSTEM, "broker.kek.copy");
        }
        read_kek(&after);
        assert_true(sv_bytes_eq(sv_buf_bytes(&before), sv_buf_bytes(&after)));
}

/* A key that is not the database's is put nowhere. */
static void another_key(void **state)
{
        uint8_t other[SV_KEK_SIZE] = {'{', 1};
        struct sv_reseal r = {.to = {.where = "file"}, .from = in_home("other")};

        OK(sv_file_write(in_home("other"), 0600, sv_bytes(other, sizeof(other)), &err));
        FAILS(reseal(&r), SV_SYSTEM, "broker.store.state");
        OK(enter());
}

/* What a full disk or a kill leaves of the new file is in nobody's way. */
static void left_over(void **state)
{
        put_private(in_home("kek.new"), "half");
        back_to_the_file(NULL);
        assert_int_equal(access(in_home("kek.new"), F_OK), -1);
        /* behind a link, too, and with its owner */
        OK(rename(in_home("kek"), in_home("kek.elsewhere")));
        OK(symlink("kek.elsewhere", in_home("kek")));
        if (!geteuid())
                OK(chown(in_home("kek.elsewhere"), 0, 12345));
        back_to_the_file(NULL);
        {
                struct stat st;

                OK(lstat(in_home("kek"), &st));
                assert_true(S_ISLNK(st.st_mode));
                OK(stat(in_home("kek"), &st));
                assert_int_equal(st.st_gid, geteuid() ? getegid() : 12345);
        }
        OK(unlink(in_home("kek")));
        OK(rename(in_home("kek.elsewhere"), in_home("kek")));
}

static void files_that_are_none(void **state)
{
        static const char *const bad[] = {
                "{",
                "{}",
                "{\"version\":2}",
                "{\"version\":1,\"kind\":\"tpm2\",\"id\":\"\"}",
                "{\"version\":1,\"kind\":\"pkcs11\",\"id\":\"00000000000000000000000000000000\"}",
        };
        SV_KEK k = {.kind = SV_KEK_FILE};
        uint8_t many[SV_KEK_FILE_MAX + 1] = {'{'};

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                assert_int_equal(sv_kek_parse(sv_bytes_str(bad[i]), &k, &err), -1);
                assert_int_equal(err.class, SV_FORMAT);
                assert_memory_equal(err.check, "broker.kek.form", 15);
        }
        OK(sv_file_write(in_home("other"), 0600, sv_bytes(many, SV_KEK_FILE_MAX), &err));
        FAILS(sv_kek_inspect(in_home("other"), &k, NULL, &err), SV_FORMAT, "broker.kek.form.json");
        OK(sv_file_write(in_home("other"), 0600, sv_bytes(many, sizeof(many)), &err));
        FAILS(sv_kek_inspect(in_home("other"), &k, NULL, &err), SV_FORMAT, "broker.kek");
        /* 32 bytes are a key, whatever they begin with */
        OK(sv_file_write(in_home("other"), 0600, sv_bytes(many, 32), &err));
        OK(sv_kek_inspect(in_home("other"), &k, NULL, &err));
}

static int die(void *arg, struct sv_buf *out, struct sv_err *e)
{
        abort();
}

static int sleep_forever(void *arg, struct sv_buf *out, struct sv_err *e)
{
        while (!arg)
                pause();
        return 0;
}

static int answer_much(void *arg, struct sv_buf *out, struct sv_err *e)
{
        sv_buf_grow(out, SV_KEK_FILE_MAX + *(const size_t *)arg);
        return 0;
}

static int64_t clock_step; /* each look at the clock is so much later; 0: as it is */

int64_t __real_sv_clock_ms(void);
int64_t __wrap_sv_clock_ms(void);
int64_t __wrap_sv_clock_ms(void)
{
        static int64_t now;

        return clock_step ? (now += clock_step) : __real_sv_clock_ms();
}

static void what_works_apart(void **state)
{
        SV_BUF out = SV_BUF_NULL;
        size_t more = 0;

        FAILS(sv_kek_work_apart(die, NULL, &out, &err), SV_SYSTEM, "broker.kek.slow");
        clock_step = SV_KEK_WAIT_MS;
        FAILS(sv_kek_work_apart(sleep_forever, NULL, &out, &err), SV_SYSTEM, "broker.kek.slow");
        clock_step = 0;
        OK(sv_kek_work_apart(answer_much, &more, &out, &err));
        assert_int_equal(out.n, SV_KEK_FILE_MAX);
        more = 1;
        FAILS(sv_kek_work_apart(answer_much, &more, &out, &err), SV_SYSTEM, "base.secret");
}

static int set_up(void **state)
{
        SV_BUF raw = SV_BUF_NULL;
        SV_STR home = NULL;
        uint8_t pin[32];

        assert_non_null(mkdtemp(dir));
        home = sv_asprintf("%s/b", dir);
        OK(sv_broker_init(home, "127.0.0.1:0", NULL, NULL, pin, &err));
        read_kek(&raw);
        memcpy(key, raw.p, sizeof(key));
        (void)!(swtpm_start_bare(&tpm) && swtpm_start_bare(&second));
        return 0;
}

static int tear_down(void **state)
{
        swtpm_stop(&tpm);
        swtpm_stop(&second);
        free(softhsm_conf);
        return sv_remove_tree(dir, NULL);
}

/* Each begins with the key in its file. */
static int put_file(void **state)
{
        OK(sv_file_write(in_home("kek"), 0600, sv_bytes(key, sizeof(key)), &err));
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(in_a_tpm, put_file),
                cmocka_unit_test_setup(by_a_password, put_file),
                cmocka_unit_test_setup(another_tpm, put_file),
                cmocka_unit_test_setup(guesses_are_counted, put_file),
                cmocka_unit_test_setup(what_a_tpm_takes, put_file),
                cmocka_unit_test_setup(in_a_token, put_file),
                cmocka_unit_test_setup(names_that_are_not_single, put_file),
                cmocka_unit_test_setup(refused_uris, put_file),
                cmocka_unit_test_setup(refused_targets, put_file),
                cmocka_unit_test_setup(another_key, put_file),
                cmocka_unit_test_setup(left_over, put_file),
                cmocka_unit_test_setup(files_that_are_none, put_file),
                cmocka_unit_test_setup(what_works_apart, put_file),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
