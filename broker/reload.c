/* SPDX-License-Identifier: Apache-2.0 */
/* What may change while the broker serves. It is read whole, and the old stays in use until all of
 * it is found to be good; the TLS key is read by the network's process alone (broker/serve/net.c).
 */
#include <time.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/broker.h"

int sv_broker_record(const struct sv_broker *b, struct sv_store *store, struct sv_json *record,
                     struct sv_buf *line, struct sv_err *err)
{
        int64_t now = time(NULL);
        struct sv_audit_link link;
        char when[32];

        sv_json_set_str(record, "time", sv_format_time(now, when));
        if (store->ops->put_audit(store, now, record, 0, &link, err) < 0)
                return -1;
        sv_audit_note_link(record, &link);
        sv_json_print(record, line);
        sv_buf_puts(line, "\n");
        if (sv_buf_ok(line, "the audit record", err) < 0)
                return -1;
        return b->audit_fd < 0 ? 0
                               : sv_fd_write(b->audit_fd, "the audit log", sv_buf_bytes(line), err);
}

static int check_fixed(const struct sv_broker *b, const struct sv_broker *fresh, struct sv_err *err)
{
        const char *name = sv_broker_config_fixed(&b->config, &fresh->config);

        if (!name)
                return 0;
        return sv_fail(err, SV_USAGE, "broker.reload.fixed",
                       "\"%s\" has changed, which takes a new start of the broker", name);
}

int sv_broker_prepare_reload(const struct sv_broker *b, struct sv_broker *fresh, struct sv_err *err)
{
        if (sv_broker_open(b->config_path, fresh, err) < 0 || check_fixed(b, fresh, err) < 0)
                return -1;
        return sv_broker_read_admins(fresh, err);
}

static int add_digest(struct sv_json *list, const struct sv_key *key, struct sv_err *err)
{
        SV_BUF der = SV_BUF_NULL;
        char hex[65];

        if (sv_key_spki(key, &der, err) < 0 || sv_sha256_hex(sv_buf_bytes(&der), hex, err) < 0)
                return -1;
        sv_json_add(list, sv_json_new_str(hex));
        return 0;
}

/* One list for each administrator; null: all paths. */
static void add_paths(struct sv_json *list, char *const *paths)
{
        struct sv_json *own = sv_json_add(list, paths ? sv_json_array() : NULL);

        for (; paths && *paths; paths++)
                sv_json_add(own, sv_json_new_str(*paths));
}

/* Who may administer from now on, and what guests must pin. */
static int write_reload(const struct sv_broker *fresh, struct sv_store *store, struct sv_buf *line,
                        struct sv_err *err)
{
        SV_JSON *j = sv_json_object();
        struct sv_json *admins = sv_json_array(), *names, *roles, *paths;
        char hex[65];

        sv_json_set_str(j, "action", "reload");
        sv_json_set_str(j, "outcome", "done");
        sv_json_set(j, "admins", admins);
        names = sv_json_set(j, "names", sv_json_array());
        roles = sv_json_set(j, "roles", sv_json_array());
        paths = sv_json_set(j, "paths", sv_json_array());
        for (size_t i = 0; i < fresh->admins.n; i++) {
                const char *name = fresh->admins.list[i].name;
                SV_BUF text = SV_BUF_NULL;

                if (add_digest(admins, fresh->admins.list[i].key, err) < 0)
                        return -1;
                sv_json_add(names, name ? sv_json_new_str(name) : NULL);
                sv_admin_put_roles(fresh->admins.list[i].roles, &text);
                sv_json_add(roles, sv_json_new_str(sv_buf_str(&text)));
                add_paths(paths, fresh->admins.list[i].paths);
        }
        if (fresh->config.two_persons)
                add_paths(sv_json_set(j, "two_persons", sv_json_array()),
                          fresh->config.two_persons);
        sv_json_set_str(j, "pin", sv_hex(sv_bytes(fresh->pin, sizeof(fresh->pin)), hex));
        return sv_broker_record(fresh, store, j, line, err);
}

int sv_broker_record_reload(struct sv_broker *b, const struct sv_broker *fresh, struct sv_err *err)
{
        const struct sv_store_place place = sv_broker_place(b);
        SV_BUF line = SV_BUF_NULL;
        SV_STORE *store = NULL;

        if (sv_store_open(&place, &store, err) < 0)
                return -1;
        if (store->ops->hold(store, true, err) < 0)
                return -1;
        if (write_reload(fresh, store, &line, err) < 0) {
                store->ops->settle(store, false, NULL);
                return -1;
        }
        if (store->ops->settle(store, true, err) < 0)
                return -1;
        sv_fd_write(STDERR_FILENO, "stderr", sv_buf_bytes(&line), NULL);
        return 0;
}

void sv_broker_take_reload(struct sv_broker *b, struct sv_broker *fresh)
{
        const struct sv_broker_config config = b->config;
        const struct sv_admin_keys admins = b->admins;
        int audit_fd = b->audit_fd;

        b->config = fresh->config;
        b->admins = fresh->admins;
        b->audit_fd = fresh->audit_fd;
        b->owner = fresh->owner;
        memcpy(b->pin, fresh->pin, sizeof(b->pin));
        fresh->config = config;
        fresh->admins = admins;
        fresh->audit_fd = audit_fd;
}
