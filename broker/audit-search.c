/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/audit-search.h"

#include <string.h>

#define TIME_FORM "dddd-dd-ddTdd:dd:ddZ" /* d: a digit */

static bool is_time(const char *text)
{
        const char *form = TIME_FORM;

        for (; *text; text++, form++)
                if (!*form || (*form == 'd' ? *text < '0' || *text > '9' : *text != *form))
                        return false;
        return true;
}

static int check_time(const char *option, const char *text, struct sv_err *err)
{
        if (!text || (strlen(text) >= 4 && is_time(text)))
                return 0;
        return sv_fail(err, SV_USAGE, "cli.option",
                       "--%s: expected a time in UTC like 2026-01-31T12:00:00Z, or the beginning "
                       "of one like 2026-01-31, found \"%.40s\"",
                       option, text);
}

int sv_audit_filter_check(const struct sv_audit_filter *f, struct sv_err *err)
{
        return check_time("since", f->since, err) < 0 ? -1 : check_time("until", f->until, err);
}

/* "a/b/" is the beginning of what is below it, another text is all of it. */
static bool is_or_begins(const char *wanted, const char *found, char end)
{
        size_t n = strlen(wanted);

        if (n && wanted[n - 1] == end)
                return !strncmp(wanted, found, n);
        return !strcmp(wanted, found);
}

static const char *text_of(const struct sv_json *record, const char *member)
{
        return sv_json_text(record, member, "");
}

/* The peer's address, whatever its port. */
static bool is_peer(const char *wanted, const char *peer)
{
        const char *port = strrchr(peer, ':');

        return !strcmp(wanted, peer) || (port && strlen(wanted) == (size_t)(port - peer) &&
                                         !strncmp(wanted, peer, (size_t)(port - peer)));
}

static bool is_who(const char *wanted, const struct sv_json *record)
{
        static const char *const members[] = {"platform",    "ek_cn",  "admin",
                                              "proposed_by", "person", "session"};

        for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
                if (!strcmp(wanted, text_of(record, members[i])))
                        return true;
        return is_peer(wanted, text_of(record, "peer"));
}

/* Times of one form are in the order of their letters; of a beginning all that begin so are meant.
 */
static bool is_in_time(const struct sv_audit_filter *f, const char *time)
{
        if (f->since && strcmp(time, f->since) < 0)
                return false;
        return !f->until || strncmp(time, f->until, strlen(f->until)) <= 0;
}

/* The check that failed, or one that only warned. */
static bool has_check(const char *wanted, const struct sv_json *record)
{
        const struct sv_json *warned = sv_json_get(record, "warned");

        for (size_t i = 0; i < sv_json_len(warned); i++)
                if (is_or_begins(wanted, text_of(sv_json_at(warned, i), "check"), '.'))
                        return true;
        return is_or_begins(wanted, text_of(record, "check"), '.');
}

bool sv_audit_filter_takes(const struct sv_audit_filter *f, const struct sv_json *r)
{
        return is_in_time(f, text_of(r, "time")) &&
               (!f->resource || is_or_begins(f->resource, text_of(r, "resource"), '/')) &&
               (!f->who || is_who(f->who, r)) &&
               (!f->outcome || !strcmp(f->outcome, text_of(r, "outcome"))) &&
               (!f->action || !strcmp(f->action, text_of(r, "action"))) &&
               (!f->check || has_check(f->check, r)) &&
               (!f->request || !strcmp(f->request, text_of(r, "request")));
}
