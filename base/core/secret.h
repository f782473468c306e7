/* SPDX-License-Identifier: Apache-2.0 */
/* A secret lives in pages of its own, which are locked in memory and left out of core dumps;
 * freeing the secret wipes them. A child of fork() has its copy and frees it as well. No function
 * writes a secret into a log, JSON, argv or the environment: only sv_secret_reveal gives the bytes
 * away, and lint pins its uses. */
#pragma once

#include "base/core/bytes.h"

struct sv_secret;

/* n zero bytes (1 .. SV_SECRET_MAX). NULL and SV_SYSTEM "base.secret" when memory cannot be had or
 * locked. */
struct sv_secret *sv_secret_new(size_t n, struct sv_err *err);
/* n bytes of the system's random generator. */
struct sv_secret *sv_secret_random(size_t n, struct sv_err *err);
/* A copy of bytes; the caller wipes its own. */
struct sv_secret *sv_secret_copy(struct sv_bytes from, struct sv_err *err);
void sv_secret_free(struct sv_secret *s);
void sv_secret_freep(struct sv_secret **s);
#define SV_SECRET __attribute__((cleanup(sv_secret_freep))) struct sv_secret

size_t sv_secret_size(const struct sv_secret *s);
/* Keep only the first n bytes (the rest is wiped). */
void sv_secret_shrink(struct sv_secret *s, size_t n);
/* The bytes themselves, writable, valid until freed. Each use is a place to review. */
uint8_t *sv_secret_reveal(struct sv_secret *s);

/* Wipe memory that is not a struct sv_secret; never optimised away. Of no bytes, p may be NULL. */
void sv_wipe(void *p, size_t n);

/* Pages like a secret's, zeroed: at least n bytes that nothing else shares. NULL and SV_SYSTEM
 * "base.secret". For buffers that a secret passes through (struct sv_buf with `locked`). */
void *sv_pages_lock(size_t n, struct sv_err *err);
/* Wipes them; the same n. p may be NULL. */
void sv_pages_free(void *p, size_t n);

/* Turns core files off for this process and keeps other processes of the same user from tracing it
 * or reading its memory. A program calls it before it holds a secret. SV_SYSTEM "base.harden". */
int sv_secret_harden_process(struct sv_err *err);
