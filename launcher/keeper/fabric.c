/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/fabric.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "launcher/host/fabrics.h"
#include "launcher/keeper/device.h"
#include "launcher/keeper/fabric-record.h"
#include "launcher/keeper/fabric-tree.h"
#include "launcher/tune/kernel-file.h"

/* The kernel looks for namespaces, and udev names them, after the connection. */
#define APPEAR_MS 30000
#define PAUSE_US  50000
/* udev looks once more at a device that somebody has closed. */
#define CLOSED_MS 5000

/* --- by which name --- */

static int fail_link(const struct sv_disk *d, const char *found, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "fabric.link",
                       "%s was expected to be %s of %s, found %s; udev (systemd-udevd) makes that "
                       "name",
                       d->path, d->nvme.namespace, d->nvme.subsystem, found);
}

static bool is_linked(const char *root, const struct sv_disk *d, const struct sv_fabric_device *at)
{
        SV_STR path = sv_asprintf("%s%s", root, d->path);
        struct stat st;

        return stat(path, &st) == 0 && st.st_rdev == at->number;
}

static int check_space_link(const char *root, const struct sv_disk *d,
                            const struct sv_fabric_device *at, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s%s", root, d->path);

        if (is_linked(root, d, at))
                return 0;
        return fail_link(d, access(path, F_OK) < 0 ? "no such name" : "another device", err);
}

int sv_fabric_verify(const char *root, const struct sv_disk *d, int fd, struct sv_err *err)
{
        struct sv_fabric_device at;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return sv_fail_errno(err, "fabric.link", "%s", d->path);
        return sv_fabric_find_device(root, d, &at) && st.st_rdev == at.number
                       ? 0
                       : fail_link(d, "another device", err);
}

/* --- before a launch --- */

static int check_rights(const struct sv_guest *g, const struct sv_disk *d, struct sv_err *err)
{
        if (geteuid() == 0 && g->owner == 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "fabric.rights",
                       "%s is not connected, and root alone connects it, for guest files of its "
                       "own: connect it before (\"nvme connect\")",
                       d->nvme.subsystem);
}

static int check_multipath(const char *root, const struct sv_disk *d, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (d->nvme.n_addresses + d->nvme.n_discovery < 2 ||
            sv_kernel_file_read(root, "/sys/module/nvme_core/parameters/multipath", SV_KERNEL_TEXT,
                                &text, NULL) <= 0 ||
            *sv_buf_str(&text) != 'N')
                return 0;
        return sv_fail(err, SV_SYSTEM, "fabric.multipath",
                       "%s has several addresses, and this kernel makes a disk of each path: "
                       "native multipath is off; \"nvme_core.multipath=Y\" on the kernel's "
                       "command line, or one address",
                       d->nvme.subsystem);
}

/* The caller frees. */
static char *find_host(const char *root, const struct sv_disk *d, struct sv_err *err)
{
        return d->nvme.host ? sv_asprintf("%s", d->nvme.host) : sv_fabric_read_host(root, err);
}

static int check_connectable(const char *root, const struct sv_disk *d, struct sv_err *err)
{
        SV_FABRIC_KEYS keys = {0};
        SV_STR host = NULL;

        if (d->nvme.secret && sv_fabric_read_keys(d->nvme.secret, &keys, err) < 0)
                return -1;
        if (sv_fabric_check(root, d->nvme.secret, err) < 0)
                return -1;
        host = find_host(root, d, err);
        return host ? check_multipath(root, d, err) : -1;
}

int sv_fabric_check_disk(const char *root, const struct sv_guest *g, const struct sv_disk *d,
                         bool *there, struct sv_err *err)
{
        struct sv_fabric_device at;

        *there = sv_fabric_find_device(root, d, &at);
        if (*there)
                return check_space_link(root, d, &at, err);
        return check_rights(g, d, err) < 0 ? -1 : check_connectable(root, d, err);
}

/* --- before a start --- */

struct taking {
        const char *root;
        const char *guest;
        const struct sv_disk *disk;
        struct sv_boot_record *record;
        struct sv_fabric_ask ask;
        struct sv_fabric_address places[2 * SV_NVME_ADDRESSES_MAX];
        size_t n_places, n_taken;
};

/* The kernel shows them to all users of the machine. */
static void hide_keys(const char *root, const char *controller)
{
        static const char *const names[] = {"dhchap_secret", "dhchap_ctrl_secret"};

        for (size_t i = 0; i < 2; i++) {
                SV_STR path = sv_asprintf("%s/sys/class/nvme/%s/%s", root, controller, names[i]);

                if (chmod(path, 0600) < 0 && errno != ENOENT)
                        sv_warn("%s: %s; other users of this machine can read this key", path,
                                strerror(errno));
        }
}

/* The record first: what was connected and is in no record stays for ever. */
static int connect_place(struct taking *t, const struct sv_fabric_address *a, struct sv_err *err)
{
        SV_STR there = sv_fabric_find_controller(t->root, t->disk, a);
        struct sv_err why = SV_ERR_NULL;
        int r;

        if (there) {
                /* who made it for a guest may have been killed before it was hidden */
                if (sv_fabric_record_has(t->record, t->disk, a))
                        hide_keys(t->root, there);
                return sv_fabric_record_use(t->record, t->disk, a, t->guest, false, err);
        }
        if (sv_fabric_record_use(t->record, t->disk, a, t->guest, true, err) < 0)
                return -1;
        t->ask.address = a->host;
        t->ask.port = a->port;
        r = sv_fabric_connect(&t->ask, &why);
        there = sv_fabric_find_controller(t->root, t->disk, a);
        /* somebody else was quicker, as nvme-cli at a boot: theirs, which stays */
        if (there && r == 1)
                return sv_fabric_record_drop(t->record, t->disk, a, t->guest, err);
        if (there) {
                hide_keys(t->root, there);
                return 0;
        }
        if (r >= 0)
                sv_fail(&why, SV_SYSTEM, "fabric.connect",
                        "%s at %s, port %u: the path is not there", t->disk->nvme.subsystem,
                        a->host, a->port);
        if (sv_fabric_record_drop(t->record, t->disk, a, t->guest, err) < 0)
                return -1;
        *err = why;
        return -1;
}

static void add_place(struct taking *t, const struct sv_fabric_address *a)
{
        for (size_t i = 0; i < t->n_places; i++)
                if (t->places[i].port == a->port && !strcmp(t->places[i].host, a->host))
                        return;
        if (t->n_places < sizeof(t->places) / sizeof(t->places[0]))
                t->places[t->n_places++] = *a;
}

static int discover_places(struct taking *t, const struct sv_fabric_address *service,
                           struct sv_err *err)
{
        struct sv_fabric_place found[SV_NVME_ADDRESSES_MAX];
        size_t n;

        t->ask.address = service->host;
        t->ask.port = service->port;
        if (sv_fabric_discover(&t->ask, found, SV_NVME_ADDRESSES_MAX, &n, err) < 0)
                return -1;
        for (size_t i = 0; i < n; i++) {
                struct sv_fabric_address a = {.port = found[i].port};

                memcpy(a.host, found[i].address, sizeof(a.host));
                add_place(t, &a);
        }
        return 0;
}

/* What failed and was not needed is a warning; the first of it is the reason when nothing is left.
 */
static void keep_reason(const struct sv_err *why, struct sv_err *first)
{
        if (!first->class)
                *first = *why;
}

static void find_places(struct taking *t, struct sv_err *first)
{
        struct sv_err why = SV_ERR_NULL;
        struct sv_fabric_address a;

        for (size_t i = 0; i < t->disk->nvme.n_addresses; i++)
                if (sv_fabric_address_read(t->disk->nvme.addresses[i], SV_NVME_PORT, &a))
                        add_place(t, &a);
        for (size_t i = 0; i < t->disk->nvme.n_discovery; i++)
                if (sv_fabric_address_read(t->disk->nvme.discovery[i], SV_NVME_DISCOVERY_PORT,
                                           &a) &&
                    discover_places(t, &a, &why) < 0)
                        keep_reason(&why, first);
}

static int connect_places(struct taking *t, struct sv_err *err)
{
        struct sv_err first = SV_ERR_NULL, why = SV_ERR_NULL;

        find_places(t, &first);
        for (size_t i = 0; i < t->n_places; i++)
                if (connect_place(t, &t->places[i], &why) < 0)
                        keep_reason(&why, &first);
                else
                        t->n_taken++;
        if (t->n_taken && first.class)
                sv_warn("disk %s has %zu of its paths: %s", t->disk->id, t->n_taken, first.msg);
        if (!t->n_taken)
                *err = first;
        return t->n_taken ? 0 : -1;
}

static int wait_for_device(const struct taking *t, struct sv_err *err)
{
        int64_t end = sv_clock_ms() + APPEAR_MS;
        struct sv_fabric_device at;
        SV_BUF shown = SV_BUF_NULL;
        bool found = false;

        while (!(found = sv_fabric_find_device(t->root, t->disk, &at)) ||
               !is_linked(t->root, t->disk, &at)) {
                if (sv_clock_ms() > end)
                        break;
                usleep(PAUSE_US);
        }
        if (found)
                return check_space_link(t->root, t->disk, &at, err);
        sv_fabric_list_namespaces(t->root, t->disk, &shown);
        return sv_fail(err, SV_SYSTEM, "fabric.namespace",
                       "%s has no namespace %s for this host; it shows %s", t->disk->nvme.subsystem,
                       t->disk->nvme.namespace, shown.n ? sv_buf_str(&shown) : "none");
}

static int take_disk(const char *root, const struct sv_state *s, const struct sv_guest *g,
                     const struct sv_disk *d, struct sv_boot_record *record, struct sv_err *err)
{
        SV_FABRIC_KEYS keys = {0};
        SV_STR host = NULL;
        struct taking t = {.root = root, .guest = s->name, .disk = d, .record = record};
        struct sv_fabric_device at;

        /* without the rights, what is there is used */
        if (geteuid() != 0 || g->owner != 0)
                return sv_fabric_find_device(root, d, &at) ? check_space_link(root, d, &at, err)
                                                           : check_rights(g, d, err);
        if (d->nvme.secret && sv_fabric_read_keys(d->nvme.secret, &keys, err) < 0)
                return -1;
        host = find_host(root, d, err);
        if (!host || sv_fabric_check(root, d->nvme.secret, err) < 0)
                return -1;
        t.ask = (struct sv_fabric_ask){.subsystem = d->nvme.subsystem,
                                       .transport = d->nvme.transport,
                                       .host = host,
                                       .keys = d->nvme.secret ? &keys : NULL};
        return connect_places(&t, err) < 0 ? -1 : wait_for_device(&t, err);
}

static bool has_fabric(const struct sv_guest *g)
{
        for (size_t i = 0; i < g->n_disks; i++)
                if (g->disks[i].nvme.subsystem)
                        return true;
        return false;
}

static int release_guest(const char *root, struct sv_boot_record *r, const char *guest,
                         struct sv_err *err);

int sv_fabric_take(const char *root, const struct sv_state *s, const struct sv_guest *g,
                   struct sv_err *err)
{
        SV_BOOT_RECORD record = SV_BOOT_RECORD_NULL;
        char at[64];

        if (!has_fabric(g))
                return 0;
        if (sv_fabric_record_open(root, &record, err) < 0)
                return -1;
        for (size_t i = 0; i < g->n_disks; i++) {
                if (!g->disks[i].nvme.subsystem ||
                    take_disk(root, s, g, &g->disks[i], &record, err) == 0)
                        continue;
                snprintf(at, sizeof(at), "/disks/%zu/nvme", i);
                release_guest(root, &record, s->name, NULL);
                return sv_guest_wrap(g, at, err);
        }
        return 0;
}

/* --- afterwards --- */

static bool is_held(dev_t number, const char *name)
{
        int64_t end = sv_clock_ms() + CLOSED_MS;

        while (sv_device_has_user(number)) {
                if (sv_clock_ms() > end)
                        return true;
                usleep(PAUSE_US);
        }
        return sv_device_is_claimed(name);
}

/* 1: it is gone, or was before. */
static int disconnect(const char *root, const struct sv_disk *d, const struct sv_fabric_address *a,
                      struct sv_err *err)
{
        SV_STR controller = sv_fabric_find_controller(root, d, a);
        SV_STR path = NULL;

        if (!controller)
                return 1;
        path = sv_asprintf("/sys/class/nvme/%s/delete_controller", controller);
        if (sv_fabric_any_device(root, d->nvme.subsystem, is_held))
                return 0;
        return sv_kernel_file_write(root, path, "1") < 0
                       ? sv_fail_errno(err, "fabric.disconnect", "%s%s", root, path)
                       : 1;
}

static int release_guest(const char *root, struct sv_boot_record *r, const char *guest,
                         struct sv_err *err)
{
        int result = 0;

        for (size_t i = sv_fabric_record_count(r); i-- > 0;) {
                struct sv_fabric_address a;
                struct sv_disk d = {0};
                int gone;

                if (!sv_fabric_record_end_use(r, i, guest, &d, &a))
                        continue;
                gone = disconnect(root, &d, &a, result < 0 ? NULL : err);
                if (gone == 1)
                        sv_fabric_record_remove(r, i);
                if (gone < 0)
                        result = -1;
        }
        return sv_boot_record_write(r, result < 0 ? NULL : err) < 0 ? -1 : result;
}

int sv_fabric_release(const char *root, const struct sv_state *s, struct sv_err *err)
{
        SV_BOOT_RECORD record = SV_BOOT_RECORD_NULL;

        if (!sv_fabric_record_is_there())
                return 0;
        if (sv_fabric_record_open(root, &record, err) < 0)
                return -1;
        return release_guest(root, &record, s->name, err);
}

void sv_fabric_put_status(const char *root, struct sv_json *disk)
{
        const char *subsystem = sv_json_text(sv_json_get(disk, "nvme"), "subsystem", NULL);

        if (subsystem)
                sv_fabric_put_paths(
                        root, subsystem,
                        sv_json_set(sv_json_get(disk, "nvme"), "paths", sv_json_array()));
}
