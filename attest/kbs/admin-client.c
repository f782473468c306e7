/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's side of a broker. */
#include "attest/kbs/admin-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "attest/kbs/http-conn.h"
#include "attest/kbs/kbs.h"
#include "attest/jose/token.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"

struct sv_admin {
        struct sv_http_conn conn;
        struct sv_tls_ctx *ctx;
        struct sv_key *key;
        uint8_t pin[32];
        char *author; /* NULL: nobody */
};

static int read_pin(const char *text, struct sv_buf *pin, struct sv_err *err)
{
        if (strncmp(text, "sha256:", 7) || strlen(text) != 7 + 64)
                return sv_fail(err, SV_USAGE, "admin.pin",
                               "expected sha256: and 64 hex digits (the broker's init prints it), "
                               "found '%.80s'",
                               text);
        if (sv_unhex(sv_bytes_str(text + 7), pin, "admin.pin", err) < 0) {
                if (err)
                        err->class = SV_USAGE;
                return -1;
        }
        return 0;
}

int sv_admin_open(const char *url, const char *pin, const char *key_file, struct sv_admin **out,
                  struct sv_err *err)
{
        SV_ADMIN *a = calloc(1, sizeof(*a));
        SV_BUF raw = SV_BUF_NULL;
        SV_BUF pem = SV_BUF_NULL;

        if (!a)
                return sv_fail_errno(err, "base.memory", "no memory for the client");
        if (read_pin(pin, &raw, err) < 0 ||
            sv_file_read_private(key_file, SV_PEM_SIZE_MAX, &pem, "admin.key", "admin.key.mode",
                                 err) < 0)
                return -1;
        memcpy(a->pin, raw.p, sizeof(a->pin));
        a->key = sv_key_from_pem(sv_buf_bytes(&pem), true, err);
        a->ctx = a->key ? sv_tls_client(sv_buf_bytes(&raw), NULL, err) : NULL;
        if (!a->ctx || sv_http_conn_init(&a->conn, url, a->ctx, err) < 0)
                return -1;
        *out = a;
        a = NULL;
        return 0;
}

void sv_admin_free(struct sv_admin *a)
{
        if (!a)
                return;
        sv_http_conn_close(&a->conn);
        sv_tls_ctx_free(a->ctx);
        sv_key_free(a->key);
        free(a->author);
        free(a);
}

void sv_admin_freep(struct sv_admin **a)
{
        sv_admin_free(*a);
}

static int add_authorization(struct sv_admin *a, const struct sv_admin_request *what,
                             struct sv_http_msg *req, struct sv_err *err)
{
        SV_BUF value = SV_BUF_NULL;

        sv_buf_puts(&value, "Bearer ");
        if (sv_admin_token_sign(a->key, what, time(NULL), &value, err) < 0)
                return -1;
        return sv_http_add(req, "Authorization", sv_buf_str(&value), err);
}

static int call_admin(struct sv_admin *a, const char *method, const char *path,
                      struct sv_bytes body, struct sv_http_msg *answer, struct sv_err *err)
{
        const struct sv_admin_request what = {a->pin, method, path, body};
        SV_HTTP req = {0};
        int rc;

        if (add_authorization(a, &what, &req, err) < 0)
                return -1;
        rc = sv_http_conn_call(&a->conn, method, path, &req, body, answer, err);
        sv_http_conn_close(&a->conn);
        if (rc < 0)
                return sv_wrap(err, "%s %s", method, path);
        return answer->status == 200 || answer->status == 204
                       ? 0
                       : sv_kbs_fail(answer->status, sv_buf_bytes(&answer->body), err);
}

/* With the path of a resource at the end. */
static int call_admin_path(struct sv_admin *a, const char *method, const char *route,
                           const char *path, struct sv_bytes body, struct sv_http_msg *answer,
                           struct sv_err *err)
{
        SV_STR target = sv_asprintf("%s/%s", route, path);

        return call_admin(a, method, target, body, answer, err);
}

int sv_admin_put_resource(struct sv_admin *a, const char *path, struct sv_secret *value,
                          struct sv_err *err)
{
        SV_HTTP answer = {0};

        return call_admin_path(a, "POST", "/kbs/v0/resource", path,
                               sv_bytes(sv_secret_reveal(value), sv_secret_size(value)), &answer,
                               err);
}

int sv_admin_add_resource(struct sv_admin *a, const char *path, const char *volume,
                          struct sv_secret *value, struct sv_err *err)
{
        SV_STR target =
                volume ? sv_asprintf("%s?volume=%s", path, volume) : sv_asprintf("%s?new", path);

        return sv_admin_put_resource(a, target, value, err);
}

static void put_items(struct sv_buf *out, const char *name, const char *const *values)
{
        for (size_t i = 0; i < SV_LABELS_MAX && values[i]; i++)
                sv_buf_printf(out, "&%s=%s", name, values[i]);
}

/* As further items of a query. */
static int put_setting_items(const struct sv_admin_settings *settings, struct sv_buf *out,
                             struct sv_err *err)
{
        if (settings && settings->releases)
                sv_buf_printf(out, "&releases=%s", settings->releases);
        if (settings) {
                put_items(out, "unlabel", settings->no_labels);
                put_items(out, "label", settings->labels);
        }
        return sv_buf_ok(out, "the address of a resource", err);
}

int sv_admin_put_with_settings(struct sv_admin *a, const char *path, bool first,
                               const struct sv_admin_settings *settings, struct sv_secret *value,
                               struct sv_err *err)
{
        SV_BUF query = SV_BUF_NULL;
        SV_STR target = NULL;

        sv_buf_puts(&query, first ? "&new" : "");
        if (put_setting_items(settings, &query, err) < 0)
                return -1;
        if (query.n)
                query.p[0] = '?';
        target = sv_asprintf("%s%s", path, query.n ? sv_buf_str(&query) : "");
        return sv_admin_put_resource(a, target, value, err);
}

int sv_admin_set_resource(struct sv_admin *a, const char *path,
                          const struct sv_admin_settings *settings, struct sv_err *err)
{
        SV_BUF query = SV_BUF_NULL;
        SV_HTTP answer = {0};
        SV_STR target = NULL;

        if (put_setting_items(settings, &query, err) < 0)
                return -1;
        target = sv_asprintf("%s?%s", path, query.n ? sv_buf_str(&query) + 1 : "");
        return call_admin_path(a, "POST", "/secure-vm/v0/resource", target, SV_BYTES_NULL, &answer,
                               err);
}

int sv_admin_provision(struct sv_admin *a, const char *path, uint64_t bytes,
                       const struct sv_admin_settings *settings, struct sv_err *err)
{
        SV_BUF query = SV_BUF_NULL;
        SV_HTTP answer = {0};
        SV_STR target = NULL;

        sv_buf_printf(&query, "bytes=%llu", (unsigned long long)bytes);
        if (put_setting_items(settings, &query, err) < 0)
                return -1;
        target = sv_asprintf("%s?%s", path, sv_buf_str(&query));
        return call_admin_path(a, "POST", "/secure-vm/v0/provision", target, SV_BYTES_NULL, &answer,
                               err);
}

int sv_admin_delete_resource(struct sv_admin *a, const char *path,
                             const struct sv_admin_removal *what, struct sv_err *err)
{
        static const struct sv_admin_removal everything = {NULL, 0, 0};
        SV_BUF target = SV_BUF_NULL;
        SV_HTTP answer = {0};
        char mark = '?';

        if (!what)
                what = &everything;
        sv_buf_puts(&target, path);
        if (what->volume) {
                sv_buf_printf(&target, "?volume=%s", what->volume);
                mark = '&';
        }
        if (what->version)
                sv_buf_printf(&target, "%cversion=%lld", mark, (long long)what->version);
        if (what->except)
                sv_buf_printf(&target, "%cexcept=%lld", what->version ? '&' : mark,
                              (long long)what->except);
        if (sv_buf_ok(&target, "the address of a resource", err) < 0)
                return -1;
        return call_admin_path(a, "DELETE", "/kbs/v0/resource", sv_buf_str(&target), SV_BYTES_NULL,
                               &answer, err);
}

int sv_admin_rekey(struct sv_admin *a, const char *path, struct sv_bytes head, struct sv_buf *made,
                   struct sv_err *err)
{
        SV_HTTP answer = {0};

        if (call_admin_path(a, "POST", "/secure-vm/v0/rekey", path, head, &answer, err) < 0)
                return -1;
        sv_buf_put(made, sv_buf_bytes(&answer.body));
        return sv_buf_ok(made, "the new header", err);
}

int sv_admin_accept_restore(struct sv_admin *a, const char *path, const char *volume,
                            uint64_t generation, struct sv_err *err)
{
        SV_STR target = sv_asprintf("%s?generation=%llu%s%s", path, (unsigned long long)generation,
                                    volume ? "&volume=" : "", volume ? volume : "");
        SV_HTTP answer = {0};

        return call_admin_path(a, "POST", "/secure-vm/v0/restore", target, SV_BYTES_NULL, &answer,
                               err);
}

int sv_admin_end_lease(struct sv_admin *a, const char *path, const char *volume, struct sv_err *err)
{
        SV_STR target = sv_asprintf("%s%s%s", path, volume ? "?volume=" : "", volume ? volume : "");
        SV_HTTP answer = {0};

        return call_admin_path(a, "POST", "/secure-vm/v0/end-lease", target, SV_BYTES_NULL, &answer,
                               err);
}

static int call_admin_json(struct sv_admin *a, const char *path, struct sv_json **out,
                           struct sv_err *err)
{
        SV_HTTP answer = {0};

        if (call_admin(a, "GET", path, SV_BYTES_NULL, &answer, err) < 0)
                return -1;
        return sv_json_parse(sv_buf_bytes(&answer.body), "admin.answer", out, err);
}

int sv_admin_show_resource(struct sv_admin *a, const char *path, struct sv_json **out,
                           struct sv_err *err)
{
        SV_STR target = sv_asprintf("/secure-vm/v0/resource/%s", path);

        return call_admin_json(a, target, out, err);
}

/* One page's rows into `list`; *after becomes where the next begins, NULL: there is none. A broker
 * of before pages gives all at once. */
static int add_resource_page(struct sv_admin *a, const char *filter, char **after,
                             struct sv_json *list, struct sv_err *err)
{
        SV_STR target = sv_asprintf("/secure-vm/v0/resources?limit=%d%s%s%s", SV_LIST_MAX, filter,
                                    *after ? "&after=" : "", *after ? *after : "");
        SV_JSON *page = NULL;
        const struct sv_json *rows;
        const char *next;

        if (call_admin_json(a, target, &page, err) < 0)
                return -1;
        rows = sv_json_get(page, "resources");
        for (size_t i = 0; i < sv_json_len(rows); i++)
                sv_json_add(list, sv_json_ref(sv_json_at(rows, i)));
        next = sv_json_str(sv_json_get(page, "next"));
        free(*after);
        *after = next && sv_json_len(rows) ? sv_asprintf("%s", next) : NULL;
        return 0;
}

int sv_admin_list_resources(struct sv_admin *a, const char *prefix, const char *const *labels,
                            struct sv_json **out, struct sv_err *err)
{
        static const char letters[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/";
        SV_JSON *j = sv_json_object();
        struct sv_json *list = sv_json_set(j, "resources", sv_json_array());
        SV_BUF filter = SV_BUF_NULL;
        SV_STR after = NULL;

        if (prefix && (!*prefix || prefix[strspn(prefix, letters)]))
                return sv_fail(
                        err, SV_USAGE, "admin.prefix",
                        "expected REPOSITORY, REPOSITORY/TYPE or a whole path, found '%.80s'",
                        prefix);
        if (prefix)
                sv_buf_printf(&filter, "&prefix=%s", prefix);
        if (labels)
                put_items(&filter, "label", labels);
        if (sv_buf_ok(&filter, "what is listed", err) < 0)
                return -1;
        do
                if (add_resource_page(a, filter.n ? sv_buf_str(&filter) : "", &after, list, err) <
                    0)
                        return -1;
        while (after);
        *out = j;
        j = NULL;
        return 0;
}

void sv_admin_set_author(struct sv_admin *a, const char *name)
{
        free(a->author);
        a->author = name && sv_name_ok(name) ? sv_asprintf("%s", name) : NULL;
}

/* A route's path with who asks for it. */
static char *add_author(const struct sv_admin *a, const char *path)
{
        if (!a->author)
                return sv_asprintf("%s", path);
        return sv_asprintf("%s%cauthor=%s", path, strchr(path, '?') ? '&' : '?', a->author);
}

int sv_admin_put_policy(struct sv_admin *a, const char *path, struct sv_bytes document,
                        struct sv_err *err)
{
        SV_STR target = add_author(a, path);
        SV_HTTP answer = {0};

        return call_admin_path(a, "PUT", "/secure-vm/v0/policy", target, document, &answer, err);
}

int sv_admin_replace_policy(struct sv_admin *a, const char *path, struct sv_bytes before,
                            struct sv_bytes document, struct sv_err *err)
{
        SV_STR target = NULL;
        char hex[65];

        if (sv_sha256_hex(before, hex, err) < 0)
                return -1;
        target = sv_asprintf("%s?before=%s", path, hex);
        return sv_admin_put_policy(a, target, document, err);
}

int sv_admin_get_policy(struct sv_admin *a, const char *path, struct sv_buf *document,
                        struct sv_err *err)
{
        SV_HTTP answer = {0};

        if (call_admin_path(a, "GET", "/secure-vm/v0/policy", path, SV_BYTES_NULL, &answer, err) <
            0)
                return -1;
        sv_buf_put(document, sv_buf_bytes(&answer.body));
        return sv_buf_ok(document, "the policy", err);
}

int sv_admin_get_policy_version(struct sv_admin *a, const char *path, int64_t version,
                                struct sv_buf *document, struct sv_err *err)
{
        SV_STR target = sv_asprintf("%s?version=%lld", path, (long long)version);

        return sv_admin_get_policy(a, target, document, err);
}

int sv_admin_list_policy_versions(struct sv_admin *a, const char *path, struct sv_json **out,
                                  struct sv_err *err)
{
        SV_STR target = sv_asprintf("/secure-vm/v0/policy-history/%s", path);

        return call_admin_json(a, target, out, err);
}

static int test_on_guests(struct sv_admin *a, const char *target, struct sv_bytes document,
                          struct sv_json **out, struct sv_err *err)
{
        SV_HTTP answer = {0};

        if (call_admin_path(a, "POST", "/secure-vm/v0/policy-test", target, document, &answer,
                            err) < 0)
                return -1;
        return sv_json_parse(sv_buf_bytes(&answer.body), "admin.answer", out, err);
}

int sv_admin_test_policy(struct sv_admin *a, const char *path, struct sv_bytes document,
                         const char *at, struct sv_json **out, struct sv_err *err)
{
        SV_STR target = sv_asprintf("%s%s%s", path, at ? "?at=" : "", at ? at : "");

        return test_on_guests(a, target, document, out, err);
}

int sv_admin_test_reference(struct sv_admin *a, const char *path, struct sv_bytes text,
                            const char *at, struct sv_json **out, struct sv_err *err)
{
        SV_STR target = sv_asprintf("%s?reference%s%s", path, at ? "&at=" : "", at ? at : "");

        return test_on_guests(a, target, text, out, err);
}

int sv_admin_put_reference(struct sv_admin *a, const char *name, struct sv_bytes text,
                           struct sv_err *err)
{
        SV_HTTP answer = {0};

        return call_admin_path(a, "PUT", "/secure-vm/v0/reference", name, text, &answer, err);
}

int sv_admin_get_reference(struct sv_admin *a, const char *name, struct sv_buf *text,
                           struct sv_err *err)
{
        SV_HTTP answer = {0};

        if (call_admin_path(a, "GET", "/secure-vm/v0/reference", name, SV_BYTES_NULL, &answer,
                            err) < 0)
                return -1;
        sv_buf_put(text, sv_buf_bytes(&answer.body));
        return sv_buf_ok(text, "the reference set", err);
}

int sv_admin_delete_reference(struct sv_admin *a, const char *name, struct sv_err *err)
{
        SV_HTTP answer = {0};

        return call_admin_path(a, "DELETE", "/secure-vm/v0/reference", name, SV_BYTES_NULL, &answer,
                               err);
}

int sv_admin_list_references(struct sv_admin *a, struct sv_json **out, struct sv_err *err)
{
        return call_admin_json(a, "/secure-vm/v0/references", out, err);
}

int sv_admin_delete_policy(struct sv_admin *a, const char *path, struct sv_err *err)
{
        SV_STR target = add_author(a, path);
        SV_HTTP answer = {0};

        return call_admin_path(a, "DELETE", "/secure-vm/v0/policy", target, SV_BYTES_NULL, &answer,
                               err);
}

static int check_pending_id(const char *id, struct sv_err *err)
{
        return sv_is_hex(id, 32) ? 0
                                 : sv_fail(err, SV_USAGE, "admin.pending",
                                           "expected the 32 hexadecimal digits of a change that "
                                           "waits, found '%.80s'",
                                           id);
}

int sv_admin_list_pending(struct sv_admin *a, const char *id, struct sv_json **out,
                          struct sv_err *err)
{
        SV_STR path = sv_asprintf("/secure-vm/v0/pending%s%s", id ? "?id=" : "", id ? id : "");

        return id && check_pending_id(id, err) < 0 ? -1 : call_admin_json(a, path, out, err);
}

int sv_admin_decide_pending(struct sv_admin *a, const char *id, bool approve, struct sv_err *err)
{
        SV_STR path = sv_asprintf("/secure-vm/v0/%s?id=%s", approve ? "approve" : "reject", id);
        SV_HTTP answer = {0};

        if (check_pending_id(id, err) < 0)
                return -1;
        return call_admin(a, "POST", path, SV_BYTES_NULL, &answer, err);
}

int sv_admin_audit(struct sv_admin *a, int64_t after, struct sv_json **out, struct sv_err *err)
{
        SV_STR path = sv_asprintf("/secure-vm/v0/audit?after=%lld", (long long)after);

        return call_admin_json(a, path, out, err);
}
