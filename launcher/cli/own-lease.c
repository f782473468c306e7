/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/own-lease.h"

#include <string.h>

#include "base/program/log.h"

/* NULL: nobody has a lease of that name. */
static const struct sv_json *find_instance(const struct sv_json *versions, const char *instance)
{
        for (size_t i = 0; *instance && i < sv_json_len(versions); i++) {
                const struct sv_json *row = sv_json_at(versions, i);

                if (sv_json_get(row, "lease") &&
                    !strcmp(sv_json_text(row, "instance", ""), instance))
                        return row;
        }
        return NULL;
}

static bool has_lease(const struct sv_json *versions)
{
        for (size_t i = 0; i < sv_json_len(versions); i++)
                if (sv_json_get(sv_json_at(versions, i), "lease"))
                        return true;
        return false;
}

int sv_own_lease_end(struct sv_admin *a, const char *resource, const char *instance,
                     struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;
        SV_JSON *shown = NULL;
        const struct sv_json *versions, *own;

        if (sv_admin_show_resource(a, resource, &shown, err) < 0)
                return -1;
        versions = sv_json_get(shown, "versions");
        own = find_instance(versions, instance);
        if (!own) {
                if (has_lease(versions))
                        sv_info("who has the disk of %s is not the guest that was ended here, or "
                                "that one did not say: the next waits for the end of its lease",
                                resource);
                return 0;
        }
        if (sv_admin_end_lease(a, resource, sv_json_str(sv_json_get(own, "volume")), &why) == 0 ||
            !strcmp(why.check, "disk.lease"))
                return 0;
        *err = why;
        return -1;
}
