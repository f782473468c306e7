/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/disk-key.h"

#include <string.h>

static bool is_equal(const struct sv_json *row, const char *member, const char *wanted)
{
        const char *found = sv_json_str(sv_json_get(row, member));

        return found && (!wanted || !strcmp(found, wanted));
}

const struct sv_json *sv_disk_key_find(const struct sv_json *resource, const char *volume,
                                       const char *header)
{
        const struct sv_json *list = sv_json_get(resource, "versions");

        for (size_t i = 0; i < sv_json_len(list); i++)
                if (is_equal(sv_json_at(list, i), "volume", volume) &&
                    is_equal(sv_json_at(list, i), "header", header))
                        return sv_json_at(list, i);
        return NULL;
}

int sv_disk_key_check_uuid(const char *uuid, struct sv_err *err)
{
        if (uuid && (strlen(uuid) != 36 || strspn(uuid, "0123456789abcdef-") != 36))
                return sv_fail(err, SV_USAGE, "key.volume",
                               "expected the UUID of a disk's volume, found '%.60s'", uuid);
        return 0;
}
