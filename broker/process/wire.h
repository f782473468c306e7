/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/* Private to broker/process/: the frames, in the order in which they go.
 *
 *  keeper to verifier                       verifier to keeper
 *    FRAME_HELLO   a request's body           FRAME_HELLO      version, tee
 *                                             FRAME_CHALLENGE  what the TEE's `hello` said
 *    FRAME_PRESENT tee, u8 want needs, u8 old, u8 additional
 *    FRAME_BODY    an attestation's body      FRAME_PRESENTED  nonce, kty, alg, crv, a, b,
 *                                                              additional, its names a line each,
 *                                                              u8 has init-data, init-data
 *                                             FRAME_NEEDS      JSON
 *    FRAME_VERIFY  u64le time, report data, secret
 *    FRAME_BLOBS   struct sv_shared's form    FRAME_CLAIMS     u8 known, proof, tree
 *    FRAME_HELD    -
 *  keeper to fetcher                        fetcher to keeper
 *    FRAME_NEEDS   JSON                       FRAME_NOTE       for the audit record
 *                                             FRAME_BLOBS
 *    FRAME_AGAIN   -                          the same, or FRAME_NOTE alone with no text
 *    FRAME_HELD    -
 *  network to keeper                        keeper to network
 *    FRAME_REQUEST method, target, fields     FRAME_ANSWER     u32le status, reason, fields
 *    FRAME_BODY                               FRAME_BODY
 *
 * Anything else is answered with SV_FRAME_ERROR. Texts and bytes are parts (sv_put_part). */
/* clang-format on */
#pragma once

enum {
        FRAME_HELLO = 1,
        FRAME_CHALLENGE,
        FRAME_PRESENT,
        FRAME_PRESENTED,
        FRAME_BODY,
        FRAME_NEEDS,
        FRAME_VERIFY,
        FRAME_BLOBS,
        FRAME_CLAIMS,
        FRAME_NOTE,
        FRAME_AGAIN,
        FRAME_HELD,
        FRAME_REQUEST,
        FRAME_ANSWER,
};

#define ANSWER_MS 30000 /* how long the verifier may take for one answer */
