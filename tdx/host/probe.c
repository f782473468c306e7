/* SPDX-License-Identifier: Apache-2.0 */
/* Can this machine run TDs, and if not, what is the one thing to change? From the processor
 * upwards: each step looks only at what the steps before it make possible. The quote service comes
 * last and never prevents a launch: a guest file may name another one. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "tdx/host/host.h"
#include "tdx/host/kvm-abi.h"
#include "tee/host/apparmor.h"
#include "tee/host/probe.h"
#include "tdx/guest/qgs.h"
#include "tdx/tee.h"

#define QEMU_MINIMUM    1001  /* 10.1 brought tdx-guest */
#define LIBVIRT_MINIMUM 11006 /* 11.6 brought <launchSecurity type='tdx'> */
#define ANSWER_MS       3000
#define QGS_CONF        "/etc/qgs.conf"

struct probe {
        const char *sysroot;
        bool intel;
        struct sv_probe *out;
};

static bool read_sysfile(struct probe *p, const char *file, struct sv_buf *text)
{
        SV_STR path = sv_asprintf("%s%s", p->sysroot, file);

        return sv_file_read(path, 16u << 20, text, "tdx.probe", NULL) == 0;
}

/* A word of the first "flags" line of /proc/cpuinfo. */
static bool has_cpu_flag(struct probe *p, const char *word)
{
        SV_STR spaced = sv_asprintf(" %s ", word);
        SV_BUF text = SV_BUF_NULL, line = SV_BUF_NULL;
        const char *flags;

        if (!read_sysfile(p, "/proc/cpuinfo", &text) ||
            !(flags = strstr(sv_buf_str(&text), "\nflags")))
                return false;
        sv_buf_printf(&line, "%.*s ", (int)strcspn(flags + 1, "\n"), flags + 1);
        return strstr(sv_buf_str(&line), spaced);
}

static int refuse_processor(struct probe *p)
{
        return sv_probe_advise(
                p->out,
                "the processor is not Intel's: TDX takes an Intel Xeon of the 5th generation "
                "or later (of the 4th, some)");
}

/* KVM makes no TDs: because of the processor, the machine's setup, the kernel or the module? */
static int explain_no_tdx(struct probe *p)
{
        SV_BUF tdx = SV_BUF_NULL;
        const char *setting = read_sysfile(p, "/sys/module/kvm_intel/parameters/tdx", &tdx)
                                      ? sv_buf_str(&tdx)
                                      : "";

        if (!p->intel)
                return refuse_processor(p);
        if (has_cpu_flag(p, "hypervisor"))
                return sv_probe_advise(
                        p->out,
                        "this is a virtual machine itself: TDX takes the machine, not a guest "
                        "on it");
        if (!*setting)
                return sv_probe_advise(
                        p->out,
                        "this kernel's KVM knows no TDX: load kvm_intel, or boot Linux 6.16 "
                        "or later (built with CONFIG_KVM_INTEL_TDX)");
        if (!has_cpu_flag(p, "tdx_host_platform"))
                return sv_probe_advise(
                        p->out,
                        "the machine's setup keeps TDX off, or the processor has none: enable "
                        "there memory encryption (TME, TME-MT), SGX and TDX with its "
                        "loader (SEAM), and leave private keys for TDX");
        if (*setting != 'Y' && *setting != '1')
                return sv_probe_advise(
                        p->out, "kvm_intel's parameter tdx is N: boot with kvm_intel.tdx=1 and "
                                "nohibernate (TDX and hibernation exclude each other)");
        return sv_probe_advise(
                p->out,
                "kvm_intel's parameter tdx is Y, but KVM makes no TDs: look for \"virt/tdx\" "
                "in the kernel's log");
}

/* How many at a time: the kernel counts their keys as a resource of control groups. */
static void note_capacity(struct probe *p)
{
        SV_BUF text = SV_BUF_NULL;
        const char *line;
        unsigned n;

        if (read_sysfile(p, "/sys/fs/cgroup/misc.capacity", &text) &&
            (line = strstr(sv_buf_str(&text), "tdx ")) && sscanf(line, "tdx %u", &n) == 1)
                sv_probe_found(p->out, "%u TDs at a time", n);
}

static int probe_tdx_module(struct probe *p, int vm)
{
        struct sv_kvm_tdx_capabilities *caps = calloc(1, sizeof(*caps));
        struct sv_kvm_tdx_cmd cmd = {.id = SV_KVM_TDX_CAPABILITIES, .data = (uintptr_t)caps};
        int r = 0;

        if (!caps)
                return sv_probe_advise(p->out, "there is no memory to ask the TDX module");
        caps->cpuid.nent = SV_KVM_CPUID_MAX;
        if (ioctl(vm, KVM_MEMORY_ENCRYPT_OP, &cmd) < 0)
                r = sv_probe_advise(
                        p->out,
                        "KVM does not tell what the TDX module offers (%s): look for \"virt/tdx\" "
                        "in the kernel's log",
                        strerror(errno));
        else if (!(caps->attributes & SV_TDX_ATTR_SEPT_VE_DISABLE))
                r = sv_probe_advise(
                        p->out,
                        "the TDX module offers attributes 0x%llx, without 0x%llx that Linux guests "
                        "need: update the machine's firmware, which brings the module",
                        (unsigned long long)caps->attributes, SV_TDX_ATTR_SEPT_VE_DISABLE);
        free(caps);
        return r;
}

static int probe_tdx_kvm(struct probe *p)
{
        SV_STR path = sv_asprintf("%s/dev/kvm", p->sysroot);
        SV_FD fd = open(path, O_RDWR | O_CLOEXEC);
        SV_FD vm = -1;
        int types;

        if (fd < 0 && !p->intel) /* loading a module or joining a group would not help */
                return refuse_processor(p);
        if (fd < 0 && errno == ENOENT)
                return sv_probe_advise(
                        p->out, "there is no /dev/kvm: load kvm_intel, or switch virtualisation "
                                "(VT-x) on in the machine's setup");
        if (fd < 0)
                return sv_probe_advise(
                        p->out, "/dev/kvm cannot be opened (%s): join the group that owns it",
                        strerror(errno));
        types = ioctl(fd, KVM_CHECK_EXTENSION, SV_KVM_CAP_VM_TYPES);
        if (types < 0 || !(types & 1 << SV_KVM_VM_TDX))
                return explain_no_tdx(p);
        vm = ioctl(fd, KVM_CREATE_VM, SV_KVM_VM_TDX);
        if (vm < 0)
                return sv_probe_advise(
                        p->out,
                        "KVM has TDX, but makes no machine for it (%s): see the kernel's log",
                        strerror(errno));
        if (ioctl(fd, KVM_CHECK_EXTENSION, SV_KVM_CAP_GUEST_MEMFD) <= 0 &&
            ioctl(vm, KVM_CHECK_EXTENSION, SV_KVM_CAP_GUEST_MEMFD) <= 0)
                return sv_probe_advise(p->out, "KVM has no guest_memfd: boot Linux 6.16 or later");
        if (probe_tdx_module(p, vm) < 0)
                return -1;
        note_capacity(p);
        p->out->platform = true;
        return 0;
}

/* QEMU's object by its name, its version by that of the newest machine it has. Looked for in the
 * program, so that nothing has to be run. */
struct search {
        struct sv_buf window; /* the end of the piece before, and this one */
        unsigned version;     /* 1001: 10.1 */
        bool tdx;
};

static int search_tdx_object(void *arg, struct sv_bytes piece, struct sv_err *err)
{
        static const char object[] = "tdx-guest", machine[] = "pc-q35-";
        struct search *s = arg;
        const size_t keep = 24;
        const uint8_t *at, *end;

        sv_buf_put(&s->window, piece);
        if (sv_buf_ok(&s->window, "QEMU", err) < 0)
                return -1;
        s->tdx |= memmem(s->window.p, s->window.n, object, sizeof(object) - 1) != NULL;
        end = s->window.p + s->window.n;
        for (at = s->window.p; (at = memmem(at, (size_t)(end - at), machine, sizeof(machine) - 1));
             at++) {
                char text[16] = "";
                unsigned major, minor;

                memcpy(text, at + sizeof(machine) - 1,
                       (size_t)(end - at) < keep ? 0 : sizeof(text) - 1);
                if (sscanf(text, "%2u.%2u", &major, &minor) == 2 &&
                    major * 100 + minor > s->version)
                        s->version = major * 100 + minor;
        }
        if (s->window.n > keep) {
                memmove(s->window.p, s->window.p + s->window.n - keep, keep);
                s->window.n = keep;
        }
        return 0;
}

static int probe_tdx_qemu(struct probe *p)
{
        SV_STR path = sv_asprintf("%s/usr/bin/qemu-system-x86_64", p->sysroot);
        struct search s = {0};
        int r;

        if (access(path, X_OK) < 0)
                return sv_probe_advise(p->out,
                                       "QEMU is missing: install qemu-system-x86, 10.1 or later");
        r = sv_file_stream(path, search_tdx_object, &s, "tdx.probe", NULL);
        sv_buf_free(&s.window);
        if (r < 0)
                return sv_probe_advise(p->out, "%s cannot be read", path);
        if (!s.tdx && s.version >= QEMU_MINIMUM)
                return sv_probe_advise(
                        p->out,
                        "QEMU %u.%u was built without TDX: install your distribution's "
                        "qemu-system-x86",
                        s.version / 100, s.version % 100);
        if (!s.tdx && s.version)
                return sv_probe_advise(
                        p->out,
                        "QEMU %u.%u is too old for TDX: install 10.1 or later (package "
                        "qemu-system-x86; Debian forky has it)",
                        s.version / 100, s.version % 100);
        if (!s.tdx)
                return sv_probe_advise(p->out,
                                       "QEMU is too old for TDX: install 10.1 or later (package "
                                       "qemu-system-x86; Debian forky has it)");
        if (s.version)
                sv_probe_found(p->out, "QEMU %u.%u with tdx-guest", s.version / 100,
                               s.version % 100);
        else
                sv_probe_found(p->out, "QEMU with tdx-guest");
        return 0;
}

static int probe_tdx_libvirt(struct probe *p)
{
        unsigned version = sv_probe_libvirt(p->sysroot);

        if (!version)
                return sv_probe_advise(
                        p->out,
                        "libvirt is missing: install libvirt-daemon-driver-qemu, 11.6 or later");
        if (version < LIBVIRT_MINIMUM)
                return sv_probe_advise(
                        p->out,
                        "libvirt %u.%u is too old for TDX: install 11.6 or later (packages "
                        "libvirt0 and libvirt-daemon-driver-qemu; Debian forky has them)",
                        version / 1000, version % 1000);
        sv_probe_found(p->out, "libvirt %u.%u", version / 1000, version % 1000);
        return 0;
}

/* --- from here on: what a launch may lack --- */

static void probe_td_image(struct probe *p)
{
        static const char *const known[] = {SV_TDX_FIRMWARE, "/usr/share/ovmf/OVMF.inteltdx.fd",
                                            "/usr/share/edk2/ovmf/OVMF.inteltdx.secboot.fd",
                                            "/usr/share/edk2/ovmf/OVMF.inteltdx.fd"};

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                SV_STR path = sv_asprintf("%s%s", p->sysroot, known[i]);

                if (access(path, R_OK) == 0) {
                        sv_probe_found(p->out, "%s", known[i]);
                        return;
                }
        }
        sv_probe_advise(p->out,
                        "no firmware for TDX is installed (Debian forky: package ovmf-inteltdx; or "
                        "tools/fetch-firmware): name one with \"firmware\" in the guest file");
}

/* A rule that names the service's folder; a line that is a comment, or denies, is none. */
static bool allows_service(const char *rules)
{
        for (const char *line = rules; *line; line += *line == '\n') {
                const char *names = strstr(line += strspn(line, " \t"), "tdx-qgs/"),
                           *end = line + strcspn(line, "\n");

                if (*line != '#' && strncmp(line, "deny ", 5) && strncmp(line, "audit deny ", 11) &&
                    names && names < end)
                        return true;
                line = end;
        }
        return false;
}

/* Intel's service listens on vsock instead of its socket when its configuration has a port, which
 * the one that it is installed with has. */
static bool is_vsock_only(struct probe *p)
{
        SV_BUF text = SV_BUF_NULL;
        unsigned port;

        if (!read_sysfile(p, QGS_CONF, &text))
                return false;
        for (const char *line = sv_buf_str(&text); *line; line += *line == '\n') {
                if (sscanf(line, " port = %u", &port) == 1 && port) {
                        sv_probe_advise(
                                p->out,
                                "TDs start, but the quote service listens on vsock port %u only, "
                                "which "
                                "libvirt cannot tell QEMU: remove \"port\" from " QGS_CONF
                                " and restart the service (systemctl restart qgsd); its socket is "
                                "then " SV_TDX_QGS,
                                port);
                        return true;
                }
                line += strcspn(line, "\n");
        }
        return false;
}

/* libvirt's own QEMU user: the name, empty when there is none, and its groups. Under our supervisor
 * a guest's QEMU has an id of its own and of these groups those that it needs
 * (launcher/keeper/ids-user.c). */
struct user {
        char name[32];
        uid_t uid;
        gid_t groups[32];
        size_t n;
};

static void qemu_user(struct probe *p, struct user *out)
{
        SV_STR users = sv_asprintf("%s/etc/passwd", p->sysroot);
        SV_STR groups = sv_asprintf("%s/etc/group", p->sysroot);
        FILE *f = fopen(users, "re");
        struct passwd *pw;
        struct group *gr;

        while (f && (pw = fgetpwent(f)))
                if (!strcmp(pw->pw_name, "libvirt-qemu") ||
                    (!strcmp(pw->pw_name, "qemu") && !*out->name)) {
                        snprintf(out->name, sizeof(out->name), "%s", pw->pw_name);
                        out->uid = pw->pw_uid;
                        out->groups[0] = pw->pw_gid;
                        out->n = 1;
                }
        if (f)
                fclose(f);
        f = *out->name ? fopen(groups, "re") : NULL;
        while (f && (gr = fgetgrent(f)))
                for (char **m = gr->gr_mem; *m && out->n < 32; m++)
                        if (!strcmp(*m, out->name))
                                out->groups[out->n++] = gr->gr_gid;
        if (f)
                fclose(f);
}

/* bit: 1 to pass through a folder, 2 to connect to a socket. */
static bool has_permission(const struct user *u, const struct stat *st, mode_t bit)
{
        if (st->st_uid == u->uid)
                return st->st_mode & bit << 6;
        for (size_t i = 0; i < u->n; i++)
                if (st->st_gid == u->groups[i])
                        return st->st_mode & bit << 3;
        return st->st_mode & bit;
}

/* We reach it as root; QEMU may not. */
static bool refuse_qemu_user(struct probe *p, const char *path)
{
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        struct user u = {.n = 0};
        struct stat s, d;

        if (geteuid() != 0)
                return false;
        qemu_user(p, &u);
        if (!*u.name || stat(path, &s) < 0 || stat(folder, &d) < 0 ||
            (has_permission(&u, &s, 2) && has_permission(&u, &d, 1)))
                return false;
        sv_probe_advise(
                p->out,
                "TDs start, but QEMU's user %s may not connect to the quote service: open its "
                "socket "
                "(mode %03o) and its folder (mode %03o) to that user, with "
                "\"socket_mode = 0666\" in " QGS_CONF " or by the owning group",
                u.name, (unsigned)s.st_mode & 0777, (unsigned)d.st_mode & 0777);
        return true;
}

/* Present, and does it answer? The question is one that signs nothing. */
static void probe_quotes(struct probe *p)
{
        SV_STR path = sv_asprintf("%s" SV_TDX_QGS, p->sysroot);
        SV_BUF question = SV_BUF_NULL, answer = SV_BUF_NULL;
        struct sv_qgs_platform platform;
        struct sv_err err = SV_ERR_NULL;
        SV_FD fd = -1;

        if (access(path, F_OK) < 0) {
                if (!is_vsock_only(p))
                        sv_probe_advise(
                                p->out,
                                "TDs start, but nobody signs their quotes: install and start qgsd "
                                "(package tdx-qgs); its socket is expected at " SV_TDX_QGS);
                return;
        }
        sv_qgs_platform_request(&question);
        if (sv_qgs_connect(path, &fd, &err) < 0) {
                if (!is_vsock_only(p)) /* the socket of an earlier start */
                        sv_probe_advise(
                                p->out,
                                "TDs start, but the quote service at " SV_TDX_QGS
                                " takes no connection: start it (systemctl start qgsd), and let "
                                "QEMU's "
                                "user "
                                "reach its socket (%.200s)",
                                err.msg);
                return;
        }
        if (sv_qgs_exchange(fd, sv_buf_bytes(&question), ANSWER_MS, &answer, &err) < 0 ||
            sv_qgs_platform_response(sv_buf_bytes(&answer), &platform, &err) < 0) {
                sv_probe_advise(p->out, "TDs start, but get no quotes: %.300s", err.msg);
                return;
        }
        sv_probe_found(p->out, "a quote service that answers (quoting enclave %u)",
                       platform.tdqe_svn);
        /* no libvirt so far lets QEMU reach the quote service by itself */
        if (!refuse_qemu_user(p, path) && sv_apparmor_forbids(p->sysroot, allows_service))
                sv_probe_advise(
                        p->out,
                        "TDs start, but AppArmor keeps QEMU from the quote service: add the line "
                        "\"/{,var/}run/tdx-qgs/qgs.socket rw,\" to "
                        "/etc/apparmor.d/local/abstractions/libvirt-qemu and reload AppArmor");
}

int sv_tdx_probe_at(const char *sysroot, bool intel, struct sv_probe *out, struct sv_err *err)
{
        static int (*const steps[])(struct probe *) = {probe_tdx_kvm, probe_tdx_qemu,
                                                       probe_tdx_libvirt};
        struct probe p = {sysroot, intel, out};

        *out = (struct sv_probe){.ok = true};
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && out->ok; i++)
                out->ok = steps[i](&p) == 0;
        if (out->ok) {
                probe_td_image(&p);
                probe_quotes(&p);
        }
        return 0;
}

int sv_tdx_probe(struct sv_probe *out, struct sv_err *err)
{
        unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;

        __get_cpuid(0, &eax, &ebx, &ecx, &edx);
        return sv_tdx_probe_at("",
                               ebx == signature_INTEL_ebx && edx == signature_INTEL_edx &&
                                       ecx == signature_INTEL_ecx,
                               out, err);
}
