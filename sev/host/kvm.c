/* SPDX-License-Identifier: Apache-2.0 */
/* A launch without QEMU: the guest's firmware, sections and vCPUs go to KVM's own calls
 * (Documentation/virt/kvm, x86/amd-memory-encryption), with an ID block that carries the digest we
 * predict. The secure processor then confirms or refuses the prediction. Nothing runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "sev/measure/cpu.h"
#include "sev/host/host.h"
#include "sev/measure/idblock.h"
#include "sev/host/kvm-abi.h"
#include "sev/host/kvm-vcpu.h"
#include "sev/measure/launch.h"
#include "sev/measure/measure.h"
#include "sev/tee.h"
#include "tee/host/kvm-memory.h"

#define FOUR_GIB 0x100000000ull
#define RESET    0xfffffff0u

struct trial {
        const struct sv_guest *guest;
        const struct sv_sev_options *o;
        int kvm, sev, vm;
        int *vcpus;
        struct sv_kvm_memory memory; /* firmware; everything below its sections' end */
        struct sv_buf firmware;
        struct sv_sev_meta meta;
        struct sv_boot_hashes hashes;
        uint8_t digest[SV_SNP_DIGEST];
};

static int fail_snp_call(const char *what, struct sv_err *err)
{
        const char *hint =
                errno == ENOTTY || errno == EINVAL
                        ? "; this kernel does not support it: see what secure-vm host says"
                        : "";

        return sv_fail(err, SV_SYSTEM, "sev.trial.kvm", "%s: %s%s", what, strerror(errno), hint);
}

/* A call of the launch, again while KVM asks for it. */
static int call_sev_launch(struct trial *t, uint32_t id, void *data, const char *what,
                           struct sv_err *err)
{
        struct sv_kvm_sev_cmd cmd = {.id = id, .data = (uintptr_t)data, .sev_fd = (uint32_t)t->sev};
        int r;

        do {
                cmd.error = 0;
                r = ioctl(t->vm, KVM_MEMORY_ENCRYPT_OP, &cmd);
        } while (r < 0 && (errno == EAGAIN || errno == EINTR));
        if (r == 0)
                return 0;
        if (!cmd.error)
                return fail_snp_call(what, err);
        return sv_fail(err, SV_PROOF,
                       cmd.error == 0xb ? "sev.trial.measurement" : "sev.trial.firmware",
                       "%s: the firmware refuses with status 0x%x: %s", what, cmd.error,
                       sv_sev_status(cmd.error));
}

static int create_snp_vm(struct trial *t, struct sv_err *err)
{
        /* KVM adds SNPActive */
        struct sv_kvm_sev_init init = {.vmsa_features = t->o->features & ~1ull};

        t->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
        t->sev = open("/dev/sev", O_RDWR | O_CLOEXEC);
        if (t->kvm < 0 || t->sev < 0)
                return sv_fail_errno(err, "sev.trial.kvm",
                                     "%s cannot be opened; see what secure-vm host says",
                                     t->kvm < 0 ? "/dev/kvm" : "/dev/sev");
        t->vm = ioctl(t->kvm, KVM_CREATE_VM, SV_KVM_VM_SNP);
        if (t->vm < 0)
                return fail_snp_call("making an SNP machine (KVM_CREATE_VM)", err);
        if (call_sev_launch(t, SV_KVM_SEV_INIT2, &init, "preparing it for SNP (KVM_SEV_INIT2)",
                            err) < 0)
                return -1;
        return ioctl(t->vm, KVM_CREATE_IRQCHIP, NULL) < 0
                       ? fail_snp_call("its interrupt controllers (KVM_CREATE_IRQCHIP)", err)
                       : 0;
}

static int add_snp_slot(struct trial *t, uint64_t gpa, uint64_t size, struct sv_err *err)
{
        return sv_kvm_memory_add(&t->memory, t->vm, gpa, size, fail_snp_call, err);
}

static int add_snp_memory(struct trial *t, struct sv_err *err)
{
        uint64_t end = 0;

        for (size_t i = 0; i < t->meta.n; i++)
                if ((uint64_t)t->meta.sections[i].gpa + t->meta.sections[i].len > end)
                        end = (uint64_t)t->meta.sections[i].gpa + t->meta.sections[i].len;
        return add_snp_slot(t, FOUR_GIB - t->firmware.n, t->firmware.n, err) < 0 ||
                               (end && add_snp_slot(t, 0, end, err) < 0)
                       ? -1
                       : 0;
}

static int add_snp_vcpus(struct trial *t, struct sv_err *err)
{
        struct sv_vmsa_in v = {.vmm = SV_VMM_QEMU,
                               .eip = RESET,
                               .cpu_sig = (uint32_t)t->o->cpu_sig,
                               .features = t->o->features};
        uint8_t page[SV_VMSA_SIZE];

        if (!v.cpu_sig && sv_cpu_sig_of(t->guest->cpu, &v.cpu_sig, err) < 0)
                return -1;
        for (unsigned i = 0; i < t->guest->vcpus; i++) {
                v.ap = i > 0;
                v.eip = i > 0 ? t->meta.reset_eip : RESET;
                sv_vmsa_make(&v, page);
                t->vcpus[i] = ioctl(t->vm, KVM_CREATE_VCPU, (unsigned long)i);
                if (t->vcpus[i] < 0)
                        return fail_snp_call("a vCPU (KVM_CREATE_VCPU)", err);
                if (sv_kvm_vcpu_set(t->vcpus[i], page, err) < 0)
                        return -1;
        }
        return 0;
}

/* KVM takes as much as it likes at a time and moves the range on. */
static int submit_pages(struct trial *t, enum sv_snp_page type, uint64_t gpa, uint64_t size,
                        const char *what, struct sv_err *err)
{
        struct sv_kvm_snp_update u = {
                .gfn_start = gpa / SV_SNP_PAGE, .len = size, .type = (uint8_t)type};
        char text[96];

        u.uaddr = (uintptr_t)sv_kvm_memory_at(&t->memory, gpa);
        snprintf(text, sizeof(text), "%s at 0x%llx (SNP_LAUNCH_UPDATE)", what,
                 (unsigned long long)gpa);
        while (u.len) {
                uint64_t left = u.len;

                if (call_sev_launch(t, SV_KVM_SNP_UPDATE, &u, text, err) < 0)
                        return -1;
                if (u.len >= left)
                        return sv_fail(err, SV_SYSTEM, "sev.trial.kvm", "%s: KVM takes no page",
                                       text);
        }
        return 0;
}

static int submit_section(struct trial *t, const struct sv_sev_section *s, struct sv_err *err)
{
        enum sv_snp_page type = s->type == SV_SEV_SEC_SECRETS ? SV_SNP_SECRETS
                                : s->type == SV_SEV_SEC_CPUID ? SV_SNP_CPUID
                                                              : SV_SNP_ZERO;

        if (s->type == SV_SEV_SEC_KERNEL_HASHES && (t->guest->kernel || t->guest->uki)) {
                type = SV_SNP_NORMAL;
                if (sv_hash_table_page(&t->meta, &t->hashes, t->memory.slots[1].shared + s->gpa,
                                       err) < 0)
                        return -1;
        }
        /* The CPUID page stays empty: its contents are not measured, and nothing runs that would
         * read it. */
        return submit_pages(t, type, s->gpa, s->len, s->name, err);
}

static int launch_snp_guest(struct trial *t, struct sv_err *err)
{
        struct sv_kvm_snp_start start = {.policy = t->o->policy};

        memcpy(t->memory.slots[0].shared, t->firmware.p, t->firmware.n);
        if (call_sev_launch(t, SV_KVM_SNP_START, &start,
                            "beginning the launch with this policy (SNP_LAUNCH_START)", err) < 0 ||
            submit_pages(t, SV_SNP_NORMAL, t->memory.slots[0].gpa, t->memory.slots[0].size,
                         "the firmware", err) < 0)
                return -1;
        for (size_t i = 0; i < t->meta.n; i++)
                if (submit_section(t, &t->meta.sections[i], err) < 0)
                        return -1;
        return 0;
}

/* The guest's own ID block; without one, an ID block is made with a signature that no private key
 * made: what matters is that the firmware compares the digest. */
static int finish_launch(struct trial *t, struct sv_err *err)
{
        struct sv_id_block id = {.version = 1, .policy = t->o->policy};
        uint8_t ours[SV_ID_BLOCK_SIZE], ours_auth[SV_ID_AUTH_SIZE];
        struct sv_kvm_snp_finish f = {.id_block_uaddr = (uintptr_t)ours,
                                      .id_auth_uaddr = (uintptr_t)ours_auth,
                                      .id_block_en = 1};
        SV_BUF block = SV_BUF_NULL;
        SV_BUF auth = SV_BUF_NULL;
        bool given;

        memcpy(id.launch_digest, t->digest, sizeof(id.launch_digest));
        sv_id_block_write(&id, ours);
        if (sv_id_auth_anonymous(ours, ours_auth, err) < 0 ||
            sv_sev_id_given(t->guest, t->o, &block, &auth, &given, err) < 0)
                return -1;
        if (given) {
                f.id_block_uaddr = (uintptr_t)block.p;
                f.id_auth_uaddr = (uintptr_t)auth.p;
                f.auth_key_en = t->o->author_key;
        }
        if (sv_sev_host_data(t->o, f.host_data, &given, err) < 0)
                return -1;
        return call_sev_launch(
                t, SV_KVM_SNP_FINISH, &f,
                "finishing the launch with our digest in the ID block (SNP_LAUNCH_FINISH)", err);
}

static int prepare_launch(struct trial *t, struct sv_err *err)
{
        SV_BUF line = SV_BUF_NULL;
        struct sv_footer footer;
        const struct sv_guest *g = t->guest;

        if (sv_file_read(g->firmware ? g->firmware : SV_SEV_FIRMWARE, SV_FIRMWARE_SIZE_MAX,
                         &t->firmware, "sev.firmware", err) < 0 ||
            sv_footer_parse(sv_buf_bytes(&t->firmware), &footer, err) < 0 ||
            sv_sev_meta_parse(&footer, &t->meta, err) < 0)
                return -1;
        if ((g->kernel || g->uki) && (sv_guest_cmdline(g, &line, err) < 0 ||
                                      sv_boot_hashes(g->kernel ? g->kernel : g->uki, g->initrd,
                                                     sv_buf_str(&line), &t->hashes, err) < 0))
                return -1;
        t->vcpus = malloc(g->vcpus * sizeof(*t->vcpus));
        if (!t->vcpus)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for %u vCPUs", g->vcpus);
        for (unsigned i = 0; i < g->vcpus; i++)
                t->vcpus[i] = -1;
        return sv_sev_predict(t->guest, t->digest, err);
}

static void close_snp_vm(struct trial *t)
{
        for (unsigned i = 0; t->vcpus && i < t->guest->vcpus; i++)
                if (t->vcpus[i] >= 0)
                        close(t->vcpus[i]);
        free(t->vcpus);
        sv_closep(&t->vm);
        sv_kvm_memory_free(&t->memory);
        sv_closep(&t->sev);
        sv_closep(&t->kvm);
        sv_buf_free(&t->firmware);
}

int sv_sev_trial(const struct sv_guest *guest, struct sv_err *err)
{
        SV_SEV_OPTIONS o = {0};
        struct sv_domain_part part = {0};
        struct trial t = {.guest = guest, .o = &o, .kvm = -1, .sev = -1, .vm = -1};
        int r;

        /* What libvirt and QEMU could not start is refused with the same words. */
        r = sv_sev_domain(guest, &part, err);
        sv_buf_free(&part.launch_security);
        sv_buf_free(&part.features);
        if (r < 0 || sv_sev_options_read(guest, &o, err) < 0)
                return -1;
        if (prepare_launch(&t, err) < 0 || create_snp_vm(&t, err) < 0 ||
            add_snp_memory(&t, err) < 0 || add_snp_vcpus(&t, err) < 0 ||
            launch_snp_guest(&t, err) < 0 || finish_launch(&t, err) < 0)
                r = -1;
        close_snp_vm(&t);
        return r;
}
