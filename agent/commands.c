/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/commands.h"

#include <stdio.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/release.h"
#include "agent/system.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "base/core/text.h"

#define REPORT_DATA_MIN 32 /* what the smallest of the TEEs binds */
#define REPORT_DATA_MAX 64

const struct sv_opt sv_agent_attest_opts[] = {SV_AGENT_BROKER_OPTS, {0}};
const struct sv_opt sv_agent_evidence_opts[] = {
        {.name = "report-data",
         .arg = "HEX",
         .help = "32 to 64 bytes that the evidence is bound to; otherwise random ones"},
        {.name = "vmpl",
         .arg = "N",
         .help = "SNP: for this privilege level (0 to 3), the guest's own or a less privileged "
                 "one"},
        {.name = "out",
         .arg = "FILE",
         .help = "write the evidence there instead of to standard output"},
        {0},
};
const struct sv_opt sv_agent_get_opts[] = {
        SV_AGENT_BROKER_OPTS,
        {.name = "out",
         .arg = "FILE",
         .help = "write the secret there (mode 0600) instead of to standard output"},
        {.name = "fd", .arg = "N", .help = "write the secret to this descriptor"},
        {.name = "jwk",
         .help = "write a key of JOSE that is derived from the secret, as clevis's pin takes it"},
        {.name = "tee",
         .arg = "TEE",
         .help = "only if this machine proves itself by that: sev-snp, tdx, vtpm"},
        {.name = "header",
         .help = "--url and --pin are from a disk's header: they must be those that this machine "
                 "was started with, where it was started with any"},
        {0},
};

const struct sv_opt sv_agent_derive_key_opts[] = {
        {.name = "root",
         .arg = "vcek|vmrk",
         .help = "the key it is derived from: the chip's (vcek), or the migration agent's"},
        {.name = "mix",
         .arg = "LIST",
         .help = "what it depends on: policy,image-id,family-id,measurement,svn,tcb "
                 "(measurement,policy)"},
        {.name = "vmpl",
         .arg = "N",
         .help = "the privilege level (0); the guest's own or a less privileged one"},
        {.name = "svn", .arg = "N", .help = "security version to mix in, at most the guest's own"},
        {.name = "tcb", .arg = "0x...", .help = "TCB version to mix in, at most the committed one"},
        {.name = "fd", .arg = "N", .help = "write the key's 32 bytes to this descriptor"},
        {.name = "stdout", .help = "write the key's 32 bytes to standard output"},
        {0},
};

static bool is_measured(const struct sv_agent_broker *b, const char *url,
                        const struct sv_agent_broker *named)
{
        return !strcmp(url, b->url) &&
               (!b->has_pin || sv_bytes_eq(sv_bytes(named->pin, 32), sv_bytes(b->pin, 32)));
}

/* Who can write a disk can name another broker, which opens another disk: the measured ones count.
 */
static int hold_to_measured(const struct sv_agent_config *measured, const char *url,
                            const char *pin, struct sv_err *err)
{
        struct sv_agent_broker named = {""};

        if (!url || !pin)
                return sv_fail(err, SV_USAGE, "agent.header", "--header goes with --url and --pin");
        if (sv_agent_config_pin(sv_bytes_str(pin), &named, err) < 0)
                return -1;
        for (size_t i = 0; i < measured->n_brokers; i++)
                if (is_measured(&measured->brokers[i], url, &named))
                        return 0;
        if (!measured->n_brokers)
                return 0;
        return sv_fail(err, SV_PROOF, "agent.header",
                       "a broker that this machine was started with was expected, %s%s, the disk's "
                       "header names %.200s%s: whoever wrote that may have exchanged the disk",
                       measured->brokers[0].url, measured->n_brokers > 1 ? " or another" : "", url,
                       strcmp(url, measured->brokers[0].url) ? "" : " with another key");
}

/* What the options say of brokers in place of the measured command line. */
static int read_broker_options(const struct sv_args *args, const char *url, const char *pin,
                               struct sv_agent_config *c, struct sv_err *err)
{
        if (url && strlen(url) >= sizeof(c->brokers->url))
                return sv_fail(err, SV_USAGE, "agent.url", "the URL is longer than %zu bytes",
                               sizeof(c->brokers->url) - 1);
        if (url) {
                c->n_brokers = 1;
                memcpy(c->brokers[0].url, url, strlen(url) + 1);
        }
        if (!c->n_brokers)
                return sv_fail(
                        err, SV_USAGE, "agent.url",
                        "no broker: this machine was started without securevm.url, give --url");
        if (sv_opt(args, "ca") && pin)
                return sv_fail(err, SV_USAGE, "agent.ca", "--pin and --ca exclude each other");
        for (size_t i = 0; i < c->n_brokers; i++) {
                if (sv_opt(args, "ca") || (url && !pin))
                        c->brokers[i].has_pin = false; /* the measured pin is the measured one's */
                if (pin && sv_agent_config_pin(sv_bytes_str(pin), &c->brokers[i], err) < 0)
                        return -1;
        }
        return 0;
}

int sv_agent_read_config(const struct sv_args *args, const char *resource,
                         struct sv_agent_config *out, struct sv_err *err)
{
        const char *url = sv_opt(args, "url"), *pin = sv_opt(args, "pin");
        struct sv_agent_config c = {.n_brokers = 0};

        if (sv_system_read_config(&c, err) < 0 ||
            (sv_has(args, "header") && hold_to_measured(&c, url, pin, err) < 0))
                return -1;
        if (sv_has(args, "header") && c.n_brokers)
                url = pin = NULL;
        if (read_broker_options(args, url, pin, &c, err) < 0)
                return -1;
        if (resource && sv_agent_config_resource(sv_bytes_str(resource), &c, err) < 0)
                return -1;
        *out = c;
        return 0;
}

static void warn_retry(const char *step, const struct sv_err *fault, unsigned in_ms, unsigned try,
                       unsigned tries)
{
        (void)tries;
        sv_warn("%s: %s [%s]; again in %u ms (try %u)", step, fault->msg, fault->check, in_ms, try);
}

static void warn_next(const char *step, const struct sv_err *fault, const char *url)
{
        sv_warn("%s: %s [%s]; the next broker: %s", step, fault->msg, fault->check, url);
}

static void warn_note(const struct sv_note *note)
{
        sv_warn("%s", note->text);
}

static int release_by_options(const struct sv_args *args, const struct sv_agent_config *config,
                              bool token_only, struct sv_release_out *out, struct sv_err *err)
{
        static const struct sv_release_log log = {
                .retry = warn_retry, .next = warn_next, .note = warn_note};
        const char *ca = sv_opt(args, "ca");
        const struct sv_release r = {.config = config,
                                     .ca_file = ca ? ca : SV_AGENT_CA_FILE,
                                     .log = &log,
                                     .token_only = token_only};

        return sv_release(&r, out, err);
}

int sv_agent_attest(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_agent_config config;
        SV_RELEASE_OUT out = {0};

        if (sv_agent_read_config(args, NULL, &config, err) < 0 ||
            release_by_options(args, &config, true, &out, err) < 0)
                return -1;
        if (!sv_has(args, "json"))
                puts(sv_buf_str(&out.token));
        *result = sv_json_object();
        sv_json_set_str(*result, "broker", out.url);
        sv_json_set_str(*result, "token", sv_buf_str(&out.token));
        return 0;
}

static int parse_target_fd(const struct sv_args *args, int *fd, struct sv_err *err)
{
        uint64_t n = STDOUT_FILENO;

        if (sv_opt(args, "fd") && sv_parse_u64(sv_opt(args, "fd"), 1023, &n, "agent.fd", err) < 0)
                return -1;
        *fd = (int)n;
        return 0;
}

/* Open, to write to, and nothing that shows a secret. */
static int check_target_fd(const struct sv_args *args, struct sv_err *err)
{
        int fd, flags;

        if (parse_target_fd(args, &fd, err) < 0)
                return -1;
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
                return sv_fail(err, SV_USAGE, "agent.fd",
                               "descriptor %d: one that is open for writing was expected for the "
                               "secret, this one is %s",
                               fd, flags < 0 ? "not open" : "only to read from");
        if (isatty(fd))
                return sv_fail(err, SV_USAGE, "agent.fd",
                               "descriptor %d is a terminal, where a secret stays: give --out or "
                               "--fd, or use a pipe",
                               fd);
        return 0;
}

/* Where a secret may go: never a terminal, never a JSON object. */
static int put_secret(const struct sv_args *args, struct sv_secret *s, struct sv_err *err)
{
        const char *path = sv_opt(args, "out");
        struct sv_bytes bytes = sv_bytes(sv_secret_reveal(s), sv_secret_size(s));
        int fd;

        if (path)
                return sv_file_write(path, 0600, bytes, err);
        if (parse_target_fd(args, &fd, err) < 0)
                return -1;
        return sv_fd_write(fd, "the descriptor for the secret", bytes, err);
}

/* A link or a pipe may be somebody else's; a device, also /dev/stdout, would be replaced. */
static bool is_file_or_free(const char *path)
{
        struct stat st;

        return lstat(path, &st) < 0 || S_ISREG(st.st_mode);
}

/* Checked before the broker is asked: its audit record would show a released key although the key
 * had nowhere to go. */
static int check_target(const struct sv_args *args, struct sv_err *err)
{
        const char *fd = sv_opt(args, "fd");
        bool out = sv_has(args, "out");

        if (fd && out)
                return sv_fail(err, SV_USAGE, "agent.fd", "--out and --fd exclude each other");
        if (out && !is_file_or_free(sv_opt(args, "out")))
                return sv_fail(err, SV_USAGE, "agent.fd",
                               "--out %s: a file or a free name was expected for the secret, found "
                               "something else; give --fd for what is open already",
                               sv_opt(args, "out"));
        if (!fd && !out && sv_has(args, "json"))
                return sv_fail(err, SV_USAGE, "agent.fd",
                               "with --json the secret needs a place of its own: --out or --fd");
        return out ? 0 : check_target_fd(args, err);
}

#define KBS_URI "kbs://"

/* "kbs:///repository/type/tag", as others write it: without a host, which a URI must not choose. */
static int strip_kbs_uri(const char *text, const char **resource, struct sv_err *err)
{
        *resource = text;
        if (strncmp(text, KBS_URI, strlen(KBS_URI)))
                return 0;
        if (text[strlen(KBS_URI)] != '/')
                return sv_fail(err, SV_USAGE, "agent.uri",
                               "kbs:///repository/type/tag was expected, found \"%.100s\": which "
                               "broker is asked stands on the kernel command line, or in --url",
                               text);
        *resource = text + strlen(KBS_URI) + 1;
        return 0;
}

/* Checked before the broker is asked. */
static int check_wanted_tee(const struct sv_args *args, struct sv_err *err)
{
        const struct sv_attester *a = sv_attester_find();
        const char *tee = sv_opt(args, "tee");

        if (!tee || (a && !strcmp(a->id->name, tee)))
                return 0;
        return sv_fail(err, a ? SV_PROOF : SV_SYSTEM, "agent.tee",
                       "a machine that proves itself by %.40s was expected, this one does by %s",
                       tee, a ? a->id->name : "nothing");
}

/* Of a secret of any length and kind; other than the secret, which may be a passphrase as it is. */
static struct sv_secret *make_jwk(struct sv_secret *secret, struct sv_err *err)
{
        static const char info[] = "secure-vm clevis pin 1";
        SV_BUF text = {.locked = true};
        uint8_t key[32];
        int r = sv_kdf_concat(sv_bytes(sv_secret_reveal(secret), sv_secret_size(secret)),
                              sv_bytes_str(info), key, sizeof(key), err);

        if (r == 0) {
                sv_buf_puts(&text, "{\"kty\":\"oct\",\"alg\":\"A256KW\",\"k\":\"");
                sv_put_base64url(&text, sv_bytes(key, sizeof(key)));
                sv_buf_puts(&text, "\"}");
                r = sv_buf_ok(&text, "the key", err);
        }
        sv_wipe(key, sizeof(key));
        return r < 0 ? NULL : sv_secret_copy(sv_buf_bytes(&text), err);
}

static int put_released(const struct sv_args *args, struct sv_secret *secret, struct sv_err *err)
{
        SV_SECRET *jwk = NULL;

        if (!sv_has(args, "jwk"))
                return put_secret(args, secret, err);
        jwk = make_jwk(secret, err);
        return jwk ? put_secret(args, jwk, err) : -1;
}

int sv_agent_get(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_agent_config config;
        SV_RELEASE_OUT out = {0};
        const char *resource;

        if (strip_kbs_uri(args->pos[0], &resource, err) < 0 || check_target(args, err) < 0)
                return -1;
        if (sv_agent_read_config(args, resource, &config, err) < 0 ||
            check_wanted_tee(args, err) < 0)
                return -1;
        if (release_by_options(args, &config, false, &out, err) < 0)
                return -1;
        if (put_released(args, out.secret, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "resource", config.resource);
        sv_json_set_int(*result, "size", (int64_t)sv_secret_size(out.secret));
        sv_json_set_str(*result, "grounds", sv_buf_str(&out.reasons));
        return 0;
}

static int read_report_data(const struct sv_args *args, struct sv_buf *out, struct sv_err *err)
{
        const char *hex = sv_opt(args, "report-data");
        uint8_t *p;

        if (!hex) {
                p = sv_buf_grow(out, 48);
                return p ? sv_random(p, 48, err) : sv_buf_ok(out, "report data", err);
        }
        if (sv_unhex(sv_bytes_str(hex), out, "agent.report-data", err) < 0 ||
            out->n < REPORT_DATA_MIN || out->n > REPORT_DATA_MAX)
                return sv_fail(err, SV_USAGE, "agent.report-data", "expected %d to %d bytes in hex",
                               REPORT_DATA_MIN, REPORT_DATA_MAX);
        return 0;
}

static int collect_evidence(const struct sv_attester *a, const char *level, struct sv_bytes data,
                            struct sv_json **evidence, struct sv_err *err)
{
        struct sv_note note = {""};
        uint64_t vmpl = 0;
        void *state = NULL;
        int r;

        if (level && !a->evidence_at)
                return sv_fail(err, SV_USAGE, "agent.vmpl",
                               "%s has no privilege levels: leave --vmpl out", a->id->name);
        if ((level && sv_parse_u64(level, 3, &vmpl, "agent.vmpl", err) < 0) ||
            (a->open && a->open(&state, err) < 0))
                return -1;
        r = level ? a->evidence_at(state, (unsigned)vmpl, data, evidence, err)
                  : a->evidence(state, data, NULL, evidence, &note, err);
        if (r == 0 && note.text[0])
                warn_note(&note);
        if (a->close)
                a->close(state);
        return r;
}

int sv_agent_evidence(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const struct sv_attester *a = sv_attester_need(err);
        SV_BUF data = SV_BUF_NULL, text = SV_BUF_NULL;
        SV_JSON *evidence = NULL;

        if (!a)
                return -1;
        if (read_report_data(args, &data, err) < 0 ||
            collect_evidence(a, sv_opt(args, "vmpl"), sv_buf_bytes(&data), &evidence, err) < 0)
                return -1;
        sv_json_print(evidence, &text);
        sv_buf_puts(&text, "\n");
        if (sv_has(args, "out") &&
            (sv_buf_ok(&text, "the evidence", err) < 0 ||
             sv_output_write(sv_opt(args, "out"), 0666, sv_buf_bytes(&text), err) < 0))
                return -1;
        if (!sv_has(args, "out") && !sv_has(args, "json"))
                fputs(sv_buf_str(&text), stdout);
        *result = sv_json_object();
        sv_json_set_str(*result, "tee", a->id->name);
        sv_json_set_hex(*result, "report_data", sv_buf_bytes(&data));
        sv_json_set(*result, "evidence", sv_json_ref(evidence));
        return 0;
}

/* The key goes where a flag says, and nowhere else. */
int sv_agent_derive_key(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        static const char *const names[] = {"root", "mix", "vmpl", "svn", "tcb"};
        const struct sv_attester *a;
        SV_JSON *options = sv_json_object();
        SV_SECRET *key = NULL;

        if (sv_has(args, "fd") == sv_has(args, "stdout"))
                return sv_fail(err, SV_USAGE, "agent.fd",
                               "say where the key goes: --fd N or --stdout, one of them");
        if (sv_has(args, "stdout") && (sv_has(args, "json") || isatty(STDOUT_FILENO)))
                return sv_fail(err, SV_USAGE, "agent.fd",
                               "a key goes neither to a terminal nor beside --json: give --fd, or "
                               "use a pipe");
        a = sv_attester_need(err);
        if (!a)
                return -1;
        if (!a->derive)
                return sv_fail(err, SV_USAGE, "agent.derive",
                               "guests on %s get no key from their hardware; a key of the "
                               "broker's: secure-vm-agent get",
                               a->id->name);
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (sv_has(args, names[i]))
                        sv_json_set_str(options, names[i], sv_opt(args, names[i]));
        if (check_target_fd(args, err) < 0 || a->derive(options, &key, err) < 0 ||
            put_secret(args, key, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "tee", a->id->name);
        sv_json_set_int(*result, "size", (int64_t)sv_secret_size(key));
        return 0;
}
