/* SPDX-License-Identifier: Apache-2.0 */
/* Which administrator asks, whether they may, and whether it takes a second person. */
#include "attest/jose/token.h"
#include "base/crypto/crypto.h"
#include "broker/serve/routes.h"

/* By which key, of those that have administered one after the other. */
void sv_route_note_admin(struct sv_request *r, const struct sv_admin_key *admin)
{
        SV_BUF der = SV_BUF_NULL;

        if (sv_key_spki(admin->key, &der, NULL) == 0)
                sv_request_note_digest(r, "admin", sv_buf_bytes(&der));
        if (admin->name)
                sv_json_set_str(r->audit, "person", admin->name);
}

/* Which of the keys made it; NULL: none. What the key that made it finds wrong is the error. */
static const struct sv_admin_key *find_admin(struct sv_request *r, const char *token,
                                             char id[SV_ADMIN_TOKEN_ID], int64_t *expires,
                                             struct sv_err *err)
{
        const struct sv_admin_request what = {r->broker->pin, r->msg->method, r->msg->target,
                                              sv_buf_bytes(&r->msg->body)};
        const struct sv_admin_keys *keys = &r->broker->admins;

        for (size_t i = 0; i < keys->n; i++) {
                if (sv_admin_token_verify(sv_bytes_str(token), keys->list[i].key, &what, r->now, id,
                                          expires, err) == 0)
                        return &keys->list[i];
                if (strcmp(err->check, "admin.token.signature") != 0 &&
                    strcmp(err->check, "admin.token.key") != 0)
                        return NULL;
        }
        return NULL;
}

/* What is of no resource is shown below their paths only by its handler; a number of all of them
 * cannot be. */
static int check_role(const struct sv_request *r, const struct sv_route *route, struct sv_err *err)
{
        SV_BUF has = SV_BUF_NULL, wants = SV_BUF_NULL;

        if (!(r->admin->roles & route->roles)) {
                sv_admin_put_roles(r->admin->roles, &has);
                sv_admin_put_roles(route->roles, &wants);
                return sv_fail(err, SV_POLICY, "broker.admin.role",
                               "this takes the role %s, and this administrator has %s",
                               sv_buf_str(&wants), sv_buf_str(&has));
        }
        if (r->resource[0] ? !sv_admin_may_see(r->admin, r->resource)
                           : r->admin->paths && !route->filters)
                return sv_fail(err, SV_POLICY, "broker.admin.paths",
                               "%s%s is not below the paths that this administrator has",
                               r->resource[0] ? "resource " : "what is of all resources",
                               r->resource);
        return 0;
}

/* --- two persons --- */

/* What is put where nothing is takes nothing away, and "new" is refused where something is. */
bool sv_route_takes_two(const struct sv_request *r, const struct sv_route *route)
{
        return route->change && sv_broker_is_below(r->broker->config.two_persons, r->resource) &&
               !(route->run == sv_handle_put_resource && sv_request_is_first(r));
}

/* Who is one person, and who another, is said by names. */
static int check_person(const struct sv_request *r, struct sv_err *err)
{
        if (r->admin->name)
                return 0;
        return sv_fail(err, SV_POLICY, "broker.pending.person",
                       "for %s a change takes two persons, and whose this key is nobody has said: "
                       "it needs a \"name\" in \"admins\" (one of \"admin_pub\" has none)",
                       r->resource);
}

static const struct sv_route *find_change(struct sv_request *r, const struct sv_admin_key *admin,
                                          struct sv_err *err)
{
        const struct sv_route *route = sv_route_find(r, err);

        if (!route)
                return NULL;
        r->admin = admin;
        return check_role(r, route, err) < 0 || check_person(r, err) < 0 ? NULL : route;
}

static int check_change(struct sv_request *r, const struct sv_admin_key *admin, struct sv_err *err)
{
        r->error = "AdminAuthAccess";
        if (!find_change(r, admin, err))
                return -1;
        r->error = NULL;
        return 0;
}

/* The signature is over method, target and body, for this broker: what is done is what was signed.
 * Who asked has to have the role still. */
static int run_change(struct sv_request *r, const char *token, const struct sv_admin_key *approver,
                      int64_t now, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;
        const struct sv_admin_key *proposer;
        const struct sv_route *route;
        char id[SV_ADMIN_TOKEN_ID];
        int64_t expires;

        r->error = "AdminAuthAccess";
        proposer = find_admin(r, token, id, &expires, &why);
        if (!proposer)
                return sv_fail(err, SV_PROOF, "broker.pending.signature",
                               "who asked for this is no administrator any more, or the broker's "
                               "TLS key is another by now: reject it, and ask anew (%.200s)",
                               why.msg);
        if (!find_change(r, proposer, err))
                return -1;
        route = find_change(r, approver, err);
        if (!route)
                return -1;
        if (!strcmp(proposer->name, approver->name))
                return sv_fail(err, SV_POLICY, "broker.pending.person",
                               "%s has asked for this change, with this key or another, and it "
                               "takes a second person",
                               approver->name);
        r->error = NULL;
        r->now = now;
        return route->run(r, err);
}

static const char *name_change(const char *method, const char *target)
{
        const struct sv_route *route = sv_route_find_change(method, target);

        return route ? route->action : "other";
}

const struct sv_change_ops sv_change_ops = {name_change, run_change, check_change};

/* The token is for this request to this broker, and counts once: who sees one can do nothing with
 * it. */
int sv_route_admit(struct sv_request *r, const struct sv_route *route, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;
        const struct sv_admin_key *admin;
        const char *token = sv_request_bearer(r);
        char id[SV_ADMIN_TOKEN_ID];
        int64_t expires;

        r->error = "AdminAuthAccess";
        if (!token)
                return sv_fail(err, SV_PROOF, "broker.admin.token",
                               "this needs the administrator's token (Authorization: Bearer)");
        admin = find_admin(r, token, id, &expires, err);
        if (!admin || store->ops->take_token(store, id, expires, r->now, err) < 0)
                return -1;
        r->known = true;
        r->admin = admin;
        sv_route_note_admin(r, admin);
        if (check_role(r, route, err) < 0 ||
            (sv_route_takes_two(r, route) && check_person(r, err) < 0))
                return -1;
        r->error = NULL;
        return 0;
}
