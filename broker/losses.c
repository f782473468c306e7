/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/losses.h"

#include <errno.h>
#include <unistd.h>

/* Everything that the database has must be in the backup too. */
static int compare_versions(struct sv_store *s, struct sv_store *backup, const char *path,
                            struct sv_err *err)
{
        SV_JSON *have = sv_json_array();

        if (s->ops->list_versions(s, path, have, err) < 0)
                return -1;
        for (size_t k = 0; k < sv_json_len(have); k++) {
                int64_t n = sv_json_int(sv_json_get(sv_json_at(have, k), "version"), 0);
                SV_BUF ours = SV_BUF_NULL, theirs = SV_BUF_NULL;

                if (s->ops->get_resource(s, path, n, &ours, err) < 0)
                        return -1;
                if (backup->ops->get_resource(backup, path, n, &theirs, NULL) == 0 &&
                    sv_bytes_eq(sv_buf_bytes(&ours), sv_buf_bytes(&theirs)))
                        continue;
                return sv_fail(err, SV_USAGE, "broker.restore.loses",
                               "the database has version %lld of %s, which the backup does not "
                               "have: make a backup first, then say --replace",
                               (long long)n, path);
        }
        return 0;
}

/* A count that was put, or put anew, after the backup would be none, or another. */
static int compare_counts(struct sv_store *s, struct sv_store *backup, const char *path,
                          struct sv_err *err)
{
        struct sv_settings ours, theirs;

        if (s->ops->get_settings(s, path, &ours, err) < 0 ||
            backup->ops->get_settings(backup, path, &theirs, err) < 0)
                return -1;
        if (ours.most == theirs.most)
                return 0;
        return sv_fail(err, SV_USAGE, "broker.restore.loses",
                       "the database lets %s be released %lld times and the backup %lld (0: any "
                       "number): make a backup first, then say --replace, and \"key set "
                       "--releases\" afterwards",
                       path, (long long)ours.most, (long long)theirs.most);
}

static int64_t find_generation(const struct sv_json *list, const char *name)
{
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const struct sv_json *row = sv_json_at(list, i);
                const char *is = sv_json_str(sv_json_get(row, "name"));

                if (is && !strcmp(is, name))
                        return sv_json_int(sv_json_get(row, "generation"), 0);
        }
        return 0;
}

/* An older generation would count again, also of one that was removed since. */
static int compare_references(struct sv_store *s, struct sv_store *backup, struct sv_err *err)
{
        SV_JSON *ours = sv_json_array(), *theirs = sv_json_array();

        if (s->ops->list_references(s, true, ours, err) < 0 ||
            backup->ops->list_references(backup, true, theirs, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(ours); i++) {
                const char *name = sv_json_str(sv_json_get(sv_json_at(ours, i), "name"));
                int64_t have = sv_json_int(sv_json_get(sv_json_at(ours, i), "generation"), 0);
                int64_t has = find_generation(theirs, name);

                if (have > has)
                        return sv_fail(err, SV_USAGE, "broker.restore.loses",
                                       "the database has had generation %lld of reference set %s "
                                       "and the backup %lld (0: none): make a backup first, then "
                                       "say --replace, and put the newest anew afterwards",
                                       (long long)have, name, (long long)has);
        }
        return 0;
}

int sv_losses_compare(struct sv_store *s, void *backup, struct sv_err *err)
{
        SV_JSON *list = sv_json_array();

        if (s->ops->list_resources(s, NULL, list, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *path = sv_json_str(sv_json_get(sv_json_at(list, i), "path"));

                if (compare_versions(s, backup, path, err) < 0 ||
                    compare_counts(s, backup, path, err) < 0)
                        return -1;
        }
        return compare_references(s, backup, err);
}

/* `s` may be NULL, no database: then all are added. */
static int count_policies(struct sv_store *s, struct sv_store *backup,
                          struct sv_policy_changes *out, struct sv_err *err)
{
        SV_JSON *ours = sv_json_array(), *theirs = sv_json_array();
        struct sv_policy_changes n = {.known = true};

        if ((s && s->ops->list_policies(s, ours, err) < 0) ||
            backup->ops->list_policies(backup, theirs, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(ours); i++) {
                const char *path = sv_json_str(sv_json_at(ours, i));
                SV_BUF before = SV_BUF_NULL, after = SV_BUF_NULL;

                if (s->ops->get_policy(s, path, &before, err) < 0)
                        return -1;
                if (backup->ops->get_policy(backup, path, &after, NULL) < 0)
                        n.lost++;
                else if (!sv_bytes_eq(sv_buf_bytes(&before), sv_buf_bytes(&after)))
                        n.changed++;
        }
        n.added = (int64_t)sv_json_len(theirs) - ((int64_t)sv_json_len(ours) - n.lost);
        *out = n;
        return 0;
}

static int compare_databases(const char *database, struct sv_store *backup, bool replace,
                             struct sv_policy_changes *policies, struct sv_err *err)
{
        /* What is in it counts here also when nobody would believe it any more. */
        const struct sv_store_place place = {.path = database};
        SV_STORE *s = NULL;

        int there = sv_store_exists(database, err);

        if (there <= 0)
                return there < 0 ? -1 : count_policies(NULL, backup, policies, err);
        if (sv_store_open(&place, &s, err) < 0 ||
            (!replace && sv_losses_compare(s, backup, err) < 0))
                return -1;
        return count_policies(s, backup, policies, err);
}

int sv_losses_check(const char *database, struct sv_store *backup, bool replace,
                    struct sv_policy_changes *policies, struct sv_err *err)
{
        *policies = (struct sv_policy_changes){.known = false};
        if (!replace)
                return compare_databases(database, backup, false, policies, err);
        compare_databases(database, backup, true, policies, NULL);
        return 0;
}
