/* SPDX-License-Identifier: Apache-2.0 */
/* Does the QEMU of a connection have a CPU model? The answer is libvirt's domain capabilities, in
 * which a model stands that both libvirt and QEMU know:
 *   <cpu><mode name='custom'><model usable='yes' ...>EPYC-v4</model>... </mode></cpu>
 * Whether the processor has the model's features is libvirt's to compare when the guest starts: its
 * word here (usable='no') also counts features that it then lets pass. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/virt/virt-cpu.h"
#include "launcher/virt/virt-int.h"

/* The models between `at` and `end`, one after the other; false when there is none any more. */
static bool read_next_model(const char **at, const char *end, struct sv_bytes *name, bool *usable)
{
        const char *tag = strstr(*at, "<model "), *close = tag ? strchr(tag, '>') : NULL,
                   *last = close ? strstr(close, "</model>") : NULL;

        if (!last || last > end)
                return false;
        *name = sv_bytes(close + 1, (size_t)(last - close - 1));
        *usable = memmem(tag, (size_t)(close - tag), "usable='yes'", 12) != NULL;
        *at = last;
        return true;
}

/* "EPYC" of "EPYC-Milan-v2": what others of the same maker begin with. */
static bool is_alike(const char *model, struct sv_bytes name)
{
        size_t n = strcspn(model, "-");

        return name.n >= n && sv_bytes_eq(sv_bytes(name.p, n), sv_bytes(model, n));
}

static int fail_unknown_model(const char *model, const char *alike, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "virt.cpuid",
                       "cpu: \"%s\" is not known to the QEMU and libvirt here: install newer ones, "
                       "or choose %s; the launch digest changes with it",
                       model, *alike ? alike : "a model that \"virsh domcapabilities\" lists");
}

int sv_virt_find_cpu(const char *capabilities, const char *model, struct sv_err *err)
{
        const char *at = strstr(capabilities, "<mode name='custom' supported='yes'>"),
                   *end = at ? strstr(at, "</mode>") : NULL;
        SV_BUF alike = SV_BUF_NULL;
        struct sv_bytes name;
        bool usable, any = false;

        while (end && read_next_model(&at, end, &name, &usable)) {
                any = true;
                if (sv_bytes_eq(name, sv_bytes_str(model)))
                        return 0;
                if (usable && is_alike(model, name))
                        sv_buf_printf(&alike, "%s%.*s", alike.n ? ", " : "one of ", (int)name.n,
                                      (const char *)name.p);
        }
        return any ? fail_unknown_model(model, sv_buf_str(&alike), err) : 0;
}

int sv_virt_check_cpu(struct sv_virt *v, const char *model, bool kvm, struct sv_err *err)
{
        char *xml;
        int r;

        if (!model)
                return 0;
        xml = vir.ConnectGetDomainCapabilities(v->conn, NULL, "x86_64", "q35", kvm ? "kvm" : "qemu",
                                               0);
        if (!xml) /* what is wrong there is told better when the domain is defined */
                return 0;
        r = sv_virt_find_cpu(xml, model, err);
        free(xml);
        return r;
}

static void list_alike_files(const char *folder, const char *model, struct sv_buf *alike)
{
        SV_STR pattern = sv_asprintf("%s/x86_%.*s*.xml", folder, (int)strcspn(model, "-"), model);
        glob_t found = {0};

        if (glob(pattern, 0, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++) {
                        const char *name = found.gl_pathv[i] + strlen(folder) + strlen("/x86_");

                        sv_buf_printf(alike, "%s%.*s", alike->n ? ", " : "one of ",
                                      (int)(strlen(name) - strlen(".xml")), name);
                }
        globfree(&found);
}

/* libvirt's own list, one file a model; without it nothing is refused. */
int sv_virt_check_cpu_map(const char *sysroot, const char *model, struct sv_err *err)
{
        SV_STR folder = sv_asprintf("%s/usr/share/libvirt/cpu_map", sysroot);
        SV_STR index = sv_asprintf("%s/index.xml", folder);
        SV_STR file = sv_asprintf("%s/x86_%s.xml", folder, model);
        SV_BUF alike = SV_BUF_NULL;

        if (access(index, R_OK) < 0 || access(file, R_OK) == 0)
                return 0;
        list_alike_files(folder, model, &alike);
        return fail_unknown_model(model, sv_buf_str(&alike), err);
}
