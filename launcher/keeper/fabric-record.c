/* SPDX-License-Identifier: Apache-2.0 */
/* .nvme: {"boot":"UUID","connections":[{"subsystem":"nqn.…","transport":"tcp",
 * "address":"192.0.2.7","port":4420,"guests":["a","b"]},…]} */
#include "launcher/keeper/fabric-record.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/keeper/state.h"

#define CHECK   "fabric.record"
/* as long as connections of others may take */
#define WAIT_MS 180000

static char *name_file(const char *name)
{
        SV_STR base = sv_state_base();

        return sv_asprintf("%s/%s", base, name);
}

bool sv_fabric_record_is_there(void)
{
        SV_STR path = name_file(".nvme");

        return access(path, F_OK) == 0;
}

int sv_fabric_record_open(const char *root, struct sv_fabric_record *r, struct sv_err *err)
{
        SV_STR base = sv_state_base();
        SV_STR path = name_file(".nvme");
        SV_STR lock = name_file(".nvme-lock");
        SV_STR boot_path = sv_asprintf("%s/proc/sys/kernel/random/boot_id", root);
        SV_BUF boot = SV_BUF_NULL;

        if (sv_mkdirs(base, 0711, err) < 0)
                return -1;
        r->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (r->lock < 0 || sv_fd_lock(r->lock, WAIT_MS) < 0)
                return sv_fail_errno(err, CHECK, "%s", lock);
        if (sv_file_read(boot_path, 64, &boot, CHECK, err) < 0 ||
            sv_state_read_record(path, CHECK, &r->all, err) < 0)
                return -1;
        if (!r->all)
                r->all = sv_json_object();
        boot.n = strcspn(sv_buf_str(&boot), "\n");
        if (strcmp(sv_json_text(r->all, "boot", ""), sv_buf_str(&boot)) != 0 ||
            sv_json_type(sv_json_get(r->all, "connections")) != SV_JSON_ARRAY)
                sv_json_set(r->all, "connections", sv_json_array());
        sv_json_set_str(r->all, "boot", sv_buf_str(&boot));
        return 0;
}

void sv_fabric_record_close(struct sv_fabric_record *r)
{
        sv_json_freep(&r->all);
        sv_closep(&r->lock);
}

static struct sv_json *list_connections(const struct sv_fabric_record *r)
{
        return sv_json_get(r->all, "connections");
}

static struct sv_json *find_connection(const struct sv_fabric_record *r, const struct sv_disk *d,
                                       const struct sv_fabric_address *a)
{
        for (size_t i = 0; i < sv_json_len(list_connections(r)); i++) {
                struct sv_json *c = sv_json_at(list_connections(r), i);

                if (!strcmp(sv_json_text(c, "subsystem", ""), d->nvme.subsystem) &&
                    !strcmp(sv_json_text(c, "transport", ""), d->nvme.transport) &&
                    !strcmp(sv_json_text(c, "address", ""), a->host) &&
                    sv_json_int(sv_json_get(c, "port"), 0) == a->port)
                        return c;
        }
        return NULL;
}

bool sv_fabric_record_has(const struct sv_fabric_record *r, const struct sv_disk *d,
                          const struct sv_fabric_address *a)
{
        return find_connection(r, d, a) != NULL;
}

static void drop_guest(struct sv_json *connection, const char *guest)
{
        const struct sv_json *old = sv_json_get(connection, "guests");
        struct sv_json *left = sv_json_array();

        for (size_t i = 0; i < sv_json_len(old); i++) {
                const char *name = sv_json_str(sv_json_at(old, i));

                if (name && strcmp(name, guest) != 0)
                        sv_json_add(left, sv_json_new_str(name));
        }
        sv_json_set(connection, "guests", left);
}

int sv_fabric_record_use(struct sv_fabric_record *r, const struct sv_disk *d,
                         const struct sv_fabric_address *a, const char *guest, bool new,
                         struct sv_err *err)
{
        struct sv_json *c = find_connection(r, d, a);

        if (!c && !new)
                return 0;
        if (!c) {
                c = sv_json_add(list_connections(r), sv_json_object());
                sv_json_set_str(c, "subsystem", d->nvme.subsystem);
                sv_json_set_str(c, "transport", d->nvme.transport);
                sv_json_set_str(c, "address", a->host);
                sv_json_set_int(c, "port", a->port);
        }
        drop_guest(c, guest);
        sv_json_add(sv_json_get(c, "guests"), sv_json_new_str(guest));
        return sv_fabric_record_write(r, err);
}

int sv_fabric_record_drop(struct sv_fabric_record *r, const struct sv_disk *d,
                          const struct sv_fabric_address *a, const char *guest, struct sv_err *err)
{
        struct sv_json *c = find_connection(r, d, a);

        drop_guest(c, guest);
        if (!sv_json_len(sv_json_get(c, "guests")))
                sv_json_set_bool(c, "gone", true);
        return sv_fabric_record_write(r, err);
}

size_t sv_fabric_record_count(const struct sv_fabric_record *r)
{
        return sv_json_len(list_connections(r));
}

bool sv_fabric_record_end_use(struct sv_fabric_record *r, size_t i, const char *guest,
                              struct sv_disk *d, struct sv_fabric_address *a)
{
        struct sv_json *c = sv_json_at(list_connections(r), i);

        drop_guest(c, guest);
        if (sv_json_len(sv_json_get(c, "guests")))
                return false;
        d->nvme.subsystem = (char *)sv_json_text(c, "subsystem", "");
        d->nvme.transport = (char *)sv_json_text(c, "transport", "");
        snprintf(a->host, sizeof(a->host), "%s", sv_json_text(c, "address", ""));
        a->port = (unsigned)sv_json_int(sv_json_get(c, "port"), 0);
        return true;
}

void sv_fabric_record_remove(struct sv_fabric_record *r, size_t i)
{
        sv_json_set_bool(sv_json_at(list_connections(r), i), "gone", true);
}

int sv_fabric_record_write(struct sv_fabric_record *r, struct sv_err *err)
{
        SV_STR path = name_file(".nvme");
        struct sv_json *left = sv_json_array();

        for (size_t i = 0; i < sv_json_len(list_connections(r)); i++) {
                struct sv_json *c = sv_json_at(list_connections(r), i);

                if (!sv_json_bool(sv_json_get(c, "gone"), false))
                        sv_json_add(left, sv_json_ref(c));
        }
        sv_json_set(r->all, "connections", left);
        if (sv_json_ok(err) < 0)
                return -1;
        return sv_state_write_record(path, CHECK, r->all, !sv_json_len(left), err);
}
