/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker's processes say to each other: frames over a pair of sockets, and the end of such
 * a pair handed to another process. A frame is a u8 type, a u32le size and so many bytes. The other
 * side may be in a stranger's hands: each size is bounded and each wait has an end. All fail with
 * SV_SYSTEM "broker.process". */
#pragma once

#include "base/core/buf.h"
#include "base/core/rd.h"
#include "base/json/json.h"

int sv_channel_pair(int out[2], struct sv_err *err);
int sv_channel_send(int fd, uint8_t type, struct sv_bytes body, struct sv_err *err);
/* Two frames, one after the other; in one piece when they are small, so that who waits for both is
 * woken once. */
int sv_channel_send_both(int fd, uint8_t type, struct sv_bytes body, uint8_t then,
                         struct sv_bytes next, struct sv_err *err);
/* Appends a frame of at most `max` bytes to `body`. *closed (may be NULL: then it is an error) is
 * set, and 0 returned, when the other side has closed before the first byte. ms < 0: no end. */
int sv_channel_recv(int fd, int ms, size_t max, uint8_t *type, struct sv_buf *body, bool *closed,
                    struct sv_err *err);
/* As recv, of this type; a frame SV_FRAME_ERROR becomes *err. */
int sv_channel_expect(int fd, int ms, uint8_t type, size_t max, struct sv_buf *body,
                      struct sv_err *err);

/* A frame that carries an error; its class, check and text are looked at when it is read. */
#define SV_FRAME_ERROR 'E'
int sv_channel_send_error(int fd, const struct sv_err *what, struct sv_err *err);
/* Fills *err with what the body says; returns -1. */
int sv_channel_read_error(struct sv_bytes body, struct sv_err *err);

/* A pair that keeps messages apart, over which descriptors go. */
int sv_control_pair(int out[2], struct sv_err *err);
/* A copy of `fd` with a short text; the caller closes its own. */
int sv_control_pass(int control, const char *text, int fd, struct sv_err *err);
/* Waits. *fd is -1 when the other side has closed. */
int sv_control_take(int control, char *text, size_t size, int *fd, struct sv_err *err);

/* --- in the body of a frame --- */
/* A text, as a part (sv_put_part), without NUL into out; false when there is none that fits. */
bool sv_rd_text(struct sv_rd *r, char *out, size_t size);
/* A value of JSON in a form that needs no parser of text: what comes out is made of members, one
 * after the other. SV_FORMAT "broker.process": a double, a NUL in a text. */
int sv_put_tree(struct sv_buf *out, const struct sv_json *j, struct sv_err *err);
int sv_rd_tree(struct sv_rd *r, struct sv_json **out, struct sv_err *err);
