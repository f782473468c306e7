/* SPDX-License-Identifier: Apache-2.0 */
/* How many queues a network card uses, and how many it could: what "ethtool -l" shows and no file
 * of the kernel's has. Named as files would be, so that all else is as for the other settings:
 * "/ethtool/eth0/combined" and "/ethtool/eth0/combined_max", below the root of a fixture real
 * files. */
#pragma once

#include <stdbool.h>

#define SV_CHANNELS "/ethtool"

/* Is it such a name on this machine (root "")? */
bool sv_channels_is(const char *root, const char *path);
/* The number; -1 where there is no such card, or its driver has no queues to choose. */
long long sv_channels_read(const char *path);
/* 0, or -1 and errno. The card's receiving and sending queues of their own stay as they are. */
int sv_channels_write(const char *path, const char *value);
/* Could it be written? 0, or -1 and errno. Changes nothing: the kernel takes what is there for no
 * change, from who may make one. */
int sv_channels_try(const char *path);
