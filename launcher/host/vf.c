/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/vf.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/host/netlink.h"

#define MAC_TEXT 18

/* --- messages --- */

/* An attribute with its padding; NULL in `value.p`: one that begins a nest, whose size is set when
 * it ends. Returns where it begins. */
static size_t add_attribute(struct sv_buf *b, unsigned short type, struct sv_bytes value)
{
        struct rtattr a = {.rta_len = (unsigned short)(sizeof(a) + value.n), .rta_type = type};
        size_t at = b->n;

        sv_buf_put(b, sv_bytes(&a, sizeof(a)));
        sv_buf_put(b, value);
        sv_buf_grow(b, RTA_ALIGN(value.n) - value.n);
        return at;
}

static void end_nest(struct sv_buf *b, size_t at)
{
        unsigned short n = (unsigned short)(b->n - at);

        if (!b->bad)
                memcpy(b->p + at + offsetof(struct rtattr, rta_len), &n, sizeof(n));
}

static void begin_link_message(struct sv_buf *b, unsigned short type, unsigned short flags,
                               int index)
{
        struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
        struct ifinfomsg i = {.ifi_family = AF_UNSPEC, .ifi_index = index};

        sv_buf_put(b, sv_bytes(&h, sizeof(h)));
        sv_buf_put(b, sv_bytes(&i, sizeof(i)));
}

static int ask_of_link(struct sv_buf *b, struct sv_buf *answer, const char *check,
                       struct sv_err *err)
{
        uint32_t n = (uint32_t)b->n;

        if (sv_buf_ok(b, "a message for the kernel", err) < 0)
                return -1;
        memcpy(b->p + offsetof(struct nlmsghdr, nlmsg_len), &n, sizeof(n));
        return sv_netlink_ask(sv_buf_bytes(b), answer, check, err);
}

/* The first message of an answer: its type and what follows its header. False: there is none. */
static bool take_message(struct sv_bytes answer, unsigned short *type, struct sv_bytes *body)
{
        struct nlmsghdr h;

        if (answer.n < sizeof(h))
                return false;
        memcpy(&h, answer.p, sizeof(h));
        if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > answer.n)
                return false;
        *type = h.nlmsg_type;
        *body = sv_bytes(answer.p + sizeof(h), h.nlmsg_len - sizeof(h));
        return true;
}

/* The kernel's verdict, as an errno; 0: it agrees, or says nothing of that kind. */
static int read_verdict(struct sv_bytes answer)
{
        struct nlmsgerr e;
        struct sv_bytes body;
        unsigned short type;

        if (!take_message(answer, &type, &body) || type != NLMSG_ERROR || body.n < sizeof(e.error))
                return 0;
        memcpy(&e.error, body.p, sizeof(e.error));
        return -e.error;
}

static bool next_attribute(struct sv_bytes *rest, unsigned short *type, struct sv_bytes *value)
{
        struct rtattr a;
        size_t whole;

        if (rest->n < sizeof(a))
                return false;
        memcpy(&a, rest->p, sizeof(a));
        if (a.rta_len < sizeof(a) || a.rta_len > rest->n)
                return false;
        *type = a.rta_type & NLA_TYPE_MASK;
        *value = sv_bytes(rest->p + sizeof(a), a.rta_len - sizeof(a));
        whole = RTA_ALIGN(a.rta_len);
        *rest = whole < rest->n ? sv_bytes(rest->p + whole, rest->n - whole) : SV_BYTES_NULL;
        return true;
}

/* --- one function's settings in an answer --- */

static bool copy_attribute(struct sv_bytes value, void *out, size_t n)
{
        if (value.n < n)
                return false;
        memcpy(out, value.p, n);
        return true;
}

static int read_vf_switch(struct sv_bytes value)
{
        struct ifla_vf_spoofchk s; /* struct ifla_vf_trust is the same */

        return !copy_attribute(value, &s, sizeof(s)) || s.setting > 1 ? SV_VF_UNKNOWN
                                                                      : (int)s.setting;
}

/* True when they are those of function `index`. */
static bool read_vf_settings(struct sv_bytes info, unsigned index, struct sv_vf *out)
{
        struct ifla_vf_vlan vlan = {0};
        struct ifla_vf_rate rate = {0};
        struct ifla_vf_mac mac = {0};
        struct sv_bytes value;
        unsigned short type;
        bool found = false;

        *out = (struct sv_vf){.spoof_check = SV_VF_UNKNOWN, .trust = SV_VF_UNKNOWN};
        while (next_attribute(&info, &type, &value)) {
                if (type == IFLA_VF_MAC && copy_attribute(value, &mac, sizeof(mac)))
                        found = mac.vf == index;
                else if (type == IFLA_VF_VLAN)
                        copy_attribute(value, &vlan, sizeof(vlan));
                else if (type == IFLA_VF_RATE)
                        copy_attribute(value, &rate, sizeof(rate));
                else if (type == IFLA_VF_SPOOFCHK)
                        out->spoof_check = read_vf_switch(value);
                else if (type == IFLA_VF_TRUST)
                        out->trust = read_vf_switch(value);
        }
        memcpy(out->mac, mac.mac, sizeof(out->mac));
        out->vlan = vlan.vlan;
        out->qos = vlan.qos;
        out->min_rate = rate.min_tx_rate;
        out->max_rate = rate.max_tx_rate;
        return found;
}

static bool find_function_settings(struct sv_bytes answer, unsigned index, struct sv_vf *out)
{
        struct sv_bytes body, list, info;
        unsigned short type, inner;

        if (!take_message(answer, &type, &body) || type != RTM_NEWLINK ||
            body.n < sizeof(struct ifinfomsg))
                return false;
        body = sv_bytes(body.p + sizeof(struct ifinfomsg), body.n - sizeof(struct ifinfomsg));
        while (next_attribute(&body, &type, &list))
                while (type == IFLA_VFINFO_LIST && next_attribute(&list, &inner, &info))
                        if (read_vf_settings(info, index, out))
                                return true;
        return false;
}

static int find_link(const char *card, int *index, struct sv_err *err)
{
        *index = (int)if_nametoindex(card);
        return *index ? 0
                      : sv_fail(err, SV_SYSTEM, "vf.card", "this host has no network card \"%s\"",
                                card);
}

int sv_vf_read(const char *card, unsigned index, struct sv_vf *out, struct sv_err *err)
{
        uint32_t with = RTEXT_FILTER_VF;
        SV_BUF ask = SV_BUF_NULL, answer = SV_BUF_NULL;
        int link, verdict;

        if (find_link(card, &link, err) < 0)
                return -1;
        begin_link_message(&ask, RTM_GETLINK, 0, link);
        add_attribute(&ask, IFLA_EXT_MASK, sv_bytes(&with, sizeof(with)));
        if (ask_of_link(&ask, &answer, "vf.read", err) < 0)
                return -1;
        verdict = read_verdict(sv_buf_bytes(&answer));
        if (verdict)
                return sv_fail(err, SV_SYSTEM, "vf.read", "%s: %s", card, strerror(verdict));
        if (find_function_settings(sv_buf_bytes(&answer), index, out))
                return 0;
        return sv_fail(err, SV_SYSTEM, "vf.card",
                       "%s says nothing of a virtual function %u: its driver cannot be asked for "
                       "it, or the card has fewer",
                       card, index);
}

/* --- setting --- */

enum setting {
        MAC,
        VLAN,
        RATE,
        SPOOF_CHECK,
        TRUST,
        N_SETTINGS,
};

static void format_mac(const uint8_t mac[6], char out[MAC_TEXT])
{
        snprintf(out, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                 mac[4], mac[5]);
}

static const char *name_switch(int value)
{
        return value == SV_VF_UNKNOWN ? "no such switch" : value ? "on" : "off";
}

/* As people read it, and only what differs is set. */
static char *describe(const struct sv_vf *v, enum setting what)
{
        char mac[MAC_TEXT];

        switch (what) {
        case MAC:
                format_mac(v->mac, mac);
                return sv_asprintf("%s", mac);
        case VLAN:
                return v->vlan ? sv_asprintf("%u, priority %u", v->vlan, v->qos)
                               : sv_asprintf("none");
        case RATE:
                return sv_asprintf("%u to %u Mbit/s", v->min_rate, v->max_rate);
        case SPOOF_CHECK:
                return sv_asprintf("%s", name_switch(v->spoof_check));
        default:
                return sv_asprintf("%s", name_switch(v->trust));
        }
}

static const char *const names[N_SETTINGS] = {"MAC address", "VLAN", "rate", "spoof check",
                                              "trust"};

static bool differs(const struct sv_vf *wanted, const struct sv_vf *found, enum setting what)
{
        switch (what) {
        case MAC:
                return memcmp(wanted->mac, found->mac, sizeof(wanted->mac)) != 0;
        case VLAN:
                return wanted->vlan != found->vlan || (wanted->vlan && wanted->qos != found->qos);
        case RATE:
                return wanted->min_rate != found->min_rate || wanted->max_rate != found->max_rate;
        case SPOOF_CHECK: /* no check where one is wanted is a difference */
                return wanted->spoof_check != SV_VF_UNKNOWN &&
                       wanted->spoof_check != found->spoof_check;
        default: /* a card that trusts nobody needs no switch */
                return wanted->trust == 1 ? found->trust != 1 : found->trust == 1 && !wanted->trust;
        }
}

static void put_setting(struct sv_buf *b, unsigned index, const struct sv_vf *v, enum setting what)
{
        struct ifla_vf_mac mac = {.vf = index};
        struct ifla_vf_vlan vlan = {.vf = index, .vlan = v->vlan, .qos = v->vlan ? v->qos : 0};
        struct ifla_vf_rate rate = {index, v->min_rate, v->max_rate};
        struct ifla_vf_spoofchk check = {index, (uint32_t)v->spoof_check};
        struct ifla_vf_trust trust = {index, (uint32_t)v->trust};

        memcpy(mac.mac, v->mac, sizeof(v->mac));
        if (what == MAC)
                add_attribute(b, IFLA_VF_MAC, sv_bytes(&mac, sizeof(mac)));
        else if (what == VLAN)
                add_attribute(b, IFLA_VF_VLAN, sv_bytes(&vlan, sizeof(vlan)));
        else if (what == RATE)
                add_attribute(b, IFLA_VF_RATE, sv_bytes(&rate, sizeof(rate)));
        else if (what == SPOOF_CHECK)
                add_attribute(b, IFLA_VF_SPOOFCHK, sv_bytes(&check, sizeof(check)));
        else
                add_attribute(b, IFLA_VF_TRUST, sv_bytes(&trust, sizeof(trust)));
}

static int fail_setting(const char *card, unsigned index, const struct sv_vf *wanted,
                        enum setting what, const char *why, struct sv_err *err)
{
        SV_STR text = describe(wanted, what);

        return sv_fail(err, SV_SYSTEM, "vf.refused",
                       "%s does not take %s %s for its function %u: %s", card, names[what], text,
                       index, why);
}

static int set_one(const char *card, int link, unsigned index, const struct sv_vf *wanted,
                   enum setting what, struct sv_err *err)
{
        SV_BUF ask = SV_BUF_NULL, answer = SV_BUF_NULL;
        size_t list, info;
        int verdict;

        begin_link_message(&ask, RTM_SETLINK, NLM_F_ACK, link);
        list = add_attribute(&ask, IFLA_VFINFO_LIST, SV_BYTES_NULL);
        info = add_attribute(&ask, IFLA_VF_INFO, SV_BYTES_NULL);
        put_setting(&ask, index, wanted, what);
        end_nest(&ask, info);
        end_nest(&ask, list);
        if (ask_of_link(&ask, &answer, "vf.refused", err) < 0)
                return -1;
        verdict = read_verdict(sv_buf_bytes(&answer));
        if (verdict == EINVAL && what == RATE)
                return fail_setting(card, index, wanted, what,
                                    "a card limits none without a link, nor above its speed", err);
        return verdict ? fail_setting(card, index, wanted, what, strerror(verdict), err) : 0;
}

int sv_vf_set(const char *card, unsigned index, const struct sv_vf *wanted, struct sv_err *err)
{
        struct sv_vf now;
        int link;

        if (find_link(card, &link, err) < 0 || sv_vf_read(card, index, &now, err) < 0)
                return -1;
        for (unsigned i = 0; i < N_SETTINGS; i++)
                if (differs(wanted, &now, i) && set_one(card, link, index, wanted, i, err) < 0)
                        return -1;
        if (sv_vf_read(card, index, &now, err) < 0)
                return -1;
        for (unsigned i = 0; i < N_SETTINGS; i++) {
                SV_STR found = describe(&now, i);

                if (differs(wanted, &now, i))
                        return fail_setting(card, index, wanted, i, found, err);
        }
        return 0;
}

void sv_vf_compare(const struct sv_vf *wanted, const struct sv_vf *found,
                   void (*fn)(void *arg, const char *what, const char *wanted, const char *found),
                   void *arg)
{
        for (unsigned i = 0; i < N_SETTINGS; i++) {
                SV_STR want = describe(wanted, i);
                SV_STR have = describe(found, i);

                if (differs(wanted, found, i))
                        fn(arg, names[i], want, have);
        }
}

/* --- as JSON --- */

void sv_vf_put(const struct sv_vf *vf, struct sv_json *o)
{
        char mac[MAC_TEXT];

        format_mac(vf->mac, mac);
        sv_json_set_str(o, "mac", mac);
        sv_json_set_int(o, "vlan", vf->vlan);
        sv_json_set_int(o, "qos", vf->qos);
        sv_json_set_int(o, "min_rate", vf->min_rate);
        sv_json_set_int(o, "max_rate", vf->max_rate);
        if (vf->spoof_check != SV_VF_UNKNOWN)
                sv_json_set_bool(o, "spoof_check", vf->spoof_check == 1);
        if (vf->trust != SV_VF_UNKNOWN)
                sv_json_set_bool(o, "trust", vf->trust == 1);
}

static bool take_vf_member(const struct sv_json *o, const char *name, unsigned max, unsigned *out)
{
        int64_t n = sv_json_int(sv_json_get(o, name), -1);

        *out = (unsigned)n;
        return n >= 0 && n <= max;
}

static int take_vf_switch(const struct sv_json *o, const char *name)
{
        const struct sv_json *value = sv_json_get(o, name);

        return value ? sv_json_bool(value, false) : SV_VF_UNKNOWN;
}

bool sv_vf_mac_read(const char *text, uint8_t out[6])
{
        int n = 0;

        return text &&
               sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &out[0], &out[1], &out[2],
                      &out[3], &out[4], &out[5], &n) == 6 &&
               n == MAC_TEXT - 1 && !text[n];
}

bool sv_vf_take(const struct sv_json *o, struct sv_vf *out)
{
        out->spoof_check = take_vf_switch(o, "spoof_check");
        out->trust = take_vf_switch(o, "trust");
        return sv_vf_mac_read(sv_json_text(o, "mac", NULL), out->mac) &&
               take_vf_member(o, "vlan", 4094, &out->vlan) &&
               take_vf_member(o, "qos", 7, &out->qos) &&
               take_vf_member(o, "min_rate", INT32_MAX, &out->min_rate) &&
               take_vf_member(o, "max_rate", INT32_MAX, &out->max_rate);
}
