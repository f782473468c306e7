/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/check.h"

#include <net/if.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/keeper/check-disk.h"
#include "launcher/keeper/fabric-tree.h"
#include "launcher/keeper/fabric.h"
#include "launcher/keeper/functions.h"
#include "launcher/keeper/stage.h"
#include "launcher/keeper/tune-for.h"
#include "launcher/virt/virt-cpu.h"
#include "launcher/virt/virt-dac.h"

#define MIB (1ull << 20)

/* Where the copies will lie, or the nearest folder above that is there. */
static char *find_existing_folder(const char *path)
{
        char *folder = sv_asprintf("%s", path);

        while (access(folder, F_OK) < 0 && strrchr(folder, '/') > folder)
                *strrchr(folder, '/') = 0;
        return folder;
}

static int check_copies_fit(const char *uri, const struct sv_guest *g, uint64_t bytes,
                            struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_STR folder = NULL;
        struct statvfs fs;
        uint64_t room;

        if ((uri ? sv_state_init_daemon : sv_state_init)(&s, g->name, err) < 0)
                return -1;
        folder = find_existing_folder(s.dir);
        if (statvfs(folder, &fs) < 0)
                return 0;
        room = (uint64_t)fs.f_bavail * fs.f_frsize;
        if (room >= bytes)
                return 0;
        return sv_fail(err, SV_SYSTEM, "launch.room",
                       "%s has %llu MiB of room, and the copies of what boots take %llu MiB; free "
                       "some, or set SECURE_VM_DIR to a folder elsewhere",
                       folder, (unsigned long long)(room / MIB),
                       (unsigned long long)((bytes + MIB - 1) / MIB));
}

static int check_boot(const char *uri, const struct sv_launch *l, struct sv_err *err)
{
        uint64_t bytes;

        return sv_stage_check(l->guest, l->tee, &bytes, err) < 0
                       ? -1
                       : check_copies_fit(uri, l->guest, bytes, err);
}

/* The domain with the originals in place of their copies: what the TEE and libvirt do not take. */
static int check_domain(const char *uri, const struct sv_launch *l, struct sv_err *err)
{
        const struct sv_guest *g = l->guest;
        SV_TUNED tuned = {0};
        const struct sv_plan_place place = {.kvm = l->kvm, .tuned = &tuned};
        const struct sv_boot_files originals = {
                .kernel = g->uki ? g->uki : g->kernel,
                .initrd = g->initrd,
                .shim = g->shim,
                .firmware = sv_tee_firmware(l->tee->id, g),
        };
        SV_BUF xml = SV_BUF_NULL;

        if (sv_tune_for(uri, g, l->tee, &tuned, err) < 0)
                return -1;
        return sv_boot_domain(&originals, g, l->tee, &place, &xml, err);
}

static int check_cpu(const char *uri, const struct sv_launch *l, struct sv_err *err)
{
        if (uri || !l->guest->cpu || sv_virt_check_cpu_map("", l->guest->cpu, err) == 0)
                return 0;
        return sv_guest_wrap(l->guest, "/cpu", err);
}

static int (*const checks[])(const char *uri, const struct sv_launch *l, struct sv_err *err) = {
        check_boot,
        check_domain,
        check_cpu,
};

static int check_disks(const struct sv_guest *g, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        bool there, own; /* a QEMU that has the disk may be this guest's, which ends before the
                            launch */
        char at[64];

        if (sv_state_init(&s, g->name, err) < 0)
                return -1;
        own = sv_state_is_locked(&s);
        for (size_t i = 0; i < g->n_disks; i++) {
                snprintf(at, sizeof(at), "/disks/%zu/nvme", i);
                if (g->disks[i].nvme.subsystem &&
                    sv_fabric_check_disk("", g, &g->disks[i], &there, err) < 0)
                        return sv_guest_wrap(g, at, err);
                /* when it is connected, the start looks at it */
                if (g->disks[i].nvme.subsystem && !there)
                        continue;
                snprintf(at, sizeof(at), "/disks/%zu/path", i);
                if (sv_launch_check_disk(g, &g->disks[i], own, err) < 0 ||
                    sv_launch_check_apart(g, i, err) < 0)
                        return sv_guest_wrap(g, at, err);
                snprintf(at, sizeof(at), "/disks/%zu/tuning", i);
                if (sv_tune_check_cache(g, &g->disks[i], err) < 0)
                        return sv_guest_wrap(g, at, err);
        }
        return 0;
}

static int check_bridge(const char *name, struct sv_err *err)
{
        SV_STR bridge = sv_asprintf("/sys/class/net/%s/bridge", name);

        if (!if_nametoindex(name))
                return sv_fail(err, SV_SYSTEM, "virt.network",
                               "this host has no network interface \"%s\": make the bridge, or "
                               "name one that \"ip link show type bridge\" lists",
                               name);
        if (access("/sys/class/net", F_OK) < 0 || access(bridge, F_OK) == 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "virt.network",
                       "%s was expected to be a bridge, found another network interface; \"ip link "
                       "show type bridge\" lists those that there are",
                       name);
}

static int check_cards(const struct sv_launch *l, struct sv_err *err)
{
        const struct sv_guest *g = l->guest;
        char at[64];

        for (size_t i = 0; i < g->n_nics; i++) {
                snprintf(at, sizeof(at), "/nics/%zu/source", i);
                if (!strcmp(g->nics[i].type, "bridge") && check_bridge(g->nics[i].source, err) < 0)
                        return sv_guest_wrap(g, at, err);
                if (sv_functions_check("", g, i, l->tee->id->confidential, err) < 0)
                        return sv_guest_wrap(g, at, err);
        }
        return 0;
}

/* A daemon starts its guests also when none of ours is there to connect anything. */
static int check_connected(const struct sv_guest *g, const struct sv_disk *d, struct sv_err *err)
{
        struct sv_fabric_device at;
        bool there;

        if (!d->nvme.subsystem)
                return 0;
        if (sv_fabric_find_device("", d, &at))
                return sv_fabric_check_disk("", g, d, &there, err);
        return sv_fail(err, SV_SYSTEM, "fabric.daemon",
                       "%s is not connected, and a libvirt daemon connects nothing: have this host "
                       "connect it when it boots (nvmf-autoconnect.service of nvme-cli)",
                       d->nvme.subsystem);
}

static int check_daemon_disks(const struct sv_guest *g, struct sv_err *err)
{
        char at[64];

        for (size_t i = 0; i < g->n_disks; i++) {
                snprintf(at, sizeof(at), "/disks/%zu/nvme", i);
                if (check_connected(g, &g->disks[i], err) < 0)
                        return sv_guest_wrap(g, at, err);
        }
        return 0;
}

/* What a card lets its function do has to be set and taken back on the daemon's host. */
static int check_daemon_cards(const struct sv_guest *g, struct sv_err *err)
{
        char at[64];

        for (size_t i = 0; i < g->n_nics; i++) {
                if (strcmp(g->nics[i].type, "vf") != 0)
                        continue;
                snprintf(at, sizeof(at), "/nics/%zu/type", i);
                sv_fail(err, SV_USAGE, "vf.daemon",
                        "a libvirt daemon gives away functions of its own networks: define one "
                        "with <forward mode='hostdev'> of %s there, and take it as a \"network\"",
                        g->nics[i].source);
                return sv_guest_wrap(g, at, err);
        }
        return 0;
}

int sv_launch_check(const char *uri, const struct sv_launch *l, struct sv_err *err)
{
        for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
                if (checks[i](uri, l, err) < 0)
                        return sv_guest_wrap_check(l->guest, l->tee->id->name, err);
        if (uri && check_daemon_cards(l->guest, err) < 0)
                return -1;
        if (uri)
                return sv_uri_is_here(uri) ? check_daemon_disks(l->guest, err) : 0;
        return check_disks(l->guest, err) < 0 ? -1 : check_cards(l, err);
}
