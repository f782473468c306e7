/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm policy check: would a policy release the guest's key to it? */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/program/colour.h"

#include "launcher/choose.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/defined.h"
#include "launcher/cli/guest-policy.h"
#include "launcher/cli/reference-file.h"

static const struct sv_opt opts[] = {
        {.name = "tee", .arg = "T", .help = "the TEE, when the guest file leaves it to the host"},
        SV_POLICY_OPT,
        SV_REFERENCE_OPTS,
        SV_ADMIN_OPTS,
        {0},
};

static enum sv_colour colour_of(const char *outcome)
{
        if (!strcmp(outcome, "holds"))
                return SV_COLOUR_GREEN;
        if (!strcmp(outcome, "warns"))
                return SV_COLOUR_YELLOW;
        return strcmp(outcome, "fails") ? SV_COLOUR_DIM : SV_COLOUR_RED;
}

/* "one of ["a","b"]"; of the common one, equals, the value alone. */
static void print_expected(const struct sv_json *row)
{
        const char *name = sv_json_text(row, "operator", "");
        SV_BUF expected = SV_BUF_NULL, found = SV_BUF_NULL;

        for (; *name && strcmp(name, "equals"); name++) {
                sv_buf_u8(&expected, *name == '_' ? ' ' : (uint8_t)*name);
                if (!name[1])
                        sv_buf_u8(&expected, ' ');
        }
        sv_json_print(sv_json_get(row, "expected"), &expected);
        if (sv_json_get(row, "found"))
                sv_json_print(sv_json_get(row, "found"), &found);
        else
                sv_buf_puts(&found, "no such claim");
        printf(": expected %s, predicted %s", sv_buf_str(&expected), sv_buf_str(&found));
}

static void print_rows(const struct sv_json *rows)
{
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i);
                const char *outcome = sv_json_str(sv_json_get(row, "outcome"));

                printf("%s%-13s%s %s", sv_colour(STDOUT_FILENO, colour_of(outcome)), outcome,
                       sv_colour(STDOUT_FILENO, SV_COLOUR_NONE),
                       sv_json_str(sv_json_get(row, "check")));
                if (sv_json_get(row, "expected"))
                        print_expected(row);
                printf("\n");
        }
}

static int run_policy_check(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_JSON *rows = sv_json_array();
        SV_GUEST guest = {0};
        const struct sv_tee_host *tee;
        int r;

        if (sv_guest_take(args->pos[0], &guest, err) < 0 ||
            sv_tee_choose(sv_opt(args, "tee"), &guest, SV_CHOOSE_ANY, &tee, err) < 0)
                return -1;
        r = sv_guest_ask_policy(args, &guest, tee->id, rows, err);
        if (!sv_has(args, "json"))
                print_rows(rows);
        if (sv_json_len(rows))
                sv_guest_report_rows(rows);
        /* What holds and what fails stands there also beside the error. */
        *result = sv_json_object();
        sv_json_set_str(*result, "resource", guest.attestation.resource);
        sv_json_set(*result, "rules", sv_json_ref(rows));
        return r;
}

const struct sv_cmd sv_cmd_policy_check = {
        .name = "policy check",
        .args = "GUEST.json",
        .help = "say before a launch whether a policy would release the disk key to this guest",
        .opts = opts,
        .run = run_policy_check,
};
