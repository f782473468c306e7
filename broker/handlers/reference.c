/* SPDX-License-Identifier: Apache-2.0 */
/* Reference sets: put by an author of policies, and signed by whoever the configuration lets sign
 * below that path (role "signer"). The signature is asked for at each use, so that a key that is
 * taken out of the configuration says nothing any more.
 *
 *      PUT, GET, DELETE /secure-vm/v0/reference/NAME        the body is the JWS
 *      GET /secure-vm/v0/references
 */
#include <string.h>

#include "attest/appraise.h"
#include "attest/jose/reference.h"
#include "base/crypto/crypto.h"
#include "broker/serve/request.h"
#include "policy/reference.h"

static int fail_signature(const char *name, struct sv_err *err)
{
        return sv_fail(err, SV_PROOF, "reference.signature",
                       "reference set %s is not signed by a key that may sign it: one with the "
                       "role signer, and this path, in \"admins\"",
                       name);
}

/* By one of those who may sign what has this name. */
static int open_signed(struct sv_request *r, const char *name, struct sv_bytes text,
                       struct sv_json **set, struct sv_err *err)
{
        const struct sv_admin_keys *keys = &r->broker->admins;

        for (size_t i = 0; i < keys->n; i++) {
                const struct sv_admin_key *k = &keys->list[i];

                if (!(k->roles & SV_ROLE_SIGNER) || !sv_admin_may_see(k, name))
                        continue;
                if (sv_reference_open(text, k->key, set, err) == 0)
                        break;
                if (strcmp(err->check, "reference.signature"))
                        return -1;
        }
        if (!*set)
                return fail_signature(name, err);
        if (strcmp(sv_reference_name(*set), name))
                return sv_fail(err, SV_FORMAT, "reference.name",
                               "the reference set is %s and was put under %s",
                               sv_reference_name(*set), name);
        return 0;
}

static int get_named(struct sv_request *r, const char *name, struct sv_buf *text,
                     struct sv_err *err)
{
        if (r->broker->store->ops->get_reference(r->broker->store, name, text, err) == 0)
                return 0;
        if (err->class != SV_USAGE)
                return -1;
        return sv_fail(err, r->admin ? SV_USAGE : SV_POLICY, "reference.none",
                       "the policy names reference set %s, which is not there: nobody gets the "
                       "resource",
                       name);
}

int sv_reference_apply(struct sv_request *r, struct sv_bytes text, struct sv_bytes tried,
                       struct sv_policy **policy, struct sv_err *err)
{
        const char *name = sv_policy_reference(*policy);
        SV_BUF stored = SV_BUF_NULL;
        SV_JSON *set = NULL;
        struct sv_policy *joined = NULL;

        if (!name && tried.n)
                return sv_fail(err, SV_USAGE, "reference.none",
                               "the policy of %s names no reference set", r->resource);
        if (!name)
                return 0;
        if (!tried.n) {
                if (get_named(r, name, &stored, err) < 0)
                        return -1;
                tried = sv_buf_bytes(&stored);
        }
        if (open_signed(r, name, tried, &set, err) < 0 ||
            sv_reference_join(text, set, &joined, err) < 0)
                return -1;
        sv_json_set_str(r->audit, "reference", name);
        sv_json_set_int(r->audit, "reference_generation", sv_reference_generation(set));
        sv_request_note_digest(r, "reference_sha256", tried);
        sv_policy_free(*policy);
        *policy = joined;
        return 0;
}

int sv_reference_check_same(struct sv_request *r, bool *same, struct sv_err *err)
{
        const char *name = sv_json_text(r->audit, "reference", NULL);
        SV_BUF text = SV_BUF_NULL;
        char hex[65];

        *same = true;
        if (!name)
                return 0;
        if (r->broker->store->ops->get_reference(r->broker->store, name, &text, err) < 0) {
                *same = false;
                return err->class == SV_USAGE ? 0 : -1;
        }
        if (sv_sha256_hex(sv_buf_bytes(&text), hex, err) < 0)
                return -1;
        *same = !strcmp(hex, sv_json_text(r->audit, "reference_sha256", ""));
        return 0;
}

int sv_handle_put_reference(struct sv_request *r, struct sv_err *err)
{
        static const char *const none[] = {NULL};
        struct sv_store *store = r->broker->store;
        struct sv_bytes text = sv_buf_bytes(&r->msg->body);
        SV_JSON *set = NULL;

        if (sv_request_check_query(r, none, err) < 0 ||
            open_signed(r, r->resource, text, &set, err) < 0)
                return -1;
        if (!sv_tee_find_verify(sv_reference_tee(set)))
                return sv_fail(err, SV_FORMAT, "reference.tee",
                               "the reference set is for \"%s\", which this broker does not know",
                               sv_reference_tee(set));
        sv_json_set_int(r->audit, "reference_generation", sv_reference_generation(set));
        sv_request_note_digest(r, "reference_sha256", text);
        if (store->ops->put_reference(store, r->resource, text, sv_reference_generation(set),
                                      r->now, err) == 0)
                return 0;
        if (!strcmp(err->check, "reference.generation"))
                r->error = "ResourceConflict";
        return -1;
}

int sv_handle_get_reference(struct sv_request *r, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;

        if (store->ops->get_reference(store, r->resource, &r->answer.body, err) < 0)
                return -1;
        return sv_http_add(&r->answer, "Content-Type", "application/jose", err);
}

int sv_handle_delete_reference(struct sv_request *r, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;

        return store->ops->delete_reference(store, r->resource, r->now, err);
}

int sv_handle_list_references(struct sv_request *r, struct sv_err *err)
{
        SV_JSON *all = sv_json_array(), *j = sv_json_object();
        struct sv_json *list = sv_json_set(j, "references", sv_json_array());

        if (r->broker->store->ops->list_references(r->broker->store, false, all, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(all); i++) {
                struct sv_json *row = sv_json_at(all, i);

                if (!r->admin || sv_admin_may_see(r->admin, sv_json_text(row, "name", "")))
                        sv_json_add(list, sv_json_ref(row));
        }
        sv_json_print(j, &r->answer.body);
        if (sv_buf_ok(&r->answer.body, "the list", err) < 0)
                return -1;
        return sv_http_add(&r->answer, "Content-Type", "application/json", err);
}
