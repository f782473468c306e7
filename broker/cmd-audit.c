/* SPDX-License-Identifier: Apache-2.0 */
/* "audit": the records as a list, a page, or gone through. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/core/visible.h"
#include "base/program/colour.h"
#include "base/program/page.h"
#include "base/program/terminal.h"
#include "broker/audit-page.h"
#include "broker/cmd-audit.h"
#include "broker/head.h"

const struct sv_opt sv_audit_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {"after", "ID", "only records with a higher id", 0, false},
        {"html", "FILE", "write the records as a page by itself, to attach to a ticket", 0, false},
        {"verify", NULL, "go through all records instead: nobody has changed, removed or added one",
         0, false},
        {"known", "ID:LINK",
         "with --verify: this record is there, and was the same (from audit_log)", 0, false},
        {"head", "FILE", "with --verify: the record of this signed head is there, and was the same",
         0, false},
        {"key", "FILE", "the public key of heads (PEM; default: the broker's token key)", 0, false},
        {"checks", NULL, "below each release, the checks of its policy one by one", 0, false},
        {NULL, NULL, NULL, 0, false},
};

int sv_need_option(const struct sv_args *args, const char *option, const char **value,
                   struct sv_err *err)
{
        *value = sv_opt(args, option);
        return *value ? 0 : sv_fail(err, SV_USAGE, "cli.option", "--%s is needed", option);
}

int sv_open_audit(const struct sv_args *args, struct sv_broker_config *config,
                  struct sv_store **store, struct sv_err *err)
{
        struct sv_store_place place = {NULL};
        const char *path;

        if (sv_need_option(args, "config", &path, err) < 0 ||
            sv_broker_config_read(path, config, err) < 0)
                return -1;
        place.path = config->database;
        return sv_store_open(&place, store, err);
}

static enum sv_colour colour_outcome(const char *outcome)
{
        if (!strcmp(outcome, "refused") || !strcmp(outcome, "failed"))
                return SV_COLOUR_RED;
        return strcmp(outcome, "released") ? SV_COLOUR_NONE : SV_COLOUR_GREEN;
}

/* Parts of a record are a stranger's words: nothing of them may steer the terminal. */
void sv_print_record(const struct sv_json *r, bool with_checks)
{
        const struct sv_json *checks = sv_json_get(r, "checks");
        SV_BUF line = SV_BUF_NULL;

        sv_buf_printf(&line, "%lld %s %s %s %s %s", (long long)sv_json_int(sv_json_get(r, "id"), 0),
                      sv_json_text(r, "time", "-"), sv_json_text(r, "peer", "-"),
                      sv_json_text(r, "action", "-"), sv_json_text(r, "resource", "-"),
                      sv_json_text(r, "outcome", "-"));
        if (sv_json_get(r, "check"))
                sv_buf_printf(&line, " [%s] %s", sv_json_text(r, "check", "-"),
                              sv_json_text(r, "message", "-"));
        else if (sv_json_get(r, "grounds"))
                sv_buf_printf(&line, " %s", sv_json_text(r, "grounds", "-"));
        sv_make_visible((char *)line.p, line.n, false);
        printf("%s%s%s\n",
               sv_colour(STDOUT_FILENO, colour_outcome(sv_json_text(r, "outcome", "-"))),
               sv_buf_str(&line), sv_colour(STDOUT_FILENO, SV_COLOUR_NONE));
        for (size_t i = 0; with_checks && i < sv_json_len(checks); i++) {
                const char *check = sv_json_str(sv_json_at(checks, i));
                SV_STR text = sv_copy_visible(check ? check : "-");

                printf("    %s\n", text);
        }
}

static int list_all(struct sv_store *store, int64_t after, struct sv_json *list, struct sv_err *err)
{
        size_t before;

        do {
                before = sv_json_len(list);
                if (before)
                        after = sv_json_int(sv_json_get(sv_json_at(list, before - 1), "id"),
                                            INT64_MAX);
                if (store->ops->list_audit(store, after, 1000, list, err) < 0)
                        return -1;
        } while (sv_json_len(list) > before);
        return 0;
}

static int write_audit_page(const char *path, const struct sv_json *list, struct sv_err *err)
{
        SV_BUF page = SV_BUF_NULL;

        sv_page_of_audit(list, &page);
        return sv_page_write(path, 0600, &page, err);
}

static int parse_known(const char *text, struct sv_audit_link *out, struct sv_err *err)
{
        const char *colon = strchr(text, ':');
        SV_STR id = sv_asprintf("%.*s", colon ? (int)(colon - text) : 0, text);
        SV_BUF link = SV_BUF_NULL;
        uint64_t number;

        if (!colon || sv_parse_u64(id, INT64_MAX, &number, "cli.option", NULL) < 0 ||
            sv_unhex(sv_bytes_str(colon + 1), &link, "cli.option", NULL) < 0 ||
            link.n != SV_LINK_SIZE)
                return sv_fail(
                        err, SV_USAGE, "cli.option",
                        "--known: expected ID:LINK, \"id\" and \"link\" of a line of the audit "
                        "log (a number, 64 hex digits), found \"%.80s\"",
                        text);
        out->id = (int64_t)number;
        memcpy(out->link, link.p, SV_LINK_SIZE);
        return 0;
}

/* --key, or the broker's own. */
static struct sv_key *read_head_key(const struct sv_args *args, const struct sv_broker_config *c,
                                    struct sv_err *err)
{
        const char *path = sv_opt(args, "key");
        SV_BUF pem = SV_BUF_NULL;
        struct sv_key *key;

        if ((path ? sv_file_read(path, SV_PEM_SIZE_MAX, &pem, "broker.key", err)
                  : sv_file_read_private(c->token_key, SV_PEM_SIZE_MAX, &pem, "broker.key",
                                         "broker.key.mode", err)) < 0)
                return NULL;
        key = sv_key_from_pem(sv_buf_bytes(&pem), !path, err);
        if (!key)
                sv_wrap(err, "%s", path ? path : c->token_key);
        return key;
}

static int read_signed_head(const struct sv_args *args, const struct sv_key *key,
                            struct sv_head *head, struct sv_err *err)
{
        const char *path = sv_opt(args, "head");
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(path, SV_LINE_MAX, &text, "broker.head", err) < 0)
                return -1;
        return sv_head_read(sv_buf_bytes(&text), key, head, err) < 0 ? sv_wrap(err, "%s", path) : 0;
}

static void print_chain(const struct sv_audit_chain *c, const struct sv_head *head)
{
        char hex[2 * SV_LINK_SIZE + 1], when[32];

        printf("%lld records follow each other", (long long)c->linked);
        if (c->cut_head[0])
                printf(" from record %lld on, up to which they were taken out",
                       (long long)c->cut.id);
        if (c->older)
                printf(", %lld are from before there was a chain", (long long)c->older);
        printf("; %lld of strangers stand beside it\n", (long long)c->strangers);
        if (head->at.id)
                printf("head %lld of %s is among them\n", (long long)head->at.id,
                       sv_format_time(head->time, when));
        if (c->newest.id)
                printf("newest %lld:%s\n", (long long)c->newest.id,
                       sv_hex(sv_bytes(c->newest.link, SV_LINK_SIZE), hex));
}

static struct sv_json *describe_chain(const struct sv_audit_chain *c, const struct sv_head *head)
{
        struct sv_json *j = sv_json_object();

        sv_json_set_int(j, "records", c->linked);
        sv_json_set_int(j, "before_the_chain", c->older);
        sv_json_set_int(j, "strangers", c->strangers);
        if (c->cut_head[0])
                sv_json_set_int(j, "cut", c->cut.id);
        if (head->at.id) {
                sv_json_set_int(j, "head", head->at.id);
                sv_json_set_int(j, "head_time", head->time);
        }
        if (c->newest.id)
                sv_audit_note_link(j, &c->newest);
        return j;
}

static int verify_audit(const struct sv_args *args, const struct sv_broker_config *config,
                        struct sv_store *store, struct sv_json **result, struct sv_err *err)
{
        const char *text = sv_opt(args, "known");
        struct sv_head head = {.time = 0};
        struct sv_audit_link link = {0};
        const struct sv_audit_link *known = NULL;
        struct sv_audit_chain chain;
        SV_KEY *key = NULL;

        if (text && sv_opt(args, "head"))
                return sv_fail(err, SV_USAGE, "cli.option", "--known or --head, not both");
        if (text && parse_known(text, &link, err) < 0)
                return -1;
        if (text)
                known = &link;
        if (sv_opt(args, "head") || sv_opt(args, "key")) {
                key = read_head_key(args, config, err);
                if (!key || (sv_opt(args, "head") && read_signed_head(args, key, &head, err) < 0))
                        return -1;
                if (head.at.id)
                        known = &head.at;
        }
        if (store->ops->check_audit(store, known, &chain, err) < 0)
                return -1;
        if (chain.cut_head[0] && !key && !(key = read_head_key(args, config, err)))
                return -1;
        if (sv_head_check_cut(&chain, key, err) < 0)
                return -1;
        *result = describe_chain(&chain, &head);
        if (!sv_has(args, "json"))
                print_chain(&chain, &head);
        return 0;
}

int sv_run_audit(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER_CONFIG config = {0};
        SV_STORE *store = NULL;
        SV_JSON *list = sv_json_array();
        uint64_t after = 0;

        if ((sv_opt(args, "after") &&
             sv_parse_u64(sv_opt(args, "after"), INT64_MAX, &after, "cli.option", err) < 0) ||
            sv_open_audit(args, &config, &store, err) < 0)
                return -1;
        if (sv_has(args, "verify") || sv_opt(args, "known") || sv_opt(args, "head"))
                return verify_audit(args, &config, store, result, err);
        if (list_all(store, (int64_t)after, list, err) < 0)
                return -1;
        if (sv_opt(args, "html") && write_audit_page(sv_opt(args, "html"), list, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set(*result, "audit", sv_json_ref(list));
        for (size_t i = 0; !sv_has(args, "json") && !sv_has(args, "html") && i < sv_json_len(list);
             i++)
                sv_print_record(sv_json_at(list, i), sv_has(args, "checks"));
        return 0;
}
