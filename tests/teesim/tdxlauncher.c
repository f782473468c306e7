/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/teesim/tdxlauncher.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"

/* A file of the cache that the tools fill. */
static const char *cached(char path[1024], const char *rel)
{
        const char *home = getenv("HOME"), *cache = getenv("XDG_CACHE_HOME");

        if (cache && *cache)
                snprintf(path, 1024, "%s/secure-vm/%s", cache, rel);
        else
                snprintf(path, 1024, "%s/.cache/secure-vm/%s", home ? home : "", rel);
        return access(path, R_OK) == 0 ? path : NULL;
}

const char *teesim_tdx_firmware(void)
{
        static char path[1024];

        return cached(path, "firmware/OVMF.inteltdx.ms.fd");
}

const char *teesim_forky(void)
{
        static char path[1024];

        return cached(path, "forky/packages") ? cached(path, "forky") : NULL;
}

static const char *runner(void)
{
        static char path[1024];

        snprintf(path, sizeof(path), "%s/tests/teesim/forky",
                 getenv("SV_SOURCE") ? getenv("SV_SOURCE") : ".");
        return path;
}

static bool qemu_has_tdx(void)
{
        char command[4096], line[256];
        bool yes = false;
        FILE *f;

        snprintf(command, sizeof(command), "'%s' '%s' qemu-system-x86_64 -object help 2>/dev/null",
                 runner(), teesim_forky());
        f = popen(command, "r");
        while (f && fgets(line, sizeof(line), f))
                yes |= strstr(line, "tdx-guest") != NULL;
        if (f)
                pclose(f);
        return yes;
}

const char *teesim_tdx_missing(void)
{
        if (!teesim_forky())
                return "there is no QEMU with tdx-guest; run tools/fetch-forky";
        if (!teesim_tdx_firmware())
                return "OVMF.inteltdx.ms.fd is missing; run tools/fetch-firmware";
        if (!getenv("TEESIM_SO"))
                return "TEESIM_SO does not name the simulator";
        return qemu_has_tdx() ? NULL
                              : "forky's QEMU cannot be run here (no mount namespace can be made?)";
}

static void exec_qemu(const struct teesim_td *g, const char *state, int out)
{
        SV_STR object = sv_asprintf("tdx-guest,id=tdx0%s", g->object ? g->object : "");
        SV_STR ram = sv_asprintf("memory-backend-ram,id=ram1,reserve=off,size=%lluM",
                                 (unsigned long long)g->memory);
        SV_STR memory = sv_asprintf("%lluM", (unsigned long long)g->memory);
        SV_STR vcpus = sv_asprintf("%u", g->vcpus);
        const char *argv[32] = {
                runner(),
                teesim_forky(),
                "qemu-system-x86_64",
                "-machine",
                "q35,kernel-irqchip=split,confidential-guest-support=tdx0,memory-backend=ram1",
                "-object",
                ram,
                "-object",
                object,
                "-m",
                memory,
                "-accel",
                "kvm",
                "-cpu",
                "host",
                "-nodefaults",
                "-display",
                "none",
                "-smp",
                vcpus,
                "-bios",
                g->firmware ? g->firmware : teesim_tdx_firmware()};
        int n = 0;

        while (argv[n])
                n++;
        if (g->kernel) {
                argv[n++] = "-kernel";
                argv[n++] = g->kernel;
        }
        if (g->initrd) {
                argv[n++] = "-initrd";
                argv[n++] = g->initrd;
        }
        if (g->cmdline) {
                argv[n++] = "-append";
                argv[n++] = g->cmdline;
        }
        dup2(out, 1);
        dup2(out, 2);
        setenv("FORKY_PRELOAD", getenv("TEESIM_SO"), 1);
        setenv("TEESIM_STATE", state, 1);
        execv(argv[0], (char *const *)argv);
        _exit(127);
}

int teesim_tdx_qemu(const struct teesim_td *g, struct sv_json **state, struct sv_buf *said)
{
        SV_STR path = sv_asprintf("%s/state.json", g->dir);
        SV_BUF text = SV_BUF_NULL;
        int ends[2], status = -1;
        pid_t pid;

        *state = NULL;
        unlink(path);
        if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0)
                abort();
        if (pid == 0)
                exec_qemu(g, path, ends[1]);
        close(ends[1]);
        sv_fd_read(ends[0], "QEMU", 1 << 20, said, "test.qemu", NULL);
        close(ends[0]);
        waitpid(pid, &status, 0);
        if (sv_file_read(path, 1 << 20, &text, "test.state", NULL) == 0)
                sv_json_parse(sv_buf_bytes(&text), "test.state", state, NULL);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
