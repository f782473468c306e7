/* SPDX-License-Identifier: Apache-2.0 */
/* Can this machine run SNP guests, and if not, what is the one thing to change? From the processor
 * upwards: each step looks only at what the steps before it make possible. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/core/file.h"
#include "sev/host/host.h"
#include "sev/host/kvm-abi.h"
#include "tee/host/apparmor.h"
#include "tee/host/probe.h"
#include "sev/measure/measure.h"
#include "sev/tee.h"

#define SNP_CPU     (1u << 4) /* CPUID 0x8000001f EAX */
#define API_MINIMUM 51        /* 1.51: what Linux asks of the firmware */

struct probe {
        const char *sysroot;
        const struct sv_sev_cpuid *cpuid;
        struct sv_probe *out;
};

/* The first byte of a module parameter ("Y", "N", "1"); 0 when the file is not there. */
static char read_kvm_parameter(struct probe *p, const char *name)
{
        SV_STR path = sv_asprintf("%s/sys/module/kvm_amd/parameters/%s", p->sysroot, name);
        SV_BUF text = SV_BUF_NULL;

        return sv_file_read(path, 64, &text, "sev.probe", NULL) == 0 && text.n ? (char)text.p[0]
                                                                               : 0;
}

/* KVM has no SNP machines: because of the processor, the machine's setup, the kernel or the module?
 */
static int explain_no_snp(struct probe *p)
{
        char snp = read_kvm_parameter(p, "sev_snp");

        if (!(p->cpuid->eax & SNP_CPU))
                return sv_probe_advise(
                        p->out,
                        "the processor offers no SEV-SNP (CPUID 0x8000001f bit 4): it takes "
                        "an AMD EPYC 7003 or later, not inside a virtual machine");
        if (!p->cpuid->edx || p->cpuid->edx == 1)
                return sv_probe_advise(
                        p->out, "no address space identifiers are reserved for SNP guests: in the "
                                "machine's setup set \"SEV-ES ASID space limit\" above 1");
        if (!snp)
                return sv_probe_advise(
                        p->out,
                        "this kernel's KVM knows no SNP: load kvm_amd, or boot Linux 6.11 or "
                        "later");
        if (snp != 'Y' && snp != '1')
                return sv_probe_advise(
                        p->out,
                        "the processor has SNP, but kvm_amd's parameter sev_snp is N: in the "
                        "machine's setup enable SMEE, SEV-SNP support and "
                        "\"RMP coverage\", keep the IOMMU on, and boot without kvm_amd.sev_snp=0");
        return sv_probe_advise(
                p->out, "kvm_amd's parameter sev_snp is Y, but KVM makes no SNP machines: look for "
                        "\"SEV-SNP\" in the kernel's log");
}

static int probe_snp_kvm(struct probe *p)
{
        SV_STR path = sv_asprintf("%s/dev/kvm", p->sysroot);
        SV_FD fd = open(path, O_RDWR | O_CLOEXEC);
        int types;

        if (fd < 0 && errno == ENOENT)
                return sv_probe_advise(
                        p->out,
                        "there is no /dev/kvm: load kvm_amd, or switch virtualisation (SVM) "
                        "on in the machine's setup");
        if (fd < 0)
                return sv_probe_advise(
                        p->out, "/dev/kvm cannot be opened (%s): join the group that owns it",
                        strerror(errno));
        types = ioctl(fd, KVM_CHECK_EXTENSION, SV_KVM_CAP_VM_TYPES);
        if (types < 0 || !(types & 1 << SV_KVM_VM_SNP))
                return explain_no_snp(p);
        if (ioctl(fd, KVM_CHECK_EXTENSION, SV_KVM_CAP_GUEST_MEMFD) <= 0)
                return sv_probe_advise(p->out, "KVM has no guest_memfd: boot Linux 6.11 or later");
        if (p->cpuid->edx > 1)
                sv_probe_found(p->out, "%u SNP guests at a time", p->cpuid->edx - 1);
        return 0;
}

static int probe_sev_firmware(struct probe *p)
{
        SV_STR path = sv_asprintf("%s/dev/sev", p->sysroot);
        SV_FD fd = open(path, O_RDWR | O_CLOEXEC);
        struct sv_sev_snp_status status = {0};
        struct sv_sev_issue issue = {.cmd = SV_SEV_SNP_STATUS, .data = (uintptr_t)&status};

        if (fd < 0 && errno == ENOENT)
                return sv_probe_advise(
                        p->out,
                        "there is no /dev/sev: load the module ccp, and see in the kernel's "
                        "log why the secure processor does not answer");
        if (fd < 0)
                return sv_probe_advise(
                        p->out,
                        "/dev/sev cannot be opened (%s): run as root, or give the group kvm "
                        "access to it",
                        strerror(errno));
        if (ioctl(fd, SV_SEV_ISSUE_CMD, &issue) < 0)
                return sv_probe_advise(p->out,
                                       "the SEV firmware does not tell its SNP state (%s): %s",
                                       strerror(errno), sv_sev_status(issue.error));
        if (status.state != 1)
                return sv_probe_advise(
                        p->out,
                        "the SEV firmware is not initialised for SNP: reload the module ccp, "
                        "and see the kernel's log");
        if (status.api_major != 1 || status.api_minor < API_MINIMUM)
                return sv_probe_advise(
                        p->out,
                        "the SEV firmware speaks interface %u.%u, Linux needs 1.%u: install the "
                        "package amd64-microcode (amd/amd_sev_*.sbin) and reboot",
                        status.api_major, status.api_minor, API_MINIMUM);
        sv_probe_found(p->out, "SEV firmware %u.%u.%u", status.api_major, status.api_minor,
                       status.build);
        p->out->platform = true;
        return 0;
}

/* QEMU 9.1 brought the object by this name. Looked for in the program, so that nothing has to be
 * run. */
struct search {
        char tail[16]; /* of the piece before */
        bool seen;
};

static int search_snp_object(void *arg, struct sv_bytes piece, struct sv_err *err)
{
        static const char name[] = "sev-snp-guest";
        const size_t n = sizeof(name) - 1;
        struct search *s = arg;
        char seam[32] = {0};

        memcpy(seam, s->tail, n - 1);
        memcpy(seam + n - 1, piece.p, piece.n < n - 1 ? piece.n : n - 1);
        s->seen |= memmem(piece.p, piece.n, name, n) || memmem(seam, 2 * (n - 1), name, n);
        memset(s->tail, 0, sizeof(s->tail));
        if (piece.n >= n - 1)
                memcpy(s->tail, piece.p + piece.n - (n - 1), n - 1);
        return 0;
}

static int probe_snp_qemu(struct probe *p)
{
        SV_STR path = sv_asprintf("%s/usr/bin/qemu-system-x86_64", p->sysroot);
        struct search s = {0};

        if (access(path, X_OK) < 0)
                return sv_probe_advise(p->out, "QEMU is missing: install qemu-system-x86");
        if (sv_file_stream(path, search_snp_object, &s, "sev.probe", NULL) < 0 || !s.seen)
                return sv_probe_advise(
                        p->out, "QEMU is too old for SNP: install 9.1 or later (Debian 12: from "
                                "backports)");
        sv_probe_found(p->out, "QEMU with sev-snp-guest");
        return 0;
}

static int probe_snp_libvirt(struct probe *p)
{
        unsigned version = sv_probe_libvirt(p->sysroot);

        if (!version)
                return sv_probe_advise(p->out,
                                       "libvirt is missing: install libvirt-daemon-driver-qemu");
        if (version < 10005)
                return sv_probe_advise(
                        p->out,
                        "libvirt %u.%u is too old for SNP: install 10.5 or later (Debian 12: "
                        "from backports)",
                        version / 1000, version % 1000);
        sv_probe_found(p->out, "libvirt %u.%u", version / 1000, version % 1000);
        return 0;
}

static int probe_snp_image(struct probe *p)
{
        static const char *const known[] = {SV_SEV_FIRMWARE, "/usr/share/edk2/ovmf/OVMF.amdsev.fd",
                                            "/usr/share/OVMF/OVMF.amdsev.fd"};

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                SV_STR path = sv_asprintf("%s%s", p->sysroot, known[i]);

                if (access(path, R_OK) == 0) {
                        sv_probe_found(p->out, "%s", known[i]);
                        return 0;
                }
        }
        /* A guest file may name its own firmware, so this alone does not prevent a launch. */
        sv_probe_found(p->out, "no firmware for SNP installed (Debian forky: ovmf-amdsev; or "
                               "tools/fetch-firmware, and name it with \"firmware\")");
        return 0;
}

static bool allows_device(const char *rules)
{
        return strstr(rules, "/dev/sev") != NULL;
}

static int probe_apparmor(struct probe *p)
{
        if (!sv_apparmor_forbids(p->sysroot, allows_device))
                return 0;
        return sv_probe_advise(
                p->out, "AppArmor keeps QEMU from /dev/sev: add the line \"/dev/sev rw,\" to "
                        "/etc/apparmor.d/local/abstractions/libvirt-qemu and reload AppArmor");
}

int sv_sev_probe_at(const char *sysroot, const struct sv_sev_cpuid *cpuid, struct sv_probe *out,
                    struct sv_err *err)
{
        static int (*const steps[])(struct probe *) = {probe_snp_kvm,   probe_sev_firmware,
                                                       probe_snp_qemu,  probe_snp_libvirt,
                                                       probe_snp_image, probe_apparmor};
        struct probe p = {sysroot, cpuid, out};

        *out = (struct sv_probe){.ok = true};
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && out->ok; i++)
                out->ok = steps[i](&p) == 0;
        return 0;
}

int sv_sev_probe(struct sv_probe *out, struct sv_err *err)
{
        struct sv_sev_cpuid c = {0};

        /* Leaf 0x80000000 first: __get_cpuid does that. */
        if (!__get_cpuid(0x8000001f, &c.eax, &c.ebx, &c.ecx, &c.edx))
                c = (struct sv_sev_cpuid){0};
        return sv_sev_probe_at("", &c, out, err);
}

enum sv_sev_product sv_sev_host_product(void)
{
        unsigned eax = 0, ebx, ecx, edx;

        if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
                return SV_SEV_UNKNOWN;
        return sv_sev_product_of((uint8_t)((eax >> 8 & 0xf) + (eax >> 20 & 0xff)),
                                 (uint8_t)((eax >> 4 & 0xf) | (eax >> 12 & 0xf0)));
}
