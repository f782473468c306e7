/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/marks.h"

#include <dirent.h>
#include <string.h>

#include "base/core/file.h"
#include "launcher/host/selinux.h"

#define BOOT "virt_content_t"  /* a guest's processes read it, and write none of it */
#define RUN  "svirt_runtime_t" /* swtpm makes its socket there */
#define LOG  "virt_log_t"      /* appended to */

static void mark_pids(const char *folder, const char *range)
{
        DIR *dir = opendir(folder);

        for (struct dirent *e; dir && (e = readdir(dir));) {
                const char *dot = strrchr(e->d_name, '.');
                SV_STR path = sv_asprintf("%s/%s", folder, e->d_name);

                if (dot && !strcmp(dot, ".pid"))
                        sv_selinux_mark(path, RUN, range);
        }
        if (dir)
                closedir(dir);
}

void sv_marks_give(const struct sv_state *s, const struct sv_stage *stage, const char *range)
{
        const char *const boot[] = {stage->kernel, stage->initrd, stage->shim, stage->firmware,
                                    stage->nvram_template};
        static const char *const run[] = {"run/qemu", "run/swtpm"};
        SV_STR log = sv_asprintf("%s/log/qemu/%s.log", s->dir, s->name);

        for (size_t i = 0; i < sizeof(boot) / sizeof(*boot); i++)
                if (boot[i])
                        sv_selinux_mark(boot[i], BOOT, range);
        for (size_t i = 0; i < sizeof(run) / sizeof(*run); i++) {
                SV_STR folder = sv_state_path(s, run[i]);

                mark_pids(folder, range);
                sv_selinux_mark(folder, RUN, range);
        }
        sv_selinux_mark(log, LOG, range);
}
