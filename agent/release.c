#include "agent/release.h"

#include <time.h>

#include "attest/kbs_client.h"
#include "base/file.h"
#include "base/limits.h"

#define PAUSE_MIN_MS 500
#define PAUSE_MAX_MS 10000

/* Open state of the attester, closed on every way out. */
struct session {
        const struct sv_attester *attester;
        void *state;
        struct sv_json *params;
};

static void close_session(struct session *s)
{
        sv_json_free(s->params);
        if (s->attester && s->attester->close)
                s->attester->close(s->state);
}

static int open_session(struct session *s, struct sv_err *err)
{
        const struct sv_attester *a = sv_attester_find();

        if (!a)
                return sv_fail(err, SV_SYSTEM, "agent.tee", "this machine offers nothing that could attest it (no TPM, SEV-SNP or TDX device)");
        if (a->open && a->open(&s->state, err) < 0)
                return -1;
        s->attester = a;
        return a->hello ? a->hello(s->state, &s->params, err) : 0;
}

static struct sv_tls_ctx *client_tls(const struct sv_agent_config *config, const char *ca_file, struct sv_err *err)
{
        SV_CERTS ca = {0};
        SV_BUF pem = SV_BUF_NULL;

        if (config->has_pin)
                return sv_tls_client(sv_bytes(config->pin, sizeof(config->pin)), NULL, err);
        if (sv_file_read(ca_file, SV_PEM_SIZE_MAX, &pem, "agent.ca", err) < 0) {
                sv_wrap(err, "neither securevm.pin nor a CA says who the broker is");
                return NULL;
        }
        if (sv_certs_parse(sv_buf_bytes(&pem), &ca, "agent.ca", err) < 0)
                return NULL;
        return sv_tls_client(SV_BYTES_NULL, &ca, err);
}

static struct sv_secret *attempt(struct sv_kbs_client *client, const struct session *s, const struct sv_agent_config *config,
                                 const struct sv_release_says *says, struct sv_err *err)
{
        struct sv_secret *secret;
        SV_JSON *evidence = NULL;
        uint8_t digest[48];

        says->start("attest", config->url);

        if (sv_kbs_auth(client, s->attester->kbs_name, s->params, err) < 0 || sv_kbs_binding(client, digest, err) < 0)
                return NULL;
        if (s->attester->evidence(s->state, sv_bytes(digest, sizeof(digest)), sv_kbs_challenge(client), &evidence, err) < 0)
                return NULL;
        if (sv_kbs_attest(client, evidence, err) < 0)
                return NULL;
        says->done("attest", "the broker accepts the evidence");
        says->start("key", NULL);
        secret = sv_kbs_resource(client, config->resource, err);
        if (secret)
                says->done("key", config->resource);
        return secret;
}

/* Doubles from PAUSE_MIN_MS to PAUSE_MAX_MS; each a random part of it, so that guests that lost a broker together do not come back
 * together. */
static unsigned pause_ms(unsigned failures)
{
        unsigned ms = PAUSE_MIN_MS << (failures < 6 ? failures : 6);
        uint16_t r = 0;

        if (ms > PAUSE_MAX_MS)
                ms = PAUSE_MAX_MS;
        if (sv_random(&r, sizeof(r), NULL) < 0)
                r = 0x8000;
        return ms / 2 + ms / 2 * r / 0xffff;
}

static struct sv_secret *attempts(struct sv_kbs_client *client, const struct session *s, const struct sv_agent_config *config,
                                  const struct sv_release_says *says, struct sv_err *err)
{
        for (unsigned failures = 0;; failures++) {
                struct sv_secret *secret = attempt(client, s, config, says, err);
                unsigned ms;

                if (secret)
                        return secret;
                if (!sv_kbs_retryable(client))
                        return NULL;
                if (failures + 1 == SV_RELEASE_TRIES) {
                        sv_wrap(err, "given up after %d tries", SV_RELEASE_TRIES);
                        return NULL;
                }
                ms = pause_ms(failures);
                says->say("%s [%s]; again in %u ms (%u of %d)", err->msg, err->check, ms, failures + 2, SV_RELEASE_TRIES);
                nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
        }
}

struct sv_secret *sv_release(const struct sv_agent_config *config, const char *ca_file, const struct sv_release_says *says,
                             struct sv_buf *grounds, struct sv_err *err)
{
        __attribute__((cleanup(close_session))) struct session s = {0};
        SV_TLS_CTX *tls = client_tls(config, ca_file, err);
        SV_KBS_CLIENT *client = NULL;
        struct sv_secret *secret;

        if (!tls || sv_kbs_client_new(config->url, tls, &client, err) < 0)
                return NULL;
        if (open_session(&s, err) < 0)
                return NULL;
        secret = attempts(client, &s, config, says, err);
        if (!secret)
                return NULL;
        sv_buf_printf(grounds, "%s evidence; %s", s.attester->name,
                      sv_kbs_grounds(client) ? sv_kbs_grounds(client) : "the broker does not say why");
        /* From here on nothing that runs in this guest can ask for the key again. */
        if (s.attester->seal && s.attester->seal(s.state, err) < 0) {
                sv_secret_free(secret);
                return NULL;
        }
        return secret;
}
