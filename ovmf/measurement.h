/* SPDX-License-Identifier: Apache-2.0 */
/* A predicted measurement: the values that a guest will have, and the steps that lead to them. */
#pragma once

#include "base/crypto/crypto.h"
#include "base/json/json.h"

/* One event or page range of a prediction, in order. */
struct sv_measure_step {
        char reg[16];   /* "pcr0", "launch_digest", "rtmr1" */
        char what[192]; /* readable: "firmware volume PEIFV at 0x820000, 917504 bytes" */
        char type[48];  /* "EV_EFI_PLATFORM_FIRMWARE_BLOB2" */
        uint8_t digest[2][SV_DIGEST_MAX]; /* per bank: 0 sha256, 1 sha384 (unused bytes zero) */
        size_t digest_size[2];
        /* What went into it, name to text, where the digest alone does not say that: a digest that
         * runs on from step to step, a page made of several inputs. NULL: the digest is this step's
         * own. Owned. */
        struct sv_json *inputs;
};
struct sv_measurement {
        struct sv_json *values;      /* the "measurements" member of the contract */
        struct sv_json *unpredicted; /* [{"name":…,"reason":…}] */
        struct sv_measure_step *steps;
        size_t n_steps;
};
void sv_measurement_free(struct sv_measurement *m);
/* a new zeroed step; ends the program without memory */
struct sv_measure_step *sv_measurement_step(struct sv_measurement *m);
