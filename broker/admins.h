/* SPDX-License-Identifier: Apache-2.0 */
/* Who may administer, and what: each key has roles, and paths below which they count. Which role a
 * route wants is its row's (broker/serve/route.c). No role reads a secret. */
#pragma once

#include "base/core/limits.h"
#include "base/crypto/crypto.h"
#include "base/json/json.h"

enum {
        SV_ROLE_OPERATOR = 1, /* keys, disks and who has them */
        SV_ROLE_AUTHOR = 2,   /* policies */
        SV_ROLE_AUDITOR = 4,  /* the record, and changes nothing */
        SV_ROLE_SIGNER = 8,   /* asks nothing: signs reference sets */
        SV_ROLES_ALL = 15
};

/* A member of "admins" in the configuration. */
struct sv_broker_admin {
        char *name;     /* whose the keys are; NULL: not said, which "two_persons" needs */
        char *key;      /* a file with public keys in PEM */
        unsigned roles; /* of the above */
        char **paths;   /* "repo", "repo/type" or "repo/type/tag", ends with NULL; NULL: all */
};

struct sv_broker_admins {
        struct sv_broker_admin *list;
        size_t n;
};

struct sv_admin_key {
        struct sv_key *key; /* public */
        const char *name;   /* of the person, who may have several; NULL: not said */
        unsigned roles;
        char *const *paths; /* the configuration's */
};

struct sv_admin_keys {
        struct sv_admin_key list[SV_ADMIN_KEYS_MAX];
        size_t n;
};

/* SV_USAGE "broker.config.admins". `dir` is put in front of relative paths. *out must be zeroed. */
int sv_broker_admins_parse(const struct sv_json *value, struct sv_bytes text, const char *dir,
                           struct sv_broker_admins *out, struct sv_err *err);
void sv_broker_admins_free(struct sv_broker_admins *a);
/* The member "two_persons", a list of paths below which a change takes two persons. SV_USAGE
 * "broker.config.two-persons". */
int sv_broker_two_persons_parse(const struct sv_json *value, struct sv_bytes text, char ***out,
                                struct sv_err *err);
void sv_broker_paths_free(char **paths);
/* Is the resource one of these, or below one? */
bool sv_broker_is_below(char *const *paths, const char *resource);
/* May it do anything with this resource ("repo/type/tag")? */
bool sv_admin_may_see(const struct sv_admin_key *admin, const char *resource);
/* "operator, author" */
void sv_admin_put_roles(unsigned roles, struct sv_buf *out);
