/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/host/descriptors.h"

static bool has_line_word(const char *line, const char *word)
{
        size_t n = strlen(word);

        for (const char *p = line; (p = strstr(p, word)); p += n)
                if ((p == line || p[-1] == ' ' || p[-1] == '\t' || p[-1] == ':') &&
                    (!p[n] || p[n] == ' ' || p[n] == '\n'))
                        return true;
        return false;
}

static unsigned read_address_bits(const char *cpuinfo)
{
        static const char line[] = "\naddress sizes\t: ";
        const char *at = strstr(cpuinfo, line);

        return at ? (unsigned)strtoul(at + sizeof(line) - 1, NULL, 10) : 0;
}

static void read_cpuinfo(const char *sysroot, struct sv_host *host)
{
        char *out = host->cpu;
        SV_STR path = sv_asprintf("%s/proc/cpuinfo", sysroot);
        SV_BUF text = SV_BUF_NULL;
        char *flags, *end;

        if (sv_file_read(path, SV_CPUINFO_SIZE_MAX, &text, "cpuinfo", NULL) < 0)
                return;
        host->address_bits = read_address_bits(sv_buf_str(&text));
        flags = strstr(sv_buf_str(&text), "\nflags");
        end = flags ? strchr(flags + 1, '\n') : NULL;
        if (!end)
                return;
        *end = 0;
        if (has_line_word(flags + 1, "svm"))
                snprintf(out, sizeof(host->cpu), "svm");
        else if (has_line_word(flags + 1, "vmx"))
                snprintf(out, sizeof(host->cpu), "vmx");
}

void sv_host_kvm(const char *sysroot, struct sv_host *out)
{
        SV_STR path = sv_asprintf("%s/dev/kvm", sysroot);
        int saved;
        int version;

        memset(out, 0, sizeof(*out));
        read_cpuinfo(sysroot, out);
        {
                SV_FD fd = open(path, O_RDWR | O_CLOEXEC);

                saved = errno;
                if (fd < 0 && saved == ENOENT) {
                        snprintf(out->kvm_why, sizeof(out->kvm_why), "there is no /dev/kvm: %s",
                                 *out->cpu ? "load the module kvm_amd or kvm_intel"
                                           : "switch virtualisation on in the machine's firmware "
                                             "setup");
                } else if (fd < 0) {
                        snprintf(out->kvm_why, sizeof(out->kvm_why),
                                 "/dev/kvm cannot be opened (%s): join the group that owns it",
                                 strerror(saved));
                } else if (!*out->cpu) {
                        snprintf(out->kvm_why, sizeof(out->kvm_why),
                                 "/dev/kvm is there, but the processor shows neither svm nor vmx: "
                                 "guests would hang; switch nested virtualisation on");
                } else if (!*sysroot &&
                           (version = ioctl(fd, KVM_GET_API_VERSION, 0)) != KVM_API_VERSION) {
                        snprintf(out->kvm_why, sizeof(out->kvm_why),
                                 "/dev/kvm speaks version %d of its interface, %d was expected",
                                 version, KVM_API_VERSION);
                } else {
                        out->kvm = true;
                }
        }
}

/* In the child: standard output to `out` (or nowhere), nothing else; never returns. */
static void become_program(const char *const argv[], const char *config, int out)
{
        int null = open("/dev/null", O_RDWR);

        dup2(null, 0);
        dup2(out >= 0 ? out : null, 1);
        dup2(null, 2);
        if (config)
                setenv("XDG_CONFIG_HOME", config, 1);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
}

int sv_host_run(const char *const argv[], const char *config, const char *check, struct sv_err *err)
{
        int status;
        pid_t pid;

        pid = fork();
        if (pid < 0)
                return sv_fail_errno(err, check, "starting %s", argv[0]);
        if (pid == 0)
                become_program(argv, config, -1);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                return sv_fail(err, SV_SYSTEM, check, "%s cannot be run; is it installed?",
                               argv[0]);
        if (!WIFEXITED(status) || WEXITSTATUS(status))
                return sv_fail(err, SV_SYSTEM, check, "%s failed with status %d", argv[0],
                               WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        return 0;
}

void sv_host_version(const char *program, char *out, size_t n)
{
        const char *argv[] = {program, "--version", NULL};
        int ends[2];
        ssize_t got;
        size_t have = 0;
        pid_t pid;

        *out = 0;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return;
        pid = fork();
        if (pid == 0)
                become_program(argv, NULL, ends[1]);
        close(ends[1]);
        while (pid > 0 && have + 1 < n && (got = read(ends[0], out + have, n - 1 - have)) > 0)
                have += (size_t)got;
        close(ends[0]);
        if (pid > 0)
                waitpid(pid, NULL, 0);
        out[have] = 0;
        out[strcspn(out, "\n")] = 0;
}

/* --- the firmware's variable store --- */

char *sv_host_nvram_template(const char *sysroot, const char *firmware)
{
        const char *name = sv_path_name(firmware);
        const char *code = strstr(name, "CODE");
        char *found = sv_descriptors_get_template(sysroot, firmware);

        if (!found && code) {
                const char *rest = code + 4;

                found = sv_asprintf("%.*sVARS%s", (int)(code - firmware), firmware, rest);
                /* OVMF_CODE_4M.secboot.fd goes with OVMF_VARS_4M.fd */
                if (access(found, R_OK) < 0) {
                        free(found);
                        found = sv_asprintf("%.*sVARS%.*s.fd", (int)(code - firmware), firmware,
                                            (int)strcspn(rest, "."), rest);
                }
                if (access(found, R_OK) < 0) {
                        free(found);
                        found = NULL;
                }
        }
        return found;
}

void sv_host_put_name(struct sv_json *status)
{
        char host[256] = "-";

        gethostname(host, sizeof(host) - 1);
        sv_json_set_str(status, "host", host);
}
