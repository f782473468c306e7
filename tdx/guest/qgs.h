/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of the quote generation service (Intel DCAP,
 * QuoteGeneration/quote_wrapper/qgs_msg_lib): who signs a TD's report. The codec is pure;
 * sv_qgs_connect and sv_qgs_exchange are I/O with bounded waits. */
#pragma once

#include "base/core/buf.h"

#define SV_QGS_SIZE_MAX (128u << 10) /* of a message: the largest quote that Linux takes */

/* Whole frames, to be written as they are. */
void sv_qgs_quote_request(struct sv_bytes tdreport, struct sv_buf *out);
void sv_qgs_platform_request(struct sv_buf *out);

/* Answers without the length in front. SV_FORMAT "tdx.qgs.message"; SV_SYSTEM "tdx.qgs.refused"
 * when the service says why it does not. */
int sv_qgs_quote_response(struct sv_bytes message, struct sv_bytes *quote, struct sv_err *err);
struct sv_qgs_platform {
        /* security versions of the quoting enclave and of the one that certifies it */
        uint16_t tdqe_svn, pce_svn;
        struct sv_bytes platform_id, cpu_svn;
};
int sv_qgs_platform_response(struct sv_bytes message, struct sv_qgs_platform *out,
                             struct sv_err *err);

/* The path of a unix socket, or "vsock:CID:PORT". SV_SYSTEM "tdx.qgs.connect". */
int sv_qgs_connect(const char *address, int *fd, struct sv_err *err);
/* One question, one answer, at most so long in all. SV_SYSTEM "tdx.qgs.answer" when none comes or
 * it ends early. */
int sv_qgs_exchange(int fd, struct sv_bytes request, int timeout_ms, struct sv_buf *answer,
                    struct sv_err *err);
