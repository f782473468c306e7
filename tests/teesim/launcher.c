/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/teesim/launcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "tests/teesim/cbit.h"

const char *teesim_firmware(void)
{
        static char path[1024];
        const char *given = getenv("SV_OVMF_AMDSEV"), *home = getenv("HOME"),
                   *cache = getenv("XDG_CACHE_HOME");

        if (given)
                return access(given, R_OK) == 0 ? given : NULL;
        if (cache && *cache)
                snprintf(path, sizeof(path), "%s/secure-vm/firmware/OVMF.amdsev.fd", cache);
        else
                snprintf(path, sizeof(path), "%s/.cache/secure-vm/firmware/OVMF.amdsev.fd",
                         home ? home : "");
        if (access(path, R_OK) == 0)
                return path;
        snprintf(path, sizeof(path), "/usr/share/ovmf/OVMF.amdsev.fd");
        return access(path, R_OK) == 0 ? path : NULL;
}

static bool qemu_has_snp(void)
{
        FILE *f = popen("qemu-system-x86_64 -object help 2>/dev/null", "r");
        char line[256];
        bool yes = false;

        while (f && fgets(line, sizeof(line), f))
                yes |= strstr(line, "sev-snp-guest") != NULL;
        if (f)
                pclose(f);
        return yes;
}

const char *teesim_missing(void)
{
        if (!qemu_has_snp())
                return "qemu-system-x86_64 is missing or older than 9.1";
        if (!teesim_firmware())
                return "OVMF.amdsev.fd is missing; run tools/fetch-firmware";
        if (!getenv("TEESIM_SO"))
                return "TEESIM_SO does not name the simulator";
        return NULL;
}

const char *teesim_no_namespace(void)
{
        return system(geteuid() ? "unshare --mount --map-root-user true 2>/dev/null"
                                : "unshare --mount true 2>/dev/null") == 0
                       ? NULL
                       : "no mount namespace can be made here";
}

void teesim_fake_file(const char *path, size_t n)
{
        FILE *f = fopen(path, "w");

        for (size_t i = 0; f && i < n; i++)
                fputc((int)(i * 7 + i / 251), f);
        if (!f || fclose(f) != 0)
                abort();
}

void teesim_fake_kernel(const char *path)
{
        uint8_t image[512 * 3 + 8192] = {0};
        FILE *f = fopen(path, "w");

        image[0x1f1] = 2; /* setup sectors */
        image[0x1fe] = 0x55;
        image[0x1ff] = 0xaa;
        memcpy(image + 0x202, "HdrS\x0f\x02", 6);
        image[0x211] = 1;               /* loaded high */
        memset(image + 0x22c, 0xff, 3); /* initrd_addr_max */
        image[0x22f] = 0x37;
        for (size_t i = 512 * 3; i < sizeof(image); i++)
                image[i] = (uint8_t)(i * 13);
        if (!f || fwrite(image, sizeof(image), 1, f) != 1 || fclose(f) != 0)
                abort();
}

static void put_object(const struct teesim_guest *g, struct sv_buf *b)
{
        sv_buf_printf(b, "sev-snp-guest,id=sev0,cbitpos=%u,reduced-phys-bits=1,policy=0x%llx",
                      teesim_c_bit(), (unsigned long long)(g->policy ? g->policy : 0x30000));
        if (g->kernel)
                sv_buf_puts(b, ",kernel-hashes=on");
        if (g->host_data) {
                sv_buf_puts(b, ",host-data=");
                sv_put_base64(b, sv_bytes(g->host_data, 32));
        }
        if (g->id_block) {
                sv_buf_puts(b, ",id-block=");
                sv_put_base64(b, sv_bytes(g->id_block, 96));
                sv_buf_puts(b, ",id-auth=");
                sv_put_base64(b, sv_bytes(g->id_auth, 4096));
        }
        if (g->author_key)
                sv_buf_puts(b, ",author-key-enabled=on");
}

static void exec_qemu(const struct teesim_guest *g, const char *state, int out)
{
        SV_BUF object = SV_BUF_NULL;
        char vcpus[16];
        const char *argv[32] = {"qemu-system-x86_64",
                                "-machine",
                                "q35,confidential-guest-support=sev0,memory-backend=ram1",
                                "-object",
                                "memory-backend-memfd,id=ram1,size=256M",
                                "-m",
                                "256M",
                                "-accel",
                                "kvm",
                                "-nodefaults",
                                "-display",
                                "none",
                                "-smp",
                                vcpus,
                                "-cpu",
                                g->cpu,
                                "-bios",
                                teesim_firmware(),
                                "-object"};
        int n = 0;

        put_object(g, &object);
        snprintf(vcpus, sizeof(vcpus), "%u", g->vcpus);
        while (argv[n])
                n++;
        argv[n++] = sv_buf_str(&object);
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
        setenv("LD_PRELOAD", getenv("TEESIM_SO"), 1);
        setenv("TEESIM_STATE", state, 1);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
}

int teesim_qemu(const struct teesim_guest *g, struct sv_json **state, struct sv_buf *said)
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
        if (sv_file_read(path, 1 << 16, &text, "test.state", NULL) == 0)
                sv_json_parse(sv_buf_bytes(&text), "test.state", state, NULL);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
