/* SPDX-License-Identifier: Apache-2.0 */
/* A newer program brings a database to its version by itself; an older one refuses it. This is the
 * way back. */
#include "broker/cmd-migrate.h"

#include <stdio.h>
#include <time.h>

#include "base/core/text.h"
#include "broker/broker.h"
#include "broker/cmd-audit.h"

const struct sv_opt sv_migrate_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {"to", "VERSION", "bring the database back to this version, for an older program", 0,
         false},
        {NULL, NULL, NULL, 0, false},
};

/* With its record, or not at all. */
static int go_back_recorded(struct sv_broker *b, int64_t from, int64_t to, struct sv_err *err)
{
        struct sv_store *store = b->store;
        SV_JSON *j = sv_json_object();
        SV_BUF line = SV_BUF_NULL;

        sv_json_set_str(j, "action", "migrate");
        sv_json_set_str(j, "outcome", "done");
        sv_json_set_int(j, "from", from);
        sv_json_set_int(j, "to", to);
        if (store->ops->hold(store, true, err) < 0)
                return -1;
        if (sv_broker_record(b, store, j, &line, err) < 0 ||
            store->ops->go_back(store, to, err) < 0) {
                store->ops->settle(store, false, NULL);
                return -1;
        }
        return store->ops->settle(store, true, err);
}

int sv_run_migrate(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *config, *wanted = sv_opt(args, "to");
        SV_BROKER b = {.audit_fd = -1};
        struct sv_store_version version;
        uint64_t to = 0;

        if (sv_need_option(args, "config", &config, err) < 0 ||
            (wanted && sv_parse_u64(wanted, INT32_MAX, &to, "cli.option", err) < 0) ||
            sv_broker_open(config, &b, err) < 0 || sv_broker_enter(&b, err) < 0 ||
            b.store->ops->show_version(b.store, &version, err) < 0)
                return -1;
        if (wanted && go_back_recorded(&b, version.now, (int64_t)to, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_int(*result, "version", wanted ? (int64_t)to : version.now);
        sv_json_set_int(*result, "lowest", version.lowest);
        if (!sv_has(args, "json"))
                printf("the database has version %lld, and can be brought back to %lld\n",
                       wanted ? (long long)to : (long long)version.now, (long long)version.lowest);
        return 0;
}
