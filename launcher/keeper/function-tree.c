/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/function-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/tune/kernel-file.h"

#define PCI    "/sys/bus/pci"
#define IFF_UP 1u
#define BRIDGE "0x0604" /* the class of a bridge between buses, which the host keeps */

bool sv_function_count(const char *root, const char *card, unsigned *now, unsigned *most)
{
        SV_STR has = sv_asprintf("/sys/class/net/%s/device/sriov_numvfs", card);
        SV_STR can = sv_asprintf("/sys/class/net/%s/device/sriov_totalvfs", card);
        long long n = sv_kernel_file_number(root, has, -1),
                  max = sv_kernel_file_number(root, can, -1);

        *now = (unsigned)n;
        *most = (unsigned)max;
        return n >= 0 && max > 0;
}

/* The last name of what a link leads to; "" when there is none. */
static void read_link_end(const char *root, const char *path, char *out, size_t size)
{
        SV_STR full = sv_asprintf("%s%s", root, path);
        char to[4096];
        ssize_t n = readlink(full, to, sizeof(to) - 1);

        *out = 0;
        if (n <= 0)
                return;
        to[n] = 0;
        if (strlen(sv_path_name(to)) < size)
                snprintf(out, size, "%s", sv_path_name(to));
}

bool sv_function_find(const char *root, const char *card, unsigned index, struct sv_function *out)
{
        SV_STR link = sv_asprintf("/sys/class/net/%s/device/virtfn%u", card, index);
        SV_STR driver = NULL;
        SV_STR group = NULL;

        read_link_end(root, link, out->address, sizeof(out->address));
        driver = sv_asprintf(PCI "/devices/%s/driver", out->address);
        group = sv_asprintf(PCI "/devices/%s/iommu_group", out->address);
        read_link_end(root, driver, out->driver, sizeof(out->driver));
        read_link_end(root, group, out->group, sizeof(out->group));
        return *out->address;
}

/* A group is open once. */
static bool is_group_open(const char *root, const struct sv_function *f)
{
        SV_STR path = sv_asprintf("%s/dev/vfio/%s", root, f->group);
        SV_FD fd = *f->group ? open(path, O_RDWR | O_CLOEXEC) : -1;

        return *f->group && fd < 0 && errno == EBUSY;
}

char *sv_function_find_user(const char *root, const struct sv_function *f)
{
        SV_STR folder = sv_asprintf(PCI "/devices/%s/net", f->address);
        SV_NAMES names = sv_kernel_folder_names(root, folder);

        if (is_group_open(root, f))
                return sv_asprintf("another guest's QEMU, or what else opened /dev/vfio/%s",
                                   f->group);
        /* a container's: /sys shows the interfaces of one's own namespace */
        if (*f->driver && strcmp(f->driver, "vfio-pci") != 0 && !(names && *names))
                return sv_asprintf("%s, whose interface is not in this network namespace",
                                   f->driver);
        for (char **name = names; name && *name; name++) {
                SV_STR path = sv_asprintf("%s/%s/flags", folder, *name);
                SV_BUF text = SV_BUF_NULL;

                if (sv_kernel_file_read(root, path, SV_KERNEL_TEXT, &text, NULL) == 1 &&
                    strtoul(sv_buf_str(&text), NULL, 16) & IFF_UP)
                        return sv_asprintf("this host: its interface %s is up", *name);
        }
        return NULL;
}

static bool is_bridge(const char *root, const char *address)
{
        SV_STR path = sv_asprintf(PCI "/devices/%s/class", address);
        SV_BUF text = SV_BUF_NULL;

        return sv_kernel_file_read(root, path, SV_KERNEL_TEXT, &text, NULL) == 1 &&
               !strncmp(sv_buf_str(&text), BRIDGE, strlen(BRIDGE));
}

int sv_function_check_group(const char *root, const struct sv_function *f, struct sv_err *err)
{
        SV_STR folder = sv_asprintf("/sys/kernel/iommu_groups/%s/devices", f->group);
        SV_NAMES names = *f->group ? sv_kernel_folder_names(root, folder) : NULL;

        if (!*f->group)
                return sv_fail(err, SV_SYSTEM, "vf.iommu",
                               "%s is in no IOMMU group, so that nothing would keep it to the "
                               "guest's memory: turn the IOMMU on (firmware setup; "
                               "\"intel_iommu=on\" on an Intel host's kernel command line)",
                               f->address);
        for (char **name = names; name && *name; name++)
                if (strcmp(*name, f->address) != 0 && !is_bridge(root, *name))
                        return sv_fail(err, SV_SYSTEM, "vf.iommu",
                                       "%s shares IOMMU group %s with %s, which the guest would "
                                       "reach by it: take a slot whose bridge has ACS",
                                       f->address, f->group, *name);
        return 0;
}

static int write_pci(const char *root, const char *path, const char *value, struct sv_err *err)
{
        if (sv_kernel_file_write(root, path, value) == 0)
                return 0;
        return sv_fail_errno(err, "vf.back", "%s%s", root, path);
}

int sv_function_give_back(const char *root, const struct sv_function *f, struct sv_err *err)
{
        SV_STR override = sv_asprintf(PCI "/devices/%s/driver_override", f->address);
        SV_STR unbind = sv_asprintf(PCI "/devices/%s/driver/unbind", f->address);

        if (write_pci(root, unbind, f->address, err) < 0 ||
            write_pci(root, override, "\n", err) < 0)
                return -1;
        return write_pci(root, PCI "/drivers_probe", f->address, err);
}
