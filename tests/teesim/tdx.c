/* SPDX-License-Identifier: Apache-2.0 */
/* A TD's launch: what KVM checks, what the TDX module checks and measures. Order and errors are
 * those of Linux 6.16 (arch/x86/kvm/vmx/tdx.c): each page is added and, where the caller asks for
 * it, extended at once. */
#include <cpuid.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/teesim/tdx.h"
#include "tests/teesim/teesim.h"

#define CHUNK    256u /* of TDH.MR.EXTEND */
#define TD_VCPUS 512
#define TD_PAGES 65536
#define HOB_MAX  (64 * PAGE)

static struct {
        bool initialised, finalised;
        unsigned refused; /* INIT_VM: how often there was no entropy */
        struct td td;
        EVP_MD_CTX *mrtd;
        struct {
                int fd;
                bool initialised;
        } vcpus[TD_VCPUS];
        unsigned n_vcpus;
        uint64_t hob_gpa;
        uint64_t pages[TD_PAGES]; /* what was added */
        size_t n_pages;
} td;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int refuse(int error)
{
        errno = error;
        return -1;
}

static unsigned long number(const char *name)
{
        const char *text = getenv(name);

        return text ? strtoul(text, NULL, 0) : 0;
}

void tdx_reset(void)
{
        pthread_mutex_lock(&lock);
        EVP_MD_CTX_free(td.mrtd);
        free(td.td.hob);
        memset(&td, 0, sizeof(td));
        pthread_mutex_unlock(&lock);
}

bool tdx_may_create_vcpu(void)
{
        return td.initialised && !td.finalised;
}

void tdx_add_vcpu(int fd)
{
        pthread_mutex_lock(&lock);
        if (td.n_vcpus < TD_VCPUS)
                td.vcpus[td.n_vcpus++].fd = fd;
        pthread_mutex_unlock(&lock);
}

/* --- MRTD --- */

static void measure_head(const char *name, uint64_t gpa)
{
        uint8_t head[128] = {0};

        memcpy(head, name, strlen(name));
        for (unsigned i = 0; i < 8; i++)
                head[16 + i] = (uint8_t)(gpa >> 8 * i);
        EVP_DigestUpdate(td.mrtd, head, sizeof(head));
}

static void add_page(uint64_t gpa, const uint8_t *contents, bool extend)
{
        measure_head("MEM.PAGE.ADD", gpa);
        for (unsigned at = 0; extend && at < PAGE; at += CHUNK) {
                measure_head("MR.EXTEND", gpa + at);
                EVP_DigestUpdate(td.mrtd, contents + at, CHUNK);
        }
}

/* --- KVM_TDX_INIT_VM --- */

static bool zeros(const void *p, size_t n)
{
        const uint8_t *bytes = p;

        while (n && !bytes[n - 1])
                n--;
        return !n;
}

/* The module's own view of parameters that KVM let pass: AVX-512 needs AVX and comes whole, AMX
 * comes whole (table "XFAM"). */
static uint64_t module_says(const struct td *t)
{
        uint64_t avx512 = t->xfam >> 5 & 7, amx = t->xfam >> 17 & 3;

        if ((avx512 && (avx512 != 7 || !(t->xfam & 4))) || (amx && amx != 3) || (t->xfam & 3) != 3)
                return TDX_OPERAND_INVALID | OPERAND_XFAM;
        return 0;
}

static unsigned machine_width(void)
{
        unsigned eax = 0, ebx, ecx, edx;

        return __get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx) ? eax & 0xff : 0;
}

static int init_vm(struct tdx_cmd *cmd, const struct tdx_init_vm *in)
{
        if (td.initialised || cmd->flags)
                return refuse(EINVAL);
        if (in->cpuid.nent > 256)
                return refuse(E2BIG);
        if (!zeros(in->reserved, sizeof(in->reserved)) || in->cpuid.padding)
                return refuse(EINVAL);
        if (td.n_vcpus)
                return refuse(EBUSY);
        if (in->attributes & ~TD_ATTRIBUTES || in->xfam & ~TD_XFAM ||
            tdx_cpuid_take(&in->cpuid, machine_width()) < 0)
                return refuse(EINVAL);
        if (td.refused < number("TEESIM_NO_ENTROPY")) {
                td.refused++;
                return refuse(EAGAIN);
        }
        td.td.attributes = in->attributes;
        td.td.xfam = in->xfam | 3;
        memcpy(td.td.mrconfigid, in->mrconfigid, MR_SIZE);
        memcpy(td.td.mrowner, in->mrowner, MR_SIZE);
        memcpy(td.td.mrownerconfig, in->mrownerconfig, MR_SIZE);
        cmd->hw_error = module_says(&td.td);
        if (cmd->hw_error)
                return refuse(EINVAL);
        /* A host with a KVM of its own may set what QEMU did not ask for. */
        td.td.attributes |= number("TEESIM_TD_ATTRIBUTES");
        td.mrtd = EVP_MD_CTX_new();
        if (!td.mrtd || EVP_DigestInit_ex(td.mrtd, EVP_sha384(), NULL) != 1)
                return refuse(ENOMEM);
        td.initialised = true;
        trace("init attributes 0x%llx xfam 0x%llx", (unsigned long long)td.td.attributes,
              (unsigned long long)td.td.xfam);
        return 0;
}

/* --- KVM_TDX_INIT_MEM_REGION --- */

static bool added(uint64_t gpa)
{
        for (size_t i = td.n_pages; i-- > 0;)
                if (td.pages[i] == gpa)
                        return true;
        return false;
}

static void keep_hob(const struct tdx_mem_region *r)
{
        size_t n = r->pages * PAGE < HOB_MAX ? r->pages * PAGE : HOB_MAX;

        if (r->gpa != td.hob_gpa || td.td.hob)
                return;
        td.td.hob = malloc(n);
        if (!td.td.hob)
                abort();
        memcpy(td.td.hob, (const void *)(uintptr_t)r->source, n);
        td.td.hob_size = n;
}

/* The address space of a TD without 5-level paging; above lies what it shares. */
static bool private_gpa(uint64_t gpa)
{
        return gpa < 1ull << 47;
}

static int add_region(struct tdx_cmd *cmd, struct tdx_mem_region *r)
{
        bool extend = cmd->flags & TDX_MEASURE;
        uint64_t at_once = number("TEESIM_CHUNK"), first = r->gpa, end = r->gpa + r->pages * PAGE;

        if (cmd->flags & ~TDX_MEASURE || r->source % PAGE || r->gpa % PAGE || !r->pages ||
            end <= r->gpa || !private_gpa(r->gpa) || !private_gpa(end - 1))
                return refuse(EINVAL);
        /* of guest_memfd, with the private attribute: kvm_gmem_populate */
        if (!guest_private(r->gpa, PAGE))
                return refuse(EINVAL);
        keep_hob(r);
        for (uint64_t n = 0; r->pages; n++) {
                if (at_once && n == at_once)
                        return refuse(EINTR);
                if (!guest_private(r->gpa, PAGE))
                        return refuse(EINVAL);
                if (added(r->gpa))
                        return refuse(EEXIST);
                if (td.n_pages == TD_PAGES)
                        return refuse(ENOMEM);
                add_page(r->gpa, (const uint8_t *)(uintptr_t)r->source, extend);
                td.pages[td.n_pages++] = r->gpa;
                r->source += PAGE;
                r->gpa += PAGE;
                r->pages--;
        }
        trace("add gpa 0x%llx pages %llu%s", (unsigned long long)first,
              (unsigned long long)((end - first) / PAGE), extend ? " extend" : "");
        return 0;
}

static int init_vcpu(const struct tdx_cmd *cmd, unsigned which)
{
        if (cmd->flags || td.vcpus[which].initialised)
                return refuse(EINVAL);
        td.vcpus[which].initialised = true;
        td.hob_gpa = cmd->data;
        return 0;
}

/* --- KVM_TDX_FINALIZE_VM --- */

static int finalize(struct tdx_cmd *cmd)
{
        unsigned size = 0;

        if (!td.initialised || td.finalised)
                return refuse(EINVAL);
        if (number("TEESIM_BUSY")) {
                cmd->hw_error = TDX_OPERAND_BUSY;
                return refuse(EBUSY);
        }
        EVP_DigestFinal_ex(td.mrtd, td.td.mrtd, &size);
        td.finalised = true;
        td.td.vcpus = td.n_vcpus;
        td.td.hob_gpa = td.hob_gpa;
        tdx_state_write(&td.td);
        trace("finalize");
        return 0;
}

void tdx_put_info(uint8_t *info)
{
        pthread_mutex_lock(&lock);
        memcpy(info, &td.td.attributes, 8);
        memcpy(info + 8, &td.td.xfam, 8);
        memcpy(info + 16, td.td.mrtd, MR_SIZE);
        memcpy(info + 64, td.td.mrconfigid, MR_SIZE);
        memcpy(info + 112, td.td.mrowner, MR_SIZE);
        memcpy(info + 160, td.td.mrownerconfig, MR_SIZE);
        pthread_mutex_unlock(&lock);
}

/* --- the two ioctls --- */

static int ended(const struct tdx_cmd *cmd, int r)
{
        int saved = errno;

        if (r < 0)
                trace("command %u refused: errno %d, module 0x%llx", cmd->id, saved,
                      (unsigned long long)cmd->hw_error);
        pthread_mutex_unlock(&lock);
        errno = saved;
        return r;
}

int tdx_vm_op(struct tdx_cmd *cmd)
{
        void *data = (void *)(uintptr_t)cmd->data;
        int r;

        if (cmd->hw_error)
                return refuse(EINVAL);
        if (!data && cmd->id != TDX_FINALIZE_VM)
                return refuse(EFAULT);
        pthread_mutex_lock(&lock);
        switch (cmd->id) {
        case TDX_CAPABILITIES:
                r = cmd->flags ? refuse(EINVAL) : tdx_capabilities(data);
                break;
        case TDX_INIT_VM:
                r = init_vm(cmd, data);
                break;
        case TDX_FINALIZE_VM:
                r = finalize(cmd);
                break;
        default:
                r = refuse(EINVAL);
        }
        return ended(cmd, r);
}

int tdx_vcpu_op(int fd, struct tdx_cmd *cmd)
{
        void *data = (void *)(uintptr_t)cmd->data;
        unsigned which = 0;
        int r;

        while (which < td.n_vcpus && td.vcpus[which].fd != fd)
                which++;
        if (!td.initialised || td.finalised || which == td.n_vcpus || cmd->hw_error)
                return refuse(EINVAL);
        if (!data && cmd->id != TDX_INIT_VCPU)
                return refuse(EFAULT);
        pthread_mutex_lock(&lock);
        switch (cmd->id) {
        case TDX_INIT_VCPU:
                r = init_vcpu(cmd, which);
                break;
        case TDX_INIT_MEM_REGION:
                r = td.vcpus[which].initialised ? add_region(cmd, data) : refuse(EINVAL);
                break;
        case TDX_GET_CPUID:
                r = tdx_cpuid_give(data);
                break;
        default:
                r = refuse(EINVAL);
        }
        return ended(cmd, r);
}
