/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/acpi-played.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/host/host.h"

#define PATIENCE_MS 20000 /* for swtpm's socket */

/* The value of an option; NULL: the command has none. */
static char **find_value(struct sv_argv *command, const char *option, const char *begin)
{
        for (size_t i = 0; i + 1 < command->n; i++)
                if (!strcmp(command->list[i], option) &&
                    !strncmp(command->list[i + 1], begin, strlen(begin)))
                        return &command->list[i + 1];
        return NULL;
}

static int make_folder(struct sv_acpi_played *p, struct sv_err *err)
{
        if (*p->dir)
                return 0;
        memcpy(p->dir, "/tmp/secure-vm-XXXXXX", sizeof("/tmp/secure-vm-XXXXXX"));
        if (mkdtemp(p->dir))
                return 0;
        sv_fail_errno(err, "acpi.firmware", "%s", p->dir);
        *p->dir = 0;
        return -1;
}

/* As flash has it: the variables before the code, which ends where the processor begins. */
static int join_firmware(char **value, struct sv_acpi_played *p, struct sv_err *err)
{
        SV_STR template = sv_host_nvram_template("", *value);
        SV_BUF all = SV_BUF_NULL;
        SV_STR path = NULL;

        if (!template)
                return 0;
        if (make_folder(p, err) < 0 ||
            sv_file_read(template, SV_FIRMWARE_SIZE_MAX, &all, "acpi.firmware", err) < 0 ||
            sv_file_read(*value, SV_FIRMWARE_SIZE_MAX, &all, "acpi.firmware", err) < 0)
                return -1;
        path = sv_asprintf("%s/firmware", p->dir);
        if (sv_file_write(path, 0600, sv_buf_bytes(&all), err) < 0)
                return -1;
        free(*value);
        *value = path;
        path = NULL;
        return 0;
}

static _Noreturn void exec_swtpm(const char *dir)
{
        SV_STR state = sv_asprintf("dir=%s", dir);
        SV_STR control = sv_asprintf("type=unixio,path=%s/tpm", dir);
        SV_STR log = sv_asprintf("file=%s/tpm.log", dir);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--ctrl", control,
               "--log", log, NULL);
        _exit(127);
}

static int wait_for_swtpm(pid_t pid, const char *socket, struct sv_err *err)
{
        for (int ms = 0; ms < PATIENCE_MS; ms += 10) {
                if (access(socket, F_OK) == 0)
                        return 0;
                if (waitpid(pid, NULL, WNOHANG) == pid)
                        break;
                usleep(10000);
        }
        return sv_fail(err, SV_SYSTEM, "acpi.tpm",
                       "swtpm, which plays the guest's TPM, does not start: is it installed?");
}

static int start_tpm(struct sv_argv *command, const char *device, struct sv_acpi_played *p,
                     struct sv_err *err)
{
        const char *name = strstr(device, "chardev=");
        SV_STR begin = NULL;
        SV_STR socket = NULL;
        char **channel;

        name = name ? name + strlen("chardev=") : "";
        begin = sv_asprintf("null,id=%.*s", (int)strcspn(name, ","), name);
        channel = find_value(command, "-chardev", begin);
        if (!channel)
                return 0;
        if (make_folder(p, err) < 0)
                return -1;
        p->tpm = fork();
        if (p->tpm == 0)
                exec_swtpm(p->dir);
        if (p->tpm < 0) {
                p->tpm = 0;
                return sv_fail_errno(err, "acpi.tpm", "swtpm");
        }
        socket = sv_asprintf("%s/tpm", p->dir);
        if (wait_for_swtpm(p->tpm, socket, err) < 0)
                return -1;
        free(*channel);
        *channel = sv_asprintf("socket,id=%.*s,path=%s", (int)strcspn(name, ","), name, socket);
        return 0;
}

int sv_acpi_play(struct sv_argv *command, struct sv_acpi_played *out, struct sv_err *err)
{
        struct sv_acpi_played p = {.tpm = 0};
        char **firmware = find_value(command, "-bios", ""),
             **device = find_value(command, "-tpmdev", "emulator,");

        if ((firmware && join_firmware(firmware, &p, err) < 0) ||
            (device && start_tpm(command, *device, &p, err) < 0)) {
                sv_acpi_played_end(&p);
                return -1;
        }
        *out = p;
        return 0;
}

void sv_acpi_played_end(struct sv_acpi_played *p)
{
        if (p->tpm > 0) {
                kill(p->tpm, SIGKILL);
                waitpid(p->tpm, NULL, 0);
        }
        if (*p->dir)
                sv_remove_tree(p->dir, NULL);
        *p = (struct sv_acpi_played){.tpm = 0};
}
