/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/admin-args.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/cli/entries.h"

/* Of several that have names the one with this pin; none when two have it. A name whose file cannot
 * be read is nobody's here. */
static void choose_by_pin(const struct sv_json *names, const char *pin, struct sv_broker_entry *out)
{
        SV_BROKER_ENTRY found = {0};
        size_t n = 0;

        for (size_t i = 0; pin && i < sv_json_len(names); i++) {
                SV_BROKER_ENTRY e = {0};

                if (sv_broker_entry_read(sv_json_str(sv_json_at(names, i)), &e, NULL) < 0 ||
                    strcmp(e.pin, pin) || n++)
                        continue;
                found = e;
                e = (struct sv_broker_entry){0};
        }
        if (n != 1)
                return;
        *out = found;
        found = (struct sv_broker_entry){0};
}

int sv_admin_choose(const struct sv_args *args, const char *pin, struct sv_broker_entry *out,
                    struct sv_err *err)
{
        const char *said = sv_opt(args, "broker"), *variable = getenv("SECURE_VM_BROKER");
        SV_JSON *names = NULL;

        if (!said && variable && *variable)
                said = variable;
        if (said && strstr(said, "://")) {
                out->url = sv_asprintf("%s", said);
                return 0;
        }
        if (said)
                return sv_broker_entry_read(said, out, err);
        if (sv_opt(args, "pin") || sv_opt(args, "admin-key"))
                return 0; /* of a broker that is missing */
        if (sv_broker_entry_list(&names, NULL) < 0)
                return 0;
        if (sv_json_len(names) == 1)
                return sv_broker_entry_read(sv_json_str(sv_json_at(names, 0)), out, err);
        choose_by_pin(names, pin, out);
        return 0;
}

static int fail_missing_option(const char *option, struct sv_err *err)
{
        SV_JSON *names = NULL;
        SV_STR known = sv_broker_entry_list(&names, NULL) < 0 ? NULL : sv_entry_names(names);

        return sv_fail(err, SV_USAGE, "admin.broker",
                       "--%s is missing: say which broker, by which key it is known, and who you "
                       "are; \"secure-vm broker add\" keeps the three under a name for --broker "
                       "(known: %s)",
                       option, known ? known : "none");
}

int sv_admin_from_args(const struct sv_args *args, const char *pin, struct sv_admin **out,
                       struct sv_err *err)
{
        SV_BROKER_ENTRY entry = {0};
        const struct passwd *user;
        const char *key;

        if (sv_admin_choose(args, pin, &entry, err) < 0)
                return -1;
        if (entry.pin && pin && strcmp(entry.pin, pin) && !sv_opt(args, "broker") &&
            !sv_opt(args, "pin"))
                return sv_fail(err, SV_USAGE, "admin.broker",
                               "the guest knows its broker by another key (%.20s...) than that of "
                               "%s: say --broker",
                               pin, entry.url);
        pin = sv_opt(args, "pin") ? sv_opt(args, "pin") : entry.pin ? entry.pin : pin;
        key = sv_opt(args, "admin-key") ? sv_opt(args, "admin-key") : entry.admin_key;
        if (!entry.url || !key || !pin)
                return fail_missing_option(!entry.url ? "broker" : !pin ? "pin" : "admin-key", err);
        if (sv_admin_open(entry.url, pin, key, out, err) < 0)
                return -1;
        user = getpwuid(getuid());
        sv_admin_set_author(*out, user ? user->pw_name : NULL);
        return 0;
}
