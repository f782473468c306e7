/* SPDX-License-Identifier: Apache-2.0 */
/* A network card with virtual functions, as the kernel's rtnetlink shows and sets them. */
#pragma once

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "launcher/host/netlink.h"
#include "launcher/host/vf.h"
#include "tests/unit/unit.h"

#define CARD      "ens1"
#define FUNCTIONS 4

static unsigned n_set;
static struct sv_vf card[FUNCTIONS]; /* what the card has */
static int refuses;                  /* IFLA_VF_*, which the card does not take */
static int forgets;                  /* IFLA_VF_*, which it takes and does nothing with */
static enum { WHOLE, SILENT, CUT, NO_FUNCTIONS } answers;
static int dies_at; /* the n-th setting from now on; 0: never */

int __wrap_sv_netlink_ask(struct sv_bytes request, struct sv_buf *answer, const char *check,
                          struct sv_err *e);

static size_t put(struct sv_buf *b, unsigned short type, const void *value, size_t n)
{
        struct rtattr a = {.rta_len = (unsigned short)(sizeof(a) + n), .rta_type = type};
        size_t at = b->n;

        sv_buf_put(b, sv_bytes(&a, sizeof(a)));
        sv_buf_put(b, sv_bytes(value, n));
        sv_buf_grow(b, RTA_ALIGN(n) - n);
        return at;
}

static void end(struct sv_buf *b, size_t at)
{
        struct rtattr *a = (struct rtattr *)(b->p + at);

        a->rta_len = (unsigned short)(b->n - at);
}

static void put_info(struct sv_buf *b, unsigned i)
{
        struct ifla_vf_mac mac = {.vf = i};
        struct ifla_vf_vlan vlan = {i, card[i].vlan, card[i].qos};
        struct ifla_vf_rate rate = {i, card[i].min_rate, card[i].max_rate};
        struct ifla_vf_spoofchk check = {i, (uint32_t)card[i].spoof_check};
        struct ifla_vf_trust trust = {i, (uint32_t)card[i].trust};
        size_t at = put(b, IFLA_VF_INFO | NLA_F_NESTED, NULL, 0);

        memcpy(mac.mac, card[i].mac, 6);
        put(b, IFLA_VF_MAC, &mac, sizeof(mac));
        put(b, IFLA_VF_VLAN, &vlan, sizeof(vlan));
        put(b, IFLA_VF_RATE, &rate, sizeof(rate));
        put(b, IFLA_VF_SPOOFCHK, &check, sizeof(check));
        put(b, IFLA_VF_TRUST, &trust, sizeof(trust));
        end(b, at);
}

static void begin_answer(struct sv_buf *b, unsigned short type)
{
        struct nlmsghdr h = {.nlmsg_type = type};

        sv_buf_clear(b);
        sv_buf_put(b, sv_bytes(&h, sizeof(h)));
}

static int send_answer(struct sv_buf *b)
{
        ((struct nlmsghdr *)b->p)->nlmsg_len = (uint32_t)b->n;
        return 0;
}

static int answer_link(struct sv_buf *b)
{
        struct ifinfomsg i = {.ifi_index = 7};
        size_t list;

        begin_answer(b, RTM_NEWLINK);
        sv_buf_put(b, sv_bytes(&i, sizeof(i)));
        put(b, IFLA_IFNAME, CARD, sizeof(CARD));
        list = put(b, IFLA_VFINFO_LIST | NLA_F_NESTED, NULL, 0);
        for (unsigned n = 0; answers != NO_FUNCTIONS && n < FUNCTIONS; n++)
                put_info(b, n);
        end(b, list);
        if (answers == CUT)
                b->n -= 100;
        return send_answer(b);
}

static int verdict(struct sv_buf *b, int error)
{
        struct nlmsgerr e = {.error = -error};

        begin_answer(b, NLMSG_ERROR);
        sv_buf_put(b, sv_bytes(&e, sizeof(e)));
        return send_answer(b);
}

static int set_setting(struct sv_bytes request, struct sv_buf *b)
{
        const uint8_t *p = request.p + sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg);
        const struct rtattr *list = (const struct rtattr *)p, *info = list + 1, *one = info + 1;
        const void *value = one + 1;
        const struct ifla_vf_mac *mac = value;
        const struct ifla_vf_vlan *vlan = value;
        const struct ifla_vf_rate *rate = value;
        const struct ifla_vf_spoofchk *spoof = value;
        struct sv_vf *vf;

        assert_int_equal(list->rta_type, IFLA_VFINFO_LIST);
        assert_int_equal(p + list->rta_len - request.p, request.n);
        assert_int_equal(info->rta_type, IFLA_VF_INFO);
        assert_true(mac->vf < FUNCTIONS);
        n_set++;
        if (dies_at && (int)n_set == dies_at)
                _exit(0);
        if (one->rta_type == refuses)
                return verdict(b, EOPNOTSUPP);
        vf = &card[mac->vf];
        if (one->rta_type == forgets)
                ;
        else if (one->rta_type == IFLA_VF_MAC)
                memcpy(vf->mac, mac->mac, 6);
        else if (one->rta_type == IFLA_VF_VLAN)
                vf->vlan = vlan->vlan, vf->qos = vlan->qos;
        else if (one->rta_type == IFLA_VF_RATE)
                vf->min_rate = rate->min_tx_rate, vf->max_rate = rate->max_tx_rate;
        else if (one->rta_type == IFLA_VF_SPOOFCHK)
                vf->spoof_check = (int)spoof->setting;
        else
                vf->trust = (int)spoof->setting;
        return verdict(b, 0);
}

int __wrap_sv_netlink_ask(struct sv_bytes request, struct sv_buf *answer, const char *check,
                          struct sv_err *e)
{
        const struct nlmsghdr *h = (const struct nlmsghdr *)request.p;
        const struct ifinfomsg *i = (const struct ifinfomsg *)(h + 1);

        assert_int_equal(h->nlmsg_len, request.n);
        assert_int_equal(i->ifi_index, 7);
        if (answers == SILENT)
                return sv_fail(e, SV_SYSTEM, check, "netlink");
        return h->nlmsg_type == RTM_GETLINK ? answer_link(answer) : set_setting(request, answer);
}
