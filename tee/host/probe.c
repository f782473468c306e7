/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/host/probe.h"

#include <glob.h>
#include <stdio.h>

#include "base/core/file.h"

int sv_probe_advise(struct sv_probe *out, const char *fmt, ...)
{
        va_list ap;

        if (*out->advice)
                return -1;
        va_start(ap, fmt);
        vsnprintf(out->advice, sizeof(out->advice), fmt, ap);
        va_end(ap);
        return -1;
}

void sv_probe_found(struct sv_probe *out, const char *fmt, ...)
{
        size_t n = strlen(out->found);
        va_list ap;

        if (n)
                n += (size_t)snprintf(out->found + n, sizeof(out->found) - n, ", ");
        if (n >= sizeof(out->found))
                return;
        va_start(ap, fmt);
        vsnprintf(out->found + n, sizeof(out->found) - n, fmt, ap);
        va_end(ap);
}

/* The library carries its version in its name: libvirt.so.0.11003.0 is 11.3.0. (Only launcher/virt
 * may ask the library itself.) */
unsigned sv_probe_libvirt(const char *sysroot)
{
        static const char *const places[] = {"lib/*", "lib64", "lib"};
        unsigned version = 0;

        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !version; i++) {
                SV_STR pattern = sv_asprintf("%s/usr/%s/libvirt.so.0.*.*", sysroot, places[i]);
                glob_t g = {0};

                if (glob(pattern, 0, NULL, &g) == 0)
                        sscanf(strstr(g.gl_pathv[0], "libvirt.so.0."), "libvirt.so.0.%u", &version);
                globfree(&g);
        }
        return version;
}
