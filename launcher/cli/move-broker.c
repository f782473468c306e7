/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/move-broker.h"

#include <string.h>

#include "base/core/buf.h"
#include "base/crypto/x509.h"
#include "base/program/log.h"
#include "launcher/cli/own-lease.h"
#include "policy/policy.h"

void sv_move_broker_close(struct sv_move_broker *b)
{
        sv_admin_free(b->admin);
        b->admin = NULL;
}

static const char *find_resource(const struct sv_json *facts)
{
        return sv_json_text(sv_json_get(facts, "attestation"), "resource", "");
}

struct search {
        const struct sv_json *pem;
        bool found;
};

static int look_at_anchors(void *arg, const char *kind, struct sv_json *list, struct sv_err *err)
{
        struct search *s = arg;

        s->found |= sv_json_contains(list, s->pem);
        return 0;
}

/* A root of the authority that the policy trusts is enough: what it signed is sent along. */
static int find_authority(const struct sv_policy *p, const char *authority, bool *found,
                          struct sv_err *err)
{
        SV_CERTS certs = {0};

        *found = false;
        if (!*authority)
                return 0;
        if (sv_certs_parse(sv_bytes_str(authority), &certs, "move.authority", err) < 0)
                return -1;
        for (size_t i = 0; i < certs.n; i++) {
                SV_BUF text = SV_BUF_NULL;
                SV_JSON *pem = NULL;
                struct search s = {0};

                if (sv_cert_pem(certs.list[i], &text, err) < 0)
                        return -1;
                s.pem = pem = sv_json_new_str(sv_buf_str(&text));
                sv_json_each(sv_policy_anchors(p), look_at_anchors, &s, NULL);
                *found |= s.found;
        }
        return 0;
}

int sv_move_broker_ask(void *arg, const struct sv_json *facts, const char *authority,
                       struct sv_err *err)
{
        const struct sv_move_broker *b = arg;
        const char *resource = find_resource(facts);
        SV_POLICY_DOC *p = NULL;
        SV_BUF text = SV_BUF_NULL;
        bool found;

        if (!*resource)
                return 0;
        if (sv_admin_get_policy(b->admin, resource, &text, err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), &p, err) < 0)
                return sv_wrap(err, "the broker's policy of %s", resource);
        if (!authority || find_authority(p, authority, &found, err) < 0)
                return authority ? -1 : 0;
        if (found)
                return 0;
        return sv_fail(err, SV_POLICY, "move.authority",
                       "the policy of %s does not trust who makes the vTPMs of the target%s, and "
                       "the guest would not get its key there: \"secure-vm host vtpm-ca\" at that "
                       "host prints it, and attestation.ek_roots of the guest file takes it",
                       resource, *authority ? "" : " (there is no such authority yet)");
}

static int end_stopped_lease(void *arg, const struct sv_json *facts, const char *instance,
                             struct sv_err *err)
{
        const struct sv_move_broker *b = arg;
        const char *resource = find_resource(facts);

        return *resource ? sv_own_lease_end(b->admin, resource, instance, err) : 0;
}

int sv_move_broker_is_named(const struct sv_args *args, bool *named, struct sv_err *err)
{
        SV_BROKER_ENTRY entry = {0};

        if (sv_admin_choose(args, NULL, &entry, err) < 0)
                return -1;
        *named = entry.url || sv_has(args, "admin-key") || sv_has(args, "pin");
        return 0;
}

int sv_move_broker_open(const struct sv_args *args, struct sv_move_broker *b, struct sv_move *mv,
                        struct sv_err *err)
{
        bool named;

        if (sv_move_broker_is_named(args, &named, err) < 0)
                return -1;
        if (!named) {
                sv_info("no broker was named (--broker, --admin-key): whether the policy knows the "
                        "target shows when the guest asks for its key there");
                return 0;
        }
        if (sv_admin_from_args(args, NULL, &b->admin, err) < 0)
                return -1;
        mv->ask_broker = sv_move_broker_ask;
        mv->end_lease = end_stopped_lease;
        mv->arg = b;
        return 0;
}
