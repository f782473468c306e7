/* SPDX-License-Identifier: Apache-2.0 */
/* What a network card lets one of its virtual functions do (SR-IOV): asked and set at the card, by
 * rtnetlink's IFLA_VF_*, whoever has the function. */
#pragma once

#include "base/json/json.h"

#define SV_VF_UNKNOWN (-1) /* the card has no such switch */

struct sv_vf {
        uint8_t mac[6];
        unsigned vlan, qos;          /* 802.1Q: 0 to 4094, 0 to 7; VLAN 0: none */
        unsigned min_rate, max_rate; /* Mbit/s; 0: no limit */
        int spoof_check, trust;      /* 0, 1, SV_VF_UNKNOWN */
};

/* `card` is the interface of the physical function. SV_SYSTEM "vf.card": no such card, or no such
 * function; "vf.read". */
int sv_vf_read(const char *card, unsigned index, struct sv_vf *out, struct sv_err *err);
/* Sets what differs, one setting after the other, and reads all of it back. SV_SYSTEM "vf.refused"
 * names the setting that the card does not take; those before it are set. */
int sv_vf_set(const char *card, unsigned index, const struct sv_vf *wanted, struct sv_err *err);
/* Calls fn for each setting in which they differ, with both as text. */
void sv_vf_compare(const struct sv_vf *wanted, const struct sv_vf *found,
                   void (*fn)(void *arg, const char *what, const char *wanted, const char *found),
                   void *arg);
/* "52:54:00:12:34:56" */
bool sv_vf_mac_read(const char *text, uint8_t out[6]);
/* As members of an object, and back: false when one is missing or out of range. */
void sv_vf_put(const struct sv_vf *vf, struct sv_json *o);
bool sv_vf_take(const struct sv_json *o, struct sv_vf *out);
