/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of a guest of a daemon, which may keep its memory. The daemon is libvirt's own for tests.
 */
#include <dlfcn.h>

#include "base/core/file.h"
#include "launcher/keeper/keeper-disks.h"
#include "launcher/virt/virt-int.h"
#include "tests/unit/unit.h"

#define URI "test:///default"

static struct sv_err err;
static char g_name[] = "test", disk_id[] = "root", dir[32] = "/tmp/svdaemonXXXXXX", path[40];
static struct sv_disk disk = {.id = disk_id, .path = path};
static struct sv_guest guest = {.file = g_name, .name = g_name, .disks = &disk, .n_disks = 1};
static unsigned called, undefined_with;

static int count_call(void *arg, struct sv_err *e)
{
        called++;
        return 0;
}

/* The tests' driver knows neither firmware nor TPM. */
static int undefine(virDomainPtr dom, unsigned flags)
{
        void *libvirt = dlopen("libvirt.so.0", RTLD_NOW);
        typeof(virDomainUndefineFlags) *real = dlsym(libvirt, "virDomainUndefineFlags");

        undefined_with = flags;
        return real(dom, flags & VIR_DOMAIN_UNDEFINE_MANAGED_SAVE);
}

static void save_memory(struct sv_virt *v)
{
        void *libvirt = dlopen("libvirt.so.0", RTLD_NOW);
        typeof(virDomainManagedSave) *save = dlsym(libvirt, "virDomainManagedSave");

        assert_int_equal(save(v->dom, 0), 0);
}

static int set_up(void **state)
{
        FILE *f;

        assert_non_null(mkdtemp(dir));
        setenv("SECURE_VM_DIR", dir, 1);
        snprintf(path, sizeof(path), "%s/a", dir);
        f = fopen(path, "w");
        assert_non_null(f);
        return fclose(f);
}

static int tear_down(void **state)
{
        return sv_remove_tree(dir, NULL);
}

static void saved_memory_keeps_its_disks(void **state)
{
        SV_VIRT *v = NULL;

        OK(sv_virt_open(URI, &v, &err));
        vir.DomainUndefineFlags = undefine;
        OK(sv_virt_lookup(v, g_name, &err));
        FAILS(sv_disks_while_off_under_daemon(URI, &guest, count_call, NULL, &err), SV_USAGE,
              "snapshot.running");
        save_memory(v);
        FAILS(sv_disks_while_off_under_daemon(URI, &guest, count_call, NULL, &err), SV_USAGE,
              "virt.saved");
        assert_int_equal(called, 0);
        OK(sv_virt_undefine(v, &err));
        assert_int_equal(undefined_with, VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_TPM |
                                                 VIR_DOMAIN_UNDEFINE_MANAGED_SAVE);
        OK(sv_disks_while_off_under_daemon(URI, &guest, count_call, NULL, &err));
        assert_int_equal(called, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(saved_memory_keeps_its_disks),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
