/* SPDX-License-Identifier: Apache-2.0 */
/* What /sys says of a network card's virtual functions, below a root folder ("" for this machine).
 */
#pragma once

#include <stdbool.h>

#include "base/core/err.h"

struct sv_function {
        char address[16]; /* "0000:21:10.2" */
        char driver[64];  /* of the host, "" when none has it */
        char group[16];   /* of the IOMMU; "" when it is in none */
};

/* How many the card has now, and how many it can have. False: it has no SR-IOV. */
bool sv_function_count(const char *root, const char *card, unsigned *now, unsigned *most);
bool sv_function_find(const char *root, const char *card, unsigned index, struct sv_function *out);
/* Who else uses it, for people; NULL: nobody. The caller frees. */
char *sv_function_find_user(const char *root, const struct sv_function *f);
/* SV_SYSTEM "vf.iommu": nothing keeps the function to the guest's memory, or it shares its group
 * with what is the host's. */
int sv_function_check_group(const char *root, const struct sv_function *f, struct sv_err *err);
/* The driver that it has now is vfio-pci, and is to be `driver` again, "": any that wants it. */
int sv_function_give_back(const char *root, const struct sv_function *f, struct sv_err *err);
