/* SPDX-License-Identifier: Apache-2.0 */
/* What the measured kernel command line tells the agent (docs/FORMATS.md, "Kernel command line").
 * Pure. */
#pragma once

#include "base/core/address.h"
#include "base/core/limits.h"
#include "base/core/verity.h"

/* securevm.nic=MAC[,KEY=VALUE...], or securevm.ip=ADDRESS/PREFIX,GATEWAY[,RESOLVER...]. A card of
 * which no word says an address asks for one. */
struct sv_agent_nic {
        bool first; /* of securevm.ip: the first card, whatever its address */
        uint8_t mac[6];
        struct sv_address addresses[SV_NIC_ADDRESSES_MAX];
        size_t n_addresses;
        struct sv_address gateways[SV_NIC_GATEWAYS_MAX];
        size_t n_gateways;
        struct sv_address resolvers[SV_RESOLVERS_MAX];
        size_t n_resolvers;
        unsigned vlan; /* 0: none */
        unsigned mtu;  /* 0: as it is */
};

/* Of brokers with one owner, who has one database for them, any speaks for all. */
struct sv_agent_broker {
        char url[SV_URL_MAX + 1];
        uint8_t pin[32];
        bool has_pin;                /* else it is known by the CA in the initramfs */
        char owner[SV_NAME_MAX + 1]; /* "": who has the first one */
};

struct sv_agent_config {
        struct sv_agent_broker brokers[SV_BROKERS_MAX]; /* the first is asked first */
        size_t n_brokers;
        char resource[256]; /* "repo/type/tag" */
        char disk[32];      /* serial of the virtio disk that is the root */
        char data[32];      /* and of the encrypted one above a verity root, or "" */
        /* the encrypted disk's file system: TYPE of securevm.root=TYPE[,OPTION...], or "ext4" */
        char root_type[32];
        unsigned long root_flags; /* of mount(2): ro, noatime, ... */
        char root_options[128];   /* the file system's own options */
        bool has_root;            /* securevm.root was given */
        /* the root is a verity disk, which needs no key and says its type itself */
        bool has_verity;
        struct sv_verity verity;
        /* pass discards to the host, which then learns which blocks are free */
        bool discard;
        bool fallback; /* securevm.fallback=console: a distribution's initramfs goes on, refused */
        bool keep_console; /* securevm.console=host: it stays with a host that is not trusted */
        struct sv_agent_nic nics[SV_GUEST_NICS_MAX];
        size_t n_nics;
        bool has_card; /* securevm.card=MAC: no other card is used */
        uint8_t card[6];
        unsigned wait_s; /* for a network, and then for the broker */
};

/* Words that do not begin with "securevm." are the kernel's and the system's own. SV_USAGE
 * "agent.cmdline.*", "verity.*": a word that is given twice, unknown or wrong. */
int sv_agent_config_parse(struct sv_bytes cmdline, struct sv_agent_config *out, struct sv_err *err);
/* Serial of the disk that is opened with a key: the root, or what lies above a verity root; "". */
const char *sv_agent_config_encrypted(const struct sv_agent_config *config);
/* Is there what the unlock, or a verity root, needs? SV_USAGE "agent.cmdline.missing". */
int sv_agent_config_need(const struct sv_agent_config *config, struct sv_err *err);
/* "sha256:<64 hex>". SV_USAGE "agent.cmdline.pin". */
int sv_agent_config_pin(struct sv_bytes text, struct sv_agent_broker *broker, struct sv_err *err);
/* "repository/type/tag". SV_USAGE "agent.cmdline.resource". */
int sv_agent_config_resource(struct sv_bytes text, struct sv_agent_config *config,
                             struct sv_err *err);
