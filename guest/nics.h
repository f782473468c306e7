/* SPDX-License-Identifier: Apache-2.0 */
/* The network interfaces of a guest file: what no single member can say, and the words by which the
 * agent hears of them. Internal to guest/. */
#pragma once

#include "guest/guest.h"
#include "base/json/member.h"

extern const struct sv_member sv_guest_nic_members[];

/* SV_USAGE "guest.nics*", "guest.attestation.card". Fills the default in, too. */
int sv_guest_check_nics(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err);
/* "securevm.nic=MAC[,address=ADDRESS/PREFIX]..." for each interface that has something to say, each
 * with a blank in front. */
void sv_guest_put_nics(const struct sv_guest *g, struct sv_buf *line);
bool sv_guest_nic_has_words(const struct sv_nic *n);
void sv_guest_free_nics(struct sv_guest *g);
/* A list of texts that was read, and each of them. */
void sv_guest_free_texts(char **texts, size_t n);
