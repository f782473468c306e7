/* SPDX-License-Identifier: Apache-2.0 */
/* A process that does one thing for others and has nothing of theirs: for each channel that it is
 * given it forks a child that serves that channel and ends. It must be started before there are
 * keys in memory. */
#pragma once

#include "broker/broker.h"
#include "broker/process/sandbox.h"

struct sv_service {
        const char *name; /* of the process, at most 15 bytes */
        enum sv_sandbox sandbox, child;
        bool inside; /* the child adds its own filter */
        /* in the service, before the sandbox: what its children would each do anew */
        void (*warm)(struct sv_broker *b);
        void (*between)(struct sv_broker *b); /* in the service, before each fork; may be NULL */
        void (*serve)(struct sv_broker *b, int channel);
};

/* For `warm`: what libcrypto and json-c look up and make on their first use of keys, certificates
 * and texts. */
void sv_service_warm(struct sv_broker *b);

int sv_service_start(struct sv_broker *b, const struct sv_service *s,
                     const struct sv_sandbox_files *files, struct sv_process *out,
                     struct sv_err *err);
/* A channel that a new child serves. */
int sv_service_call(const struct sv_process *p, int *channel, struct sv_err *err);
