/* Every command of secure-vm: one file each, one row in launcher/main.c. */
#pragma once

#include "base/cli.h"

extern const struct sv_cmd sv_cmd_image_initrd;
