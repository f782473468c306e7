/* From the broker to the key: the whole exchange, with its retries. */
#pragma once

#include "agent/attesters.h"
#include "agent/config.h"

struct sv_release_says {
        void (*start)(const char *step, const char *says);
        void (*done)(const char *step, const char *says);
        void (*say)(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
};

/* The resource that the command line names. ca_file is where the initramfs has the broker's CA when there is no pin. Network faults
 * are tried again, with pauses that grow and differ (SV_RELEASE_TRIES in all); a refusal is final. `grounds` receives one line. */
#define SV_RELEASE_TRIES 12
struct sv_secret *sv_release(const struct sv_agent_config *config, const char *ca_file, const struct sv_release_says *says,
                             struct sv_buf *grounds, struct sv_err *err);
