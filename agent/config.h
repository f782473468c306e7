/* What the measured kernel command line tells the agent (docs/FORMATS.md, "Kernel command line"). Pure. */
#pragma once

#include "base/bytes.h"
#include "base/limits.h"

struct sv_agent_config {
        char url[512];
        uint8_t pin[32];
        bool has_pin;       /* else the broker is known by the CA in the initramfs */
        char resource[256]; /* "repo/type/tag" */
        char disk[32];      /* serial of the virtio disk */
        char root_type[32]; /* file system, "ext4" unless securevm.root=TYPE[,OPTIONS] says otherwise */
        char root_options[128];
        bool has_ip;        /* securevm.ip=ADDRESS/PREFIX,GATEWAY; else DHCP */
        uint32_t address;   /* host byte order */
        unsigned prefix;
        uint32_t gateway;
};

/* Words that do not begin with "securevm." are the kernel's and the system's own. SV_USAGE "agent.cmdline.*": a word that is missing,
 * given twice, unknown or wrong. */
int sv_agent_config_parse(struct sv_bytes cmdline, struct sv_agent_config *out, struct sv_err *err);
