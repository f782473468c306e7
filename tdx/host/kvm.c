/* SPDX-License-Identifier: Apache-2.0 */
/* A launch without QEMU: the guest's firmware and vCPUs go to KVM's own calls
 * (Documentation/virt/kvm/x86/intel-tdx.rst), section by section as tdx/measure/mrtd.c counts them,
 * up to the end of the launch. Nothing runs, and the TD is gone when its machine is closed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/file.h"
#include "ovmf/tdvf.h"
#include "tdx/measure/hob.h"
#include "tdx/host/host.h"
#include "tdx/host/kvm-abi.h"
#include "tdx/host/status.h"
#include "tee/host/kvm-memory.h"

const char sv_tdx_trial_says[] = "KVM and the TDX module took this guest's attributes, identities, "
                                 "vCPUs and every page of its firmware, and finished the launch. "
                                 "What MRTD became is told to no host: only the guest's own report "
                                 "shows it, so compare that with \"secure-vm measure\"";

#define ADDRESS_WIDTH 0x80000008u /* CPUID leaf; EAX 23:16 */

#define PAGE     4096u
#define FOUR_GIB 0x100000000ull
#define TRIES    10000 /* as the kernel's own retries for random numbers are bounded */

struct trial {
        const char *sysroot;
        const struct sv_guest *guest;
        const struct sv_tdx_options *o;
        int kvm, vm;
        int *vcpus;
        struct sv_kvm_memory memory; /* firmware; everything below its sections' end */
        struct sv_buf firmware;
        struct sv_tdvf tdvf;
        struct sv_kvm_tdx_capabilities caps;
        struct sv_kvm_tdx_init_vm init;
        struct sv_kvm_cpuid host;
};

/* errno of KVM where the module was not asked, or did not say why. */
static const struct {
        int number;
        const char *means;
} reasons[] = {
        {ENOSPC, "every private key identifier is in use: end another TD, or give TDX more of them "
                 "in the machine's setup"},
        {EBUSY,
         "the kernel has no private key identifier or page for it at the moment: end another TD"},
        {EAGAIN, "the kernel asked to be called again each time: the processor has had no random "
                 "numbers for too long; try later"},
        {EINTR, "it was interrupted each time; try again"},
        {E2BIG,
         "this kernel has more CPUID entries than any that is known: secure-vm is too old for it"},
        {EEXIST, "an address of the guest was added already: two sections of the firmware overlap"},
        {EFAULT,
         "the kernel could not read what was passed: that is a defect of secure-vm or the kernel"},
        {ENOMEM, "the host has too little memory left"},
        {EIO, "the TDX module refused; the kernel's log has its status (\"SEAMCALL\")"},
        {EOPNOTSUPP, "this kernel's KVM makes no TD: see what secure-vm host says"},
        {ENOTTY, "this kernel's KVM does not know the call: boot Linux 6.16 or later"},
        {EINVAL,
         "this kernel or module does not offer what was asked for: see what secure-vm host says"},
        {EACCES, "the user may not do this: run as root, or join the group that owns /dev/kvm"},
        {EPERM, "the user may not do this: run as root, or join the group that owns /dev/kvm"},
};

static int fail_tdx_call(const char *what, struct sv_err *err)
{
        int number = errno;

        for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
                if (reasons[i].number == number)
                        return sv_fail(err, SV_SYSTEM, "tdx.trial.kvm", "%s: %s: %s", what,
                                       strerror(number), reasons[i].means);
        return sv_fail(err, SV_SYSTEM, "tdx.trial.kvm", "%s: %s", what, strerror(number));
}

/* A call of the launch, again while KVM asks for it (no random numbers, a lock of the module, a
 * signal). What KVM has done of it is written back into its argument. */
static int call_tdx(int fd, uint32_t id, uint32_t flags, void *data, const char *what,
                    struct sv_err *err)
{
        struct sv_kvm_tdx_cmd cmd = {.id = id, .flags = flags, .data = (uintptr_t)data};
        SV_BUF sentence = SV_BUF_NULL;
        int r, tries = 0;

        do {
                cmd.hw_error = 0;
                r = ioctl(fd, KVM_MEMORY_ENCRYPT_OP, &cmd);
        } while (r < 0 && ++tries < TRIES &&
                 (errno == EAGAIN || errno == EINTR || sv_tdx_status_again(cmd.hw_error)));
        if (r >= 0)
                return 0;
        if (!cmd.hw_error)
                return fail_tdx_call(what, err);
        sv_tdx_status(cmd.hw_error, &sentence);
        if (sv_tdx_status_again(cmd.hw_error))
                return sv_fail(err, SV_SYSTEM, "tdx.trial.busy",
                               "%s: the TDX module is busy, however often it is asked (status "
                               "0x%016llx): %s; try again",
                               what, (unsigned long long)cmd.hw_error, sv_buf_str(&sentence));
        return sv_fail(err, SV_PROOF, "tdx.trial.module",
                       "%s: the TDX module refuses with status 0x%016llx: %s", what,
                       (unsigned long long)cmd.hw_error, sv_buf_str(&sentence));
}

static int split_irqchip(int vm, struct sv_err *err)
{
        struct kvm_enable_cap c = {.cap = SV_KVM_CAP_SPLIT_IRQCHIP, .args = {SV_KVM_IOAPIC_PINS}};

        return ioctl(vm, KVM_ENABLE_CAP, &c) < 0
                       ? fail_tdx_call(
                                 "splitting its interrupt controllers (KVM_CAP_SPLIT_IRQCHIP)", err)
                       : 0;
}

static int create_td_vm(struct trial *t, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/dev/kvm", t->sysroot);
        int most;

        t->kvm = open(path, O_RDWR | O_CLOEXEC);
        if (t->kvm < 0)
                return sv_fail_errno(err, "tdx.trial.kvm",
                                     "/dev/kvm cannot be opened; see what secure-vm host says");
        t->vm = ioctl(t->kvm, KVM_CREATE_VM, SV_KVM_VM_TDX);
        if (t->vm < 0)
                return fail_tdx_call("making a TDX machine (KVM_CREATE_VM)", err);
        t->caps.cpuid.nent = SV_KVM_CPUID_MAX;
        if (call_tdx(t->vm, SV_KVM_TDX_CAPABILITIES, 0, &t->caps,
                     "asking what the TDX module offers (KVM_TDX_CAPABILITIES)", err) < 0 ||
            split_irqchip(t->vm, err) < 0)
                return -1;
        /* Of a TD, as many as the machine has processors, or as the module counts. */
        most = ioctl(t->vm, KVM_CHECK_EXTENSION, SV_KVM_CAP_MAX_VCPUS);
        if (most > 0 && t->guest->vcpus > (unsigned)most)
                return sv_fail(err, SV_USAGE, "tdx.trial.vcpus",
                               "this machine gives a TD at most %d vCPUs, the guest file has %u",
                               most, t->guest->vcpus);
        return 0;
}

/* Of what the processor has, what the module lets us choose: as QEMU does with the host's own
 * processor. */
static int choose_cpuid(struct trial *t, struct sv_err *err)
{
        const struct sv_kvm_cpuid *may = &t->caps.cpuid, *host = &t->host;
        struct sv_kvm_cpuid *out = &t->init.cpuid;

        t->host.nent = SV_KVM_CPUID_MAX;
        if (ioctl(t->kvm, KVM_GET_SUPPORTED_CPUID, &t->host) < 0)
                return fail_tdx_call("asking what the processor has (KVM_GET_SUPPORTED_CPUID)",
                                     err);
        for (uint32_t i = 0; i < may->nent && i < SV_KVM_CPUID_MAX; i++) {
                const struct kvm_cpuid_entry2 *m = &may->entries[i];

                for (uint32_t k = 0; k < host->nent && k < SV_KVM_CPUID_MAX; k++) {
                        struct kvm_cpuid_entry2 e = host->entries[k];

                        if (e.function != m->function ||
                            (m->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX && e.index != m->index))
                                continue;
                        e.eax &= m->eax;
                        e.ebx &= m->ebx;
                        e.ecx &= m->ecx;
                        e.edx &= m->edx;
                        e.index = m->index;
                        e.flags = m->flags;
                        /* KVM wants the width of guest addresses said, 48 or 52 bits; a KVM that
                         * does not tell the host's has 48. */
                        if (e.function == ADDRESS_WIDTH && !(e.eax >> 16 & 0xff))
                                e.eax |= 48u << 16 & m->eax;
                        out->entries[out->nent++] = e;
                        break;
                }
        }
        return 0;
}

static int init_vm(struct trial *t, struct sv_err *err)
{
        uint64_t lacks = t->o->attributes & ~t->caps.attributes;
        struct sv_tdx_ids ids;

        if (lacks)
                return sv_fail(
                        err, SV_SYSTEM, "tdx.trial.kvm",
                        "attributes 0x%llx: this kernel and TDX module do not offer 0x%llx of it",
                        (unsigned long long)t->o->attributes, (unsigned long long)lacks);
        if (sv_tdx_ids(t->o, &ids, err) < 0 || choose_cpuid(t, err) < 0)
                return -1;
        t->init.attributes = t->o->attributes;
        t->init.xfam = t->caps.xfam;
        memcpy(t->init.mrconfigid, ids.mrconfigid, 48);
        memcpy(t->init.mrowner, ids.mrowner, 48);
        memcpy(t->init.mrownerconfig, ids.mrownerconfig, 48);
        return call_tdx(t->vm, SV_KVM_TDX_INIT_VM, 0, &t->init,
                        "preparing it as a TD (KVM_TDX_INIT_VM)", err);
}

static int add_td_slot(struct trial *t, uint64_t gpa, uint64_t size, struct sv_err *err)
{
        return sv_kvm_memory_add(&t->memory, t->vm, gpa, size, fail_tdx_call, err);
}

/* The firmware ends at 4 GiB; the sections that are no part of it lie in low memory, which a guest
 * without that much cannot have. */
static int add_td_memory(struct trial *t, struct sv_err *err)
{
        uint64_t image = (t->firmware.n + PAGE - 1) / PAGE * PAGE, end = 0;

        for (size_t i = 0; i < t->tdvf.n; i++) {
                const struct sv_tdvf_section *s = &t->tdvf.sections[i];

                if (s->gpa >= FOUR_GIB - image && s->gpa < FOUR_GIB && s->size <= FOUR_GIB - s->gpa)
                        continue;
                if (s->gpa + s->size > t->guest->memory || s->gpa + s->size > FOUR_GIB - image)
                        return sv_fail(err, SV_USAGE, "tdx.trial.memory",
                                       "the firmware's section %s at 0x%llx lies outside the "
                                       "guest's memory (%llu bytes); give it more",
                                       sv_tdvf_type_name(s->type), (unsigned long long)s->gpa,
                                       (unsigned long long)t->guest->memory);
                if (s->gpa + s->size > end)
                        end = s->gpa + s->size;
        }
        return add_td_slot(t, FOUR_GIB - image, image, err) < 0 ||
                               (end && add_td_slot(t, 0, end, err) < 0)
                       ? -1
                       : 0;
}

/* Every vCPU is told where the hand-off blocks lie. */
static int add_td_vcpus(struct trial *t, struct sv_err *err)
{
        const struct sv_tdvf_section *hob = sv_tdvf_find(&t->tdvf, SV_TDVF_TD_HOB);

        t->vcpus = malloc(t->guest->vcpus * sizeof(*t->vcpus));
        if (!t->vcpus)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for %u vCPUs",
                               t->guest->vcpus);
        for (unsigned i = 0; i < t->guest->vcpus; i++)
                t->vcpus[i] = -1;
        for (unsigned i = 0; i < t->guest->vcpus; i++) {
                t->vcpus[i] = ioctl(t->vm, KVM_CREATE_VCPU, (unsigned long)i);
                if (t->vcpus[i] < 0)
                        return fail_tdx_call("a vCPU (KVM_CREATE_VCPU)", err);
                /* A TD's local APIC is an x2APIC, which KVM grants only to a vCPU that it was told
                 * to have one. */
                if (ioctl(t->vcpus[i], KVM_SET_CPUID2, &t->host) < 0)
                        return fail_tdx_call("a vCPU's CPUID (KVM_SET_CPUID2)", err);
                /* This is no address in this process but the value of the guest's RCX. */
                if (call_tdx(t->vcpus[i], SV_KVM_TDX_INIT_VCPU, 0, (void *)(uintptr_t)hob->gpa,
                             "preparing a vCPU (KVM_TDX_INIT_VCPU)", err) < 0)
                        return -1;
        }
        return 0;
}

static int add_section(struct trial *t, const struct sv_tdvf_section *s, struct sv_err *err)
{
        struct sv_kvm_tdx_region r = {.gpa = s->gpa, .nr_pages = s->size / PAGE};
        SV_BUF hob = SV_BUF_NULL;
        struct sv_bytes contents = s->memory;
        uint8_t *at = NULL;
        char what[96];

        at = sv_kvm_memory_at(&t->memory, s->gpa);
        if (s->type == SV_TDVF_TD_HOB) {
                if (sv_tdx_hob(&t->tdvf, t->guest->memory, &hob, err) < 0)
                        return -1;
                contents = sv_buf_bytes(&hob);
        }
        if (contents.n)
                memcpy(at, contents.p, contents.n);
        r.source_addr = (uintptr_t)at;
        snprintf(what, sizeof(what), "section %s at 0x%llx (KVM_TDX_INIT_MEM_REGION)",
                 sv_tdvf_type_name(s->type), (unsigned long long)s->gpa);
        return call_tdx(t->vcpus[0], SV_KVM_TDX_INIT_MEM_REGION,
                        s->attributes & SV_TDVF_MR_EXTEND ? SV_KVM_TDX_MEASURE : 0, &r, what, err);
}

static int launch_td(struct trial *t, struct sv_err *err)
{
        for (size_t i = 0; i < t->tdvf.n; i++)
                if (add_section(t, &t->tdvf.sections[i], err) < 0)
                        return -1;
        return call_tdx(t->vm, SV_KVM_TDX_FINALIZE_VM, 0, NULL,
                        "finishing the launch (KVM_TDX_FINALIZE_VM)", err);
}

static void close_td_vm(struct trial *t)
{
        for (unsigned i = 0; t->vcpus && i < t->guest->vcpus; i++)
                sv_closep(&t->vcpus[i]);
        free(t->vcpus);
        sv_closep(&t->vm);
        sv_kvm_memory_free(&t->memory);
        sv_closep(&t->kvm);
        sv_buf_free(&t->firmware);
        free(t);
}

int sv_tdx_trial_at(const char *sysroot, const struct sv_guest *guest, struct sv_err *err)
{
        SV_TDX_OPTIONS o = {0};
        struct sv_domain_part part = {0};
        struct trial *t;
        int r;

        /* What libvirt and QEMU could not start is refused with the same words. */
        r = sv_tdx_domain(guest, &part, err);
        sv_buf_free(&part.launch_security);
        sv_buf_free(&part.features);
        if (r < 0 || sv_tdx_options_read(guest, &o, err) < 0)
                return -1;
        t = calloc(1, sizeof(*t));
        if (!t)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a launch");
        t->sysroot = sysroot;
        t->guest = guest;
        t->o = &o;
        t->kvm = t->vm = -1;
        if (sv_tdx_image_read(guest, &t->firmware, &t->tdvf, err) < 0 || create_td_vm(t, err) < 0 ||
            init_vm(t, err) < 0 || add_td_memory(t, err) < 0 || add_td_vcpus(t, err) < 0 ||
            launch_td(t, err) < 0)
                r = -1;
        close_td_vm(t);
        return r;
}

int sv_tdx_trial(const struct sv_guest *guest, struct sv_err *err)
{
        return sv_tdx_trial_at("", guest, err);
}
