/* SPDX-License-Identifier: Apache-2.0 */
/* The member "admins" of the configuration:
 *
 *      [{"name": "alice", "key": "alice.pub", "roles": ["operator", "auditor"],
 *        "paths": ["tenant-a"]}, ...]
 *
 * and "two_persons", ["tenant-a", ...]: below these paths a change takes two of them. */
#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/admins.h"

static const struct {
        const char *name;
        unsigned role;
} roles[] = {{"operator", SV_ROLE_OPERATOR},
             {"author", SV_ROLE_AUTHOR},
             {"auditor", SV_ROLE_AUDITOR},
             {"signer", SV_ROLE_SIGNER}};
#define N_ROLES (sizeof(roles) / sizeof(*roles))

void sv_broker_paths_free(char **paths)
{
        for (size_t i = 0; paths && paths[i]; i++)
                free(paths[i]);
        free(paths);
}

void sv_broker_admins_free(struct sv_broker_admins *a)
{
        for (size_t i = 0; i < a->n; i++) {
                free(a->list[i].key);
                free(a->list[i].name);
                sv_broker_paths_free(a->list[i].paths);
        }
        free(a->list);
        *a = (struct sv_broker_admins){0};
}

void sv_admin_put_roles(unsigned set, struct sv_buf *out)
{
        const char *before = "";

        for (size_t i = 0; i < N_ROLES; i++) {
                if (!(set & roles[i].role))
                        continue;
                sv_buf_printf(out, "%s%s", before, roles[i].name);
                before = ", ";
        }
}

bool sv_broker_is_below(char *const *paths, const char *resource)
{
        for (char *const *p = paths; p && *p; p++) {
                size_t n = strlen(*p);

                if (!strncmp(resource, *p, n) && (!resource[n] || resource[n] == '/'))
                        return true;
        }
        return false;
}

bool sv_admin_may_see(const struct sv_admin_key *admin, const char *resource)
{
        return !admin->paths || sv_broker_is_below(admin->paths, resource);
}

static int fail_admins(struct sv_bytes text, size_t n, const char *what, struct sv_err *err)
{
        SV_STR pointer = sv_asprintf("/admins/%zu", n);

        return sv_fail(err, SV_USAGE, "broker.config.admins", "line %u: %s",
                       sv_json_line(text, pointer), what);
}

static unsigned find_role(const char *name)
{
        for (size_t i = 0; name && i < N_ROLES; i++)
                if (!strcmp(name, roles[i].name))
                        return roles[i].role;
        return 0;
}

static int take_roles(const struct sv_json *list, struct sv_bytes text, size_t n, unsigned *out,
                      struct sv_err *err)
{
        if (sv_json_type(list) != SV_JSON_ARRAY || !sv_json_len(list))
                return fail_admins(text, n,
                                   "\"roles\" must be a list of operator, author, auditor, signer",
                                   err);
        for (size_t i = 0; i < sv_json_len(list); i++) {
                unsigned role = find_role(sv_json_str(sv_json_at(list, i)));

                if (!role)
                        return fail_admins(text, n,
                                           "a role is one of operator, author, auditor and signer",
                                           err);
                *out |= role;
        }
        return 0;
}

/* The beginning of a resource's path, in whole names: with the names that are left out it is one.
 */
static bool is_path_of_resources(const char *path)
{
        static const char *const rest[] = {"", "/x", "/x/x"};

        for (size_t i = 0; i < 3; i++) {
                SV_STR whole = sv_asprintf("%s%s", path, rest[i]);

                if (sv_resource_ok(sv_bytes_str(whole)))
                        return true;
        }
        return false;
}

/* NULL: there are none. What is wrong with the list, or NULL. */
static const char *copy_paths(const struct sv_json *list, char ***out)
{
        size_t many = sv_json_len(list);

        if (sv_json_type(list) != SV_JSON_ARRAY || !many || many > SV_ADMIN_PATHS_MAX)
                return "the paths must be a list of 1 to " SV_STRING(
                        SV_ADMIN_PATHS_MAX) " paths; "
                                            "left out, all resources are meant (none by "
                                            "\"two_persons\")";
        *out = calloc(many + 1, sizeof(**out));
        for (size_t i = 0; *out && i < many; i++) {
                const char *path = sv_json_str(sv_json_at(list, i));

                if (!path || !is_path_of_resources(path))
                        return "a path is REPOSITORY, REPOSITORY/TYPE or REPOSITORY/TYPE/TAG, "
                               "without a slash at its end";
                (*out)[i] = sv_asprintf("%s", path);
        }
        return *out ? NULL : "there is no memory for the paths";
}

static int take_paths(const struct sv_json *list, struct sv_bytes text, size_t n, char ***out,
                      struct sv_err *err)
{
        const char *wrong = list ? copy_paths(list, out) : NULL;

        return wrong ? fail_admins(text, n, wrong, err) : 0;
}

int sv_broker_two_persons_parse(const struct sv_json *value, struct sv_bytes text, char ***out,
                                struct sv_err *err)
{
        const char *wrong = value ? copy_paths(value, out) : NULL;

        return wrong ? sv_fail(err, SV_USAGE, "broker.config.two-persons", "line %u: %s",
                               sv_json_line(text, "/two_persons"), wrong)
                     : 0;
}

static int take_admin(const struct sv_json *value, struct sv_bytes text, const char *dir, size_t n,
                      struct sv_broker_admin *out, struct sv_err *err)
{
        static const char *const names[] = {"name", "key", "roles", "paths", NULL};
        const char *key = sv_json_str(sv_json_get(value, "key"));
        const char *name = sv_json_str(sv_json_get(value, "name"));

        if (sv_json_type(value) != SV_JSON_OBJECT || !key || !*key)
                return fail_admins(text, n,
                                   "an administrator is an object with \"key\", the path of a "
                                   "public key, and \"roles\"",
                                   err);
        if (sv_json_only(value, names, "broker.config.admins", err) < 0) {
                if (err)
                        err->class = SV_USAGE;
                return -1;
        }
        /* null is no member to a reader, and would be all resources */
        if (!sv_json_get(value, "paths") && sv_json_len(value) > (name ? 3u : 2u))
                return fail_admins(text, n,
                                   "\"paths\" or \"name\" is null, or the name no text: leave out "
                                   "paths when all resources are meant",
                                   err);
        if ((sv_json_get(value, "name") && !name) || (name && !sv_name_ok(name)))
                return fail_admins(text, n,
                                   "\"name\" is a person's: letters, digits, '.', '_', '-'", err);
        out->name = name ? sv_asprintf("%s", name) : NULL;
        out->key = *key == '/' ? sv_asprintf("%s", key) : sv_asprintf("%s/%s", dir, key);
        if (take_roles(sv_json_get(value, "roles"), text, n, &out->roles, err) < 0)
                return -1;
        return take_paths(sv_json_get(value, "paths"), text, n, &out->paths, err);
}

int sv_broker_admins_parse(const struct sv_json *value, struct sv_bytes text, const char *dir,
                           struct sv_broker_admins *out, struct sv_err *err)
{
        __attribute__((cleanup(sv_broker_admins_free))) struct sv_broker_admins a = {0};
        size_t n = sv_json_len(value);

        if (!value)
                return 0;
        if (sv_json_type(value) != SV_JSON_ARRAY || n > SV_ADMIN_KEYS_MAX)
                return sv_fail(err, SV_USAGE, "broker.config.admins",
                               "line %u: \"admins\" must be a list of at most %d administrators",
                               sv_json_line(text, "/admins"), SV_ADMIN_KEYS_MAX);
        a.list = calloc(n + 1, sizeof(*a.list));
        if (!a.list)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the administrators");
        for (; a.n < n; a.n++)
                if (take_admin(sv_json_at(value, a.n), text, dir, a.n, &a.list[a.n], err) < 0) {
                        a.n++; /* what it took is freed, too */
                        return -1;
                }
        *out = a;
        a = (struct sv_broker_admins){0};
        return 0;
}
