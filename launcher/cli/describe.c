/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/describe.h"

#include <stdio.h>
#include <string.h>

#include "base/core/text.h"

const char *sv_describe_protection(const struct sv_json *disk)
{
        return sv_json_bool(sv_json_get(disk, "encrypted"), false) ? "encrypted"
               : sv_json_bool(sv_json_get(disk, "verity"), false)  ? "verified block by block"
               : sv_json_bool(sv_json_get(disk, "readonly"), false)
                       ? "read only, the host's to change"
                       : "the host's to read and change";
}

const char *sv_describe_address(const struct sv_json *guest)
{
        const struct sv_json *steps = sv_json_get(guest, "steps");

        for (size_t i = sv_json_len(steps); i > 0; i--) {
                const struct sv_json *e = sv_json_at(steps, i - 1);

                if (!strcmp(sv_json_text(e, "step", ""), "network") &&
                    !strcmp(sv_json_text(e, "state", ""), "done"))
                        return sv_json_str(sv_json_get(e, "says"));
        }
        return NULL;
}

static void describe_rate(const struct sv_json *j, struct sv_buf *out)
{
        int64_t rate = sv_json_int(sv_json_get(j, "rate"), 0),
                iops = sv_json_int(sv_json_get(j, "iops"), 0);
        char size[32];

        if (rate)
                sv_buf_printf(out, " %s/s", sv_format_size((uint64_t)rate, size));
        if (iops)
                sv_buf_printf(out, " %lld requests/s", (long long)iops);
}

void sv_describe_limits(const struct sv_json *limits, struct sv_buf *out)
{
        const struct sv_json *disks = sv_json_get(limits, "disks"),
                             *nics = sv_json_get(limits, "nics"),
                             *quota = sv_json_get(limits, "cpu_quota"),
                             *shares = sv_json_get(limits, "cpu_shares");

        if (shares)
                sv_buf_printf(out, "CPU weight %lld", (long long)sv_json_int(shares, 0));
        if (quota)
                sv_buf_printf(out, ", at most %lld %% of a CPU", (long long)sv_json_int(quota, 0));
        for (size_t i = 0; i < sv_json_len(disks); i++) {
                sv_buf_printf(out, "%sdisk %s", out->n ? ", " : "",
                              sv_json_text(sv_json_at(disks, i), "id", "-"));
                describe_rate(sv_json_at(disks, i), out);
        }
        for (size_t i = 0; i < sv_json_len(nics); i++) {
                sv_buf_printf(out, "%scard %lld", out->n ? ", " : "",
                              (long long)sv_json_int(sv_json_get(sv_json_at(nics, i), "card"), 0));
                describe_rate(sv_json_at(nics, i), out);
        }
}

void sv_format_duration(int64_t seconds, char out[48])
{
        static const struct {
                int64_t seconds;
                const char *name;
        } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
        size_t i = 0;

        while (i < 2 && seconds < units[i].seconds)
                i++;
        snprintf(out, 48, "%lld %s %lld %s", (long long)(seconds / units[i].seconds), units[i].name,
                 (long long)(seconds % units[i].seconds / units[i + 1].seconds), units[i + 1].name);
}
