/* SPDX-License-Identifier: Apache-2.0 */
/* What the measured kernel command line tells the agent (docs/FORMATS.md, "Kernel command line").
 * Pure. */
#pragma once

#include "base/core/bytes.h"
#include "base/core/limits.h"
#include "base/core/verity.h"

struct sv_agent_config {
        char url[512];
        uint8_t pin[32];
        bool has_pin;       /* else the broker is known by the CA in the initramfs */
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
        bool keep_console; /* securevm.console=host: it stays with a host that is not trusted */
        bool has_ip;       /* securevm.ip=ADDRESS/PREFIX,GATEWAY[,RESOLVER...]; else DHCP */
        uint32_t address;  /* host byte order */
        unsigned prefix;
        uint32_t gateway;
        uint32_t resolvers[3]; /* 0: none */
};

/* Words that do not begin with "securevm." are the kernel's and the system's own. SV_USAGE
 * "agent.cmdline.*", "verity.*": a word that is given twice, unknown or wrong. */
int sv_agent_config_parse(struct sv_bytes cmdline, struct sv_agent_config *out, struct sv_err *err);
/* Serial of the disk that is opened with a key: the root, or what lies above a verity root; "". */
const char *sv_agent_config_encrypted(const struct sv_agent_config *config);
/* Is there what the unlock, or a verity root, needs? SV_USAGE "agent.cmdline.missing". */
int sv_agent_config_need(const struct sv_agent_config *config, struct sv_err *err);
/* "sha256:<64 hex>". SV_USAGE "agent.cmdline.pin". */
int sv_agent_config_pin(struct sv_bytes text, struct sv_agent_config *config, struct sv_err *err);
/* "repository/type/tag". SV_USAGE "agent.cmdline.resource". */
int sv_agent_config_resource(struct sv_bytes text, struct sv_agent_config *config,
                             struct sv_err *err);
