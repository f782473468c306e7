/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/release.h"

#include "agent/machine.h"
#include "attest/kbs/client.h"
#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/limits.h"

#define PAUSE_MIN_MS 500
#define PAUSE_MAX_MS 10000

/* What stands against a release, and so who is asked next. */
enum fault {
        FAULT_OWN,   /* this machine has nothing to attest itself with: nobody */
        FAULT_AGAIN, /* the network, or a broker that cannot do it now: the next, and it again */
        /* it is not the one, makes no sense, or has a challenge without an answer: the next, and it
         * never again */
        FAULT_BROKER,
        FAULT_REFUSED /* its owner's word, whichever of the owner's is asked: another owner's */
};

/* One exchange: the attester's open state, closed on every way out, and the connections. */
struct exchange {
        const struct sv_release *r;
        const struct sv_attester *attester;
        void *state;
        struct sv_json *params;
        struct broker {
                const struct sv_agent_broker *is;
                struct sv_tls_ctx *tls; /* outlives the client */
                struct sv_kbs_client *client;
                unsigned failures;
                int64_t due; /* not before */
                bool out;
        } brokers[SV_BROKERS_MAX];
        struct broker *at; /* who is asked */
        const char *step;
        enum fault fault;
        struct sv_err refused; /* the first refusal, while another owner is asked */
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
        for (size_t i = 0; i < SV_BROKERS_MAX; i++)
                sv_kbs_client_free(x->brokers[i].client);
        for (size_t i = 0; i < SV_BROKERS_MAX; i++)
                sv_tls_ctx_free(x->brokers[i].tls);
}

/* The key in the TEE and what the broker is told of it first. Done once: it does not depend on the
 * broker. */
static int open_attester(struct exchange *x, struct sv_err *err)
{
        const struct sv_attester *a = sv_attester_need(err);
        int64_t began = sv_clock_ms();

        if (!a)
                return -1;
        if (a->open && a->open(&x->state, err) < 0)
                return -1;
        x->attester = a;
        if (a->hello && a->hello(x->state, &x->params, err) < 0)
                return -1;
        report_time(x, "attester", &began);
        return 0;
}

struct sv_tls_ctx *sv_release_tls(const struct sv_agent_broker *broker, const char *ca_file,
                                  struct sv_err *err)
{
        SV_CERTS ca = {0};
        SV_BUF pem = SV_BUF_NULL;

        if (broker->has_pin)
                return sv_tls_client(sv_bytes(broker->pin, sizeof(broker->pin)), NULL, err);
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

        if (sv_kbs_binding(x->at->client, digest, err) < 0 ||
            x->attester->evidence(x->state, sv_bytes(digest, sizeof(digest)),
                                  sv_kbs_challenge(x->at->client), evidence, &note, err) < 0)
                return -1;
        pass_note(x, &note);
        return 0;
}

/* Of what the broker was asked. */
static int judge_fault(struct exchange *x)
{
        const struct sv_kbs_client *client = x->at->client;

        x->fault = sv_kbs_retryable(client)  ? FAULT_AGAIN
                   : sv_kbs_answered(client) ? FAULT_REFUSED
                                             : FAULT_BROKER;
        return -1;
}

/* Request, challenge, attestation. */
static int attest_guest(struct exchange *x, struct sv_err *err)
{
        SV_JSON *evidence = NULL;
        int64_t at = sv_clock_ms();

        if (sv_kbs_auth(x->at->client, x->attester->id->kbs_name, x->params, err) < 0)
                return judge_fault(x);
        report_time(x, "challenge", &at);
        if (get_evidence(x, &evidence, err) < 0) {
                x->fault = FAULT_BROKER; /* what it was asked with is this broker's */
                return -1;
        }
        report_time(x, "evidence", &at);
        if (sv_kbs_attest(x->at->client, evidence, err) < 0)
                return judge_fault(x);
        report_time(x, "verification", &at);
        return 0;
}

static struct sv_secret *get_resource(struct exchange *x, struct sv_err *err)
{
        const struct sv_agent_config *config = x->r->config;
        char hex[97];
        bool known = x->r->header && x->r->header(config, hex);

        return sv_kbs_resource(x->at->client, config->resource, known ? hex : NULL, err);
}

static int try_release(struct exchange *x, struct sv_release_out *out, struct sv_err *err)
{
        x->fault = FAULT_OWN;
        report_start(x, "attest", x->at->is->url);
        if (!x->attester && open_attester(x, err) < 0)
                return -1;
        if (attest_guest(x, err) < 0)
                return -1;
        report_done(x, "the broker accepts the evidence");
        if (x->r->token_only)
                return 0;
        report_start(x, "key", NULL);
        out->secret = get_resource(x, err);
        if (!out->secret)
                return judge_fault(x);
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

/* What is known of a broker after it failed. It is not asked again before the time that it named
 * itself, and a part of chance, so that not all come back at once. */
static void note_fault(struct exchange *x, const struct sv_err *fault)
{
        struct broker *b = x->at;

        b->due = sv_clock_ms() + choose_pause(b->failures++) + 1000 * sv_kbs_retry_after(b->client);
        b->out = x->fault == FAULT_BROKER;
        if (x->fault != FAULT_REFUSED)
                return;
        if (!x->refused.class)
                x->refused = *fault;
        for (size_t i = 0; i < x->r->config->n_brokers; i++)
                if (!strcmp(x->brokers[i].is->owner, b->is->owner))
                        x->brokers[i].out = true;
}

static bool comes_before(const struct broker *a, const struct broker *b, int64_t now)
{
        return a->due <= now && b->due <= now ? a->failures < b->failures : a->due < b->due;
}

/* Of those that may be asked now the one that was asked least, else the one that may be soonest;
 * NULL: none is left. Each is asked once, however late it is. */
static struct broker *choose_broker(struct exchange *x, int64_t end)
{
        int64_t now = sv_clock_ms();
        struct broker *next = NULL;

        for (size_t i = 0; i < x->r->config->n_brokers; i++) {
                struct broker *b = &x->brokers[i];

                if (b->out || (b->failures && (b->due >= end || now >= end)))
                        continue;
                if (!next || comes_before(b, next, now))
                        next = b;
        }
        return next;
}

static int fail_releases(const struct exchange *x, const struct sv_err *last, unsigned tries,
                         struct sv_err *err)
{
        struct sv_err why = x->refused.class ? x->refused : *last;

        if (x->refused.class && x->fault != FAULT_REFUSED)
                sv_wrap(&why, "one owner's brokers refuse, and no other's could be asked");
        else if (x->fault == FAULT_AGAIN)
                sv_wrap(&why, "given up after %u tries within %u s", tries, x->r->config->wait_s);
        if (err)
                *err = why;
        return -1;
}

/* The next broker at once, or after a pause. */
static void go_on(struct exchange *x, struct broker *next, const struct sv_err *fault,
                  unsigned tries)
{
        int64_t ms = next->due - sv_clock_ms();

        if (ms > 0 && x->r->log->retry)
                x->r->log->retry(x->step, fault, (unsigned)ms, tries + 1, 0);
        else if (ms <= 0 && x->r->log->next)
                x->r->log->next(x->step, fault, next->is->url);
        if (ms > 0)
                pause_tries(x->r, (unsigned)ms);
        x->at = next;
}

static int try_releases(struct exchange *x, struct sv_release_out *out, struct sv_err *err)
{
        int64_t end = sv_clock_ms() + x->r->config->wait_s * 1000ll;

        x->at = &x->brokers[0];
        for (unsigned tries = 1;; tries++) {
                struct sv_err fault = SV_ERR_NULL;
                struct broker *next = NULL;

                if (try_release(x, out, &fault) == 0)
                        return 0;
                if (x->fault != FAULT_OWN) {
                        note_fault(x, &fault);
                        next = choose_broker(x, end);
                }
                if (!next)
                        return fail_releases(x, &fault, tries, err);
                go_on(x, next, &fault, tries);
        }
}

/* What follows the release may go to each that has the same owner and so the same database. */
static int add_fleet(struct exchange *x, struct sv_err *err)
{
        for (size_t i = 0; i < x->r->config->n_brokers; i++) {
                const struct broker *b = &x->brokers[i];

                if (b != x->at && !b->out && !strcmp(b->is->owner, x->at->is->owner) &&
                    sv_kbs_client_also(x->at->client, b->is->url, b->tls, err) < 0)
                        return -1;
        }
        return 0;
}

static int open_clients(struct exchange *x, struct sv_err *err)
{
        for (size_t i = 0; i < x->r->config->n_brokers; i++) {
                struct broker *b = &x->brokers[i];

                b->is = &x->r->config->brokers[i];
                b->tls = sv_release_tls(b->is, x->r->ca_file, err);
                if (!b->tls || sv_kbs_client_new(b->is->url, b->tls, &b->client, err) < 0)
                        return -1;
        }
        return 0;
}

/* Reports to the broker how it ended. A failure of the report changes nothing for the guest. */
static int use_resource(struct exchange *x, struct sv_secret *secret, struct sv_err *err)
{
        struct sv_err failed = SV_ERR_NULL, unreported = SV_ERR_NULL;
        int rc = x->r->use(x->r, x->at->client, secret, &failed);

        if (sv_kbs_outcome(x->at->client, x->r->config->resource, rc < 0 ? &failed : NULL,
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
        __attribute__((cleanup(end_exchange))) struct exchange x = {.r = r};

        if (open_clients(&x, err) < 0)
                return -1;
        if (try_releases(&x, out, err) < 0 || add_fleet(&x, err) < 0)
                return -1;
        out->tee = x.attester->id;
        out->url = x.at->is->url;
        sv_buf_puts(&out->token, sv_kbs_token(x.at->client));
        sv_buf_printf(&out->reasons, "%s evidence; %s", x.attester->id->name,
                      sv_kbs_grounds(x.at->client) ? sv_kbs_grounds(x.at->client)
                                                   : "the broker does not say why");
        if (sv_buf_ok(&out->token, "the token", err) < 0 ||
            sv_buf_ok(&out->reasons, "the reasons", err) < 0)
                return -1;
        if (r->seal && seal_boot(&x, err) < 0)
                return -1;
        return r->use ? use_resource(&x, out->secret, err) : 0;
}
