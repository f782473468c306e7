/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/release.h"

#include "agent/machine.h"
#include "attest/kbs/client.h"
#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/limits.h"

#define PAUSE_MIN_MS 500
#define PAUSE_MAX_MS 10000

/* One exchange: the attester's open state, closed on every way out, and the connection. */
struct exchange {
        const struct sv_release *r;
        const struct sv_attester *attester;
        void *state;
        struct sv_json *params;
        struct sv_kbs_client *client;
        const char *step;
        bool again; /* the fault is one of the network: trying again can help */
};

void sv_release_out_free(struct sv_release_out *out)
{
        sv_secret_freep(&out->secret);
        sv_buf_free(&out->token);
        sv_buf_free(&out->reasons);
}

static void report_start(struct exchange *x, const char *step, const char *says)
{
        x->step = step;
        if (x->r->log->start)
                x->r->log->start(step, says);
}

static void report_done(struct exchange *x, const char *says)
{
        if (x->r->log->done)
                x->r->log->done(x->step, says);
}

static void report_time(struct exchange *x, const char *part, int64_t *since)
{
        int64_t now = sv_clock_ms();

        if (x->r->log->time)
                x->r->log->time(part, now - *since);
        *since = now;
}

static void end_exchange(struct exchange *x)
{
        sv_json_free(x->params);
        if (x->attester && x->attester->close)
                x->attester->close(x->state);
        sv_kbs_client_free(x->client);
}

/* The key in the TEE and what the broker is told of it first. Done once: it does not depend on the
 * broker. */
static int open_attester(struct exchange *x, struct sv_err *err)
{
        const struct sv_attester *a = sv_attester_find();
        int64_t began = sv_clock_ms();

        if (!a)
                return sv_fail(err, SV_SYSTEM, "agent.tee",
                               "this machine offers nothing that could attest it (no TPM, SEV-SNP "
                               "or TDX device)");
        if (a->open && a->open(&x->state, err) < 0)
                return -1;
        x->attester = a;
        if (a->hello && a->hello(x->state, &x->params, err) < 0)
                return -1;
        report_time(x, "attester", &began);
        return 0;
}

struct sv_tls_ctx *sv_release_tls(const struct sv_agent_config *config, const char *ca_file,
                                  struct sv_err *err)
{
        SV_CERTS ca = {0};
        SV_BUF pem = SV_BUF_NULL;

        if (config->has_pin)
                return sv_tls_client(sv_bytes(config->pin, sizeof(config->pin)), NULL, err);
        if (sv_file_read(ca_file, SV_PEM_SIZE_MAX, &pem, "agent.ca", err) < 0) {
                sv_wrap(err, "neither a pin nor a CA says who the broker is");
                return NULL;
        }
        if (sv_certs_parse(sv_buf_bytes(&pem), &ca, "agent.ca", err) < 0)
                return NULL;
        return sv_tls_client(SV_BYTES_NULL, &ca, err);
}

static void pass_note(const struct exchange *x, const struct sv_note *note)
{
        if (note->text[0] && x->r->log->note)
                x->r->log->note(note);
}

static int get_evidence(struct exchange *x, struct sv_json **evidence, struct sv_err *err)
{
        struct sv_note note = {""};
        uint8_t digest[48];

        if (sv_kbs_binding(x->client, digest, err) < 0 ||
            x->attester->evidence(x->state, sv_bytes(digest, sizeof(digest)),
                                  sv_kbs_challenge(x->client), evidence, &note, err) < 0)
                return -1;
        pass_note(x, &note);
        return 0;
}

/* Request, challenge, attestation. */
static int attest_guest(struct exchange *x, struct sv_err *err)
{
        SV_JSON *evidence = NULL;
        int64_t at = sv_clock_ms();

        if (sv_kbs_auth(x->client, x->attester->id->kbs_name, x->params, err) < 0) {
                x->again = sv_kbs_retryable(x->client);
                return -1;
        }
        report_time(x, "challenge", &at);
        if (get_evidence(x, &evidence, err) < 0)
                return -1;
        report_time(x, "evidence", &at);
        if (sv_kbs_attest(x->client, evidence, err) < 0) {
                x->again = sv_kbs_retryable(x->client);
                return -1;
        }
        report_time(x, "verification", &at);
        return 0;
}

static struct sv_secret *get_resource(struct exchange *x, struct sv_err *err)
{
        const struct sv_agent_config *config = x->r->config;
        char hex[97];
        bool known = x->r->header && x->r->header(config, hex);

        return sv_kbs_resource(x->client, config->resource, known ? hex : NULL, err);
}

static int try_release(struct exchange *x, struct sv_release_out *out, struct sv_err *err)
{

        x->again = false;
        report_start(x, "attest", x->r->config->url);
        if (!x->attester && open_attester(x, err) < 0)
                return -1;
        if (attest_guest(x, err) < 0)
                return -1;
        report_done(x, "the broker accepts the evidence");
        if (x->r->token_only)
                return 0;
        report_start(x, "key", NULL);
        out->secret = get_resource(x, err);
        if (!out->secret) {
                x->again = sv_kbs_retryable(x->client);
                return -1;
        }
        report_done(x, x->r->config->resource);
        return 0;
}

/* Doubles from PAUSE_MIN_MS to PAUSE_MAX_MS; each a random part of it, so that guests that lost a
 * broker together do not come back together. */
static unsigned choose_pause(unsigned failures)
{
        unsigned ms = PAUSE_MIN_MS << (failures < 6 ? failures : 6);
        uint16_t r = 0;

        if (ms > PAUSE_MAX_MS)
                ms = PAUSE_MAX_MS;
        if (sv_random(&r, sizeof(r), NULL) < 0)
                r = 0x8000;
        return ms / 2 + ms / 2 * r / 0xffff;
}

static void pause_tries(const struct sv_release *r, unsigned ms)
{
        if (r->pause)
                r->pause(r->pause_arg, ms);
        else
                sv_machine_of(NULL)->pause(ms);
}

static int try_releases(struct exchange *x, struct sv_release_out *out, struct sv_err *err)
{
        int64_t end = sv_clock_ms() + x->r->config->wait_s * 1000ll;

        for (unsigned failures = 0;; failures++) {
                struct sv_err fault = SV_ERR_NULL;
                unsigned ms = choose_pause(failures);

                if (try_release(x, out, &fault) == 0)
                        return 0;
                /* The broker's own word, and a part of chance, so that not all come back at once.
                 */
                ms += 1000 * sv_kbs_retry_after(x->client);
                if (!x->again || sv_clock_ms() + ms >= end) {
                        if (x->again)
                                sv_wrap(&fault, "given up after %u tries within %u s", failures + 1,
                                        x->r->config->wait_s);
                        if (err)
                                *err = fault;
                        return -1;
                }
                if (x->r->log->retry)
                        x->r->log->retry(x->step, &fault, ms, failures + 2, 0);
                pause_tries(x->r, ms);
        }
}

/* Reports to the broker how it ended. A failure of the report changes nothing for the guest. */
static int use_resource(struct exchange *x, struct sv_secret *secret, struct sv_err *err)
{
        struct sv_err failed = SV_ERR_NULL, unreported = SV_ERR_NULL;
        int rc = x->r->use(x->r, x->client, secret, &failed);

        if (sv_kbs_outcome(x->client, x->r->config->resource, rc < 0 ? &failed : NULL,
                           &unreported) < 0 &&
            x->r->log->unreported)
                x->r->log->unreported(&unreported);
        if (rc < 0 && err)
                *err = failed;
        return rc;
}

static int seal_boot(const struct exchange *x, struct sv_err *err)
{
        struct sv_note note = {""};

        if (x->attester->seal && x->attester->seal(x->state, &note, err) < 0)
                return -1;
        pass_note(x, &note);
        return 0;
}

int sv_release(const struct sv_release *r, struct sv_release_out *out, struct sv_err *err)
{
        SV_TLS_CTX *tls = sv_release_tls(r->config, r->ca_file, err); /* outlives the client */
        __attribute__((cleanup(end_exchange))) struct exchange x = {.r = r};

        if (!tls)
                return -1;
        if (sv_kbs_client_new(r->config->url, tls, &x.client, err) < 0)
                return -1;
        if (try_releases(&x, out, err) < 0)
                return -1;
        out->tee = x.attester->id;
        sv_buf_puts(&out->token, sv_kbs_token(x.client));
        sv_buf_printf(&out->reasons, "%s evidence; %s", x.attester->id->name,
                      sv_kbs_grounds(x.client) ? sv_kbs_grounds(x.client)
                                               : "the broker does not say why");
        if (sv_buf_ok(&out->token, "the token", err) < 0 ||
            sv_buf_ok(&out->reasons, "the reasons", err) < 0)
                return -1;
        if (r->seal && seal_boot(&x, err) < 0)
                return -1;
        return r->use ? use_resource(&x, out->secret, err) : 0;
}
