/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that the keeper starts before it reads a key, but for the network's. */
#include <time.h>

#include "broker/process/fetcher.h"
#include "broker/process/service.h"
#include "broker/process/verifier.h"

/* What libraries make on their first use they make once, where files can still be opened. */
static void warm_verifier(struct sv_broker *b)
{
        SV_KEY *key = sv_key_generate(SV_KEY_P384, 0, NULL);
        SV_BUF sig = SV_BUF_NULL;
        SV_JSON *j = NULL;
        struct sv_bytes text = sv_bytes_str("{\"a\":1}");

        if (key && sv_sign(key, SV_ECDSA_SHA384, text, &sig, NULL) == 0)
                (void)!sv_verify_sig(key, SV_ECDSA_SHA384, text, sv_buf_bytes(&sig), "broker",
                                     NULL);
        (void)!sv_json_parse(text, "broker", &j, NULL);
}

static void learn_collateral(struct sv_broker *b)
{
        sv_broker_take_share(b, time(NULL));
}

static const struct sv_service verifier = {
        .name = "sv-verifier",
        .sandbox = SV_SANDBOX_VERIFIER,
        .child = SV_SANDBOX_VERIFICATION,
        .inside = true,
        .warm = warm_verifier,
        .between = learn_collateral,
        .serve = sv_verifier_serve,
};

static int start_verifier(struct sv_broker *b, struct sv_err *err)
{
        if (sv_broker_open_share(b, err) < 0)
                return -1;
        return sv_service_start(b, &verifier, NULL, &b->verifier, err);
}

int sv_broker_start(struct sv_broker *b, struct sv_err *err)
{
        if (start_verifier(b, err) < 0)
                return -1;
        return sv_fetcher_start(b, err);
}
