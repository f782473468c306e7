/* SPDX-License-Identifier: Apache-2.0 */
/* .nvme: {"boot":"UUID","connections":[{"subsystem":"nqn.…","transport":"tcp",
 * "address":"192.0.2.7","port":4420,"guests":["a","b"]},…]} */
#include "launcher/keeper/fabric-record.h"

#include <stdio.h>
#include <string.h>

#define FILE_NAME ".nvme"

bool sv_fabric_record_is_there(void)
{
        return sv_boot_record_is_there(FILE_NAME);
}

int sv_fabric_record_open(const char *root, struct sv_boot_record *r, struct sv_err *err)
{
        return sv_boot_record_open(root, FILE_NAME, "connections", "fabric.record", r, err);
}

static struct sv_json *find_connection(const struct sv_boot_record *r, const struct sv_disk *d,
                                       const struct sv_fabric_address *a)
{
        for (size_t i = 0; i < sv_json_len(r->rows); i++) {
                struct sv_json *c = sv_json_at(r->rows, i);

                if (!strcmp(sv_json_text(c, "subsystem", ""), d->nvme.subsystem) &&
                    !strcmp(sv_json_text(c, "transport", ""), d->nvme.transport) &&
                    !strcmp(sv_json_text(c, "address", ""), a->host) &&
                    sv_json_int(sv_json_get(c, "port"), 0) == a->port)
                        return c;
        }
        return NULL;
}

bool sv_fabric_record_has(const struct sv_boot_record *r, const struct sv_disk *d,
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

int sv_fabric_record_use(struct sv_boot_record *r, const struct sv_disk *d,
                         const struct sv_fabric_address *a, const char *guest, bool new,
                         struct sv_err *err)
{
        struct sv_json *c = find_connection(r, d, a);

        if (!c && !new)
                return 0;
        if (!c) {
                c = sv_json_add(r->rows, sv_json_object());
                sv_json_set_str(c, "subsystem", d->nvme.subsystem);
                sv_json_set_str(c, "transport", d->nvme.transport);
                sv_json_set_str(c, "address", a->host);
                sv_json_set_int(c, "port", a->port);
        }
        drop_guest(c, guest);
        sv_json_add(sv_json_get(c, "guests"), sv_json_new_str(guest));
        return sv_boot_record_write(r, err);
}

int sv_fabric_record_drop(struct sv_boot_record *r, const struct sv_disk *d,
                          const struct sv_fabric_address *a, const char *guest, struct sv_err *err)
{
        struct sv_json *c = find_connection(r, d, a);

        drop_guest(c, guest);
        if (!sv_json_len(sv_json_get(c, "guests")))
                sv_boot_record_remove(c);
        return sv_boot_record_write(r, err);
}

size_t sv_fabric_record_count(const struct sv_boot_record *r)
{
        return sv_json_len(r->rows);
}

bool sv_fabric_record_end_use(struct sv_boot_record *r, size_t i, const char *guest,
                              struct sv_disk *d, struct sv_fabric_address *a)
{
        struct sv_json *c = sv_json_at(r->rows, i);

        drop_guest(c, guest);
        if (sv_json_len(sv_json_get(c, "guests")))
                return false;
        d->nvme.subsystem = (char *)sv_json_text(c, "subsystem", "");
        d->nvme.transport = (char *)sv_json_text(c, "transport", "");
        snprintf(a->host, sizeof(a->host), "%s", sv_json_text(c, "address", ""));
        a->port = (unsigned)sv_json_int(sv_json_get(c, "port"), 0);
        return true;
}

void sv_fabric_record_remove(struct sv_boot_record *r, size_t i)
{
        sv_boot_record_remove(sv_json_at(r->rows, i));
}
