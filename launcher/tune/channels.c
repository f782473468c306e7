/* SPDX-License-Identifier: Apache-2.0 */
/* ETHTOOL_GCHANNELS, ETHTOOL_SCHANNELS (linux/ethtool.h). */
#include "launcher/tune/channels.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/file.h"

bool sv_channels_is(const char *root, const char *path)
{
        return !*root && !strncmp(path, SV_CHANNELS "/", strlen(SV_CHANNELS "/"));
}

static int ask_card(const char *path, struct ethtool_channels *c)
{
        const char *card = path + strlen(SV_CHANNELS "/");
        SV_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq r = {.ifr_data = (char *)c};
        size_t n = strcspn(card, "/");

        if (fd < 0)
                return -1;
        if (n >= sizeof(r.ifr_name)) {
                errno = ENODEV;
                return -1;
        }
        memcpy(r.ifr_name, card, n);
        return ioctl(fd, SIOCETHTOOL, &r);
}

static bool is_most(const char *path)
{
        return !strcmp(sv_path_name(path), "combined_max");
}

long long sv_channels_read(const char *path)
{
        struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};

        if (ask_card(path, &c) < 0 || !c.max_combined)
                return -1;
        return is_most(path) ? c.max_combined : c.combined_count;
}

static int change_card(const char *path, const unsigned long *combined)
{
        struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};

        if (is_most(path)) {
                errno = EACCES;
                return -1;
        }
        if (ask_card(path, &c) < 0)
                return -1;
        c.cmd = ETHTOOL_SCHANNELS;
        if (combined)
                c.combined_count = (unsigned)*combined;
        return ask_card(path, &c);
}

int sv_channels_write(const char *path, const char *value)
{
        char *end;
        unsigned long n = strtoul(value, &end, 10);

        if (end == value || *end || n > 65535) {
                errno = EINVAL;
                return -1;
        }
        return change_card(path, &n);
}

int sv_channels_try(const char *path)
{
        return change_card(path, NULL);
}
