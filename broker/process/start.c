/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that the keeper starts before it reads a key, but for the network's. */
#include <time.h>

#include "broker/process/fetcher.h"
#include "broker/process/service.h"
#include "broker/process/verifier.h"

static void learn_collateral(struct sv_broker *b)
{
        sv_broker_take_share(b, time(NULL));
}

static const struct sv_service verifier = {
        .name = "sv-verifier",
        .sandbox = SV_SANDBOX_VERIFIER,
        .child = SV_SANDBOX_VERIFICATION,
        .inside = true,
        .warm = sv_service_warm,
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
