/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/teesim/teesim.h"

#define VMSA_GPA  0xfffffffff000ull /* KVM measures every VMSA as if it lay there */
#define VCPUS_MAX 512

/* POLICY (AMD 56860, table 10). KVM passes on only these; the migration agent is not among them. */
#define POLICY_ONE  (1ull << 17)
#define POLICY_SMT  (1ull << 16)
#define POLICY_BITS (0xffffull | POLICY_SMT | POLICY_ONE | 0x7full << 19)

enum { NORMAL = 1, VMSA = 2, ZERO = 3, UNMEASURED = 4, SECRETS = 5, CPUID = 6 };

static struct {
        bool initialised, started, finished;
        uint64_t features, policy;
        uint8_t ld[LD_SIZE];
        int vcpus[VCPUS_MAX];
        unsigned n_vcpus;
} launch;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void launch_add_vcpu(int fd)
{
        pthread_mutex_lock(&lock);
        if (launch.n_vcpus < VCPUS_MAX)
                launch.vcpus[launch.n_vcpus++] = fd;
        pthread_mutex_unlock(&lock);
}

void launch_reset(void)
{
        pthread_mutex_lock(&lock);
        memset(&launch, 0, sizeof(launch));
        pthread_mutex_unlock(&lock);
}

bool launch_finished(void)
{
        return launch.finished;
}

static int refuse(int error)
{
        errno = error;
        return -1;
}

static int firmware_says(struct sev_cmd *cmd, uint32_t status)
{
        cmd->error = status;
        return status ? refuse(EIO) : 0;
}

/* One step of the measurement: PAGE_INFO (AMD 56860, table 68), 0x70 bytes. */
static void extend(uint8_t type, uint64_t gpa, const uint8_t *contents)
{
        uint8_t info[0x70] = {0};

        memcpy(info, launch.ld, LD_SIZE);
        if (contents && (type == NORMAL || type == VMSA))
                sha384(contents, PAGE, info + 0x30);
        info[0x60] = sizeof(info);
        info[0x62] = type;
        for (unsigned i = 0; i < 8; i++)
                info[0x68 + i] = (uint8_t)(gpa >> 8 * i);
        sha384(info, sizeof(info), launch.ld);
}

static int init2(struct sev_cmd *cmd, const struct sev_init2 *in)
{
        const uint64_t known = 1ull << 5 | 1ull << 9; /* debug swap, secure TSC */

        if (launch.initialised || launch.n_vcpus || in->flags || in->vmsa_features & ~known ||
            in->ghcb_version > 2)
                return refuse(EINVAL);
        launch.initialised = true;
        launch.features = in->vmsa_features | 1; /* SNPActive */
        return 0;
}

static int start(struct sev_cmd *cmd, const struct snp_start *in)
{
        unsigned major = in->policy >> 8 & 0xff, minor = in->policy & 0xff;

        if (!launch.initialised || launch.started || in->flags || in->policy & ~POLICY_BITS ||
            !(in->policy & POLICY_ONE))
                return refuse(EINVAL);
        if (major > API_MAJOR || (major == API_MAJOR && minor > API_MINOR))
                return firmware_says(cmd, FW_POLICY_FAILURE);
        launch.started = true;
        launch.policy = in->policy;
        trace("start policy 0x%llx", (unsigned long long)in->policy);
        return 0;
}

/* The CPUID page: a count of at most 64 entries, and zeros where the format has them (AMD 56860,
 * table 14). */
static bool cpuid_ok(const uint8_t *page)
{
        static const uint8_t zeros[12];

        return page[0] <= 64 && !page[1] && !page[2] && !page[3] &&
               !memcmp(page + 4, zeros, sizeof(zeros));
}

static int update(struct sev_cmd *cmd, struct snp_update *in)
{
        const char *chunk = getenv("TEESIM_CHUNK");
        uint64_t pages = in->len / PAGE, at_once = chunk ? strtoull(chunk, NULL, 10) : pages;
        bool has_contents = in->type != ZERO;
        uint64_t first = in->gfn;

        if (!launch.started || launch.finished || in->flags || in->len % PAGE || !in->len ||
            (in->type != NORMAL && in->type != ZERO && in->type != UNMEASURED &&
             in->type != SECRETS && in->type != CPUID) ||
            (has_contents && (!in->uaddr || in->uaddr % PAGE)))
                return refuse(EINVAL);
        if (!guest_private(in->gfn * PAGE, in->len))
                return refuse(EINVAL);
        for (; in->len && at_once; at_once--) {
                const uint8_t *contents =
                        has_contents ? (const uint8_t *)(uintptr_t)in->uaddr : NULL;

                if (in->type == CPUID && !cpuid_ok(contents))
                        return firmware_says(cmd, FW_INVALID_PARAM);
                extend(in->type, in->gfn * PAGE, contents);
                in->gfn++;
                in->len -= PAGE;
                in->uaddr += has_contents ? PAGE : 0;
        }
        trace("update type %u gpa 0x%llx pages %llu", in->type, (unsigned long long)first * PAGE,
              (unsigned long long)(in->gfn - first));
        return 0;
}

static int measure_vcpus(void)
{
        for (unsigned i = 0; i < launch.n_vcpus; i++) {
                uint8_t page[PAGE];

                if (vmsa_read(launch.vcpus[i], launch.features, page) < 0)
                        return -1;
                extend(VMSA, VMSA_GPA, page);
                trace("vmsa of vCPU %u", i);
        }
        return 0;
}

static int finish(struct sev_cmd *cmd, const struct snp_finish *in)
{
        struct result r = {.outcome = "refused",
                           .policy = launch.policy,
                           .features = launch.features,
                           .vcpus = launch.n_vcpus};
        uint32_t status = FW_OK;

        if (!launch.started || launch.finished || in->flags || in->id_block_en > 1 ||
            in->auth_key_en > 1 || in->vcek_disabled > 1)
                return refuse(EINVAL);
        if (measure_vcpus() < 0)
                return -1;
        if (in->id_block_en)
                status = (uint32_t)idblock_check((const uint8_t *)(uintptr_t)in->id_block,
                                                 (const uint8_t *)(uintptr_t)in->id_auth,
                                                 in->auth_key_en, launch.ld, launch.policy, &r.id);
        launch.finished = status == FW_OK;
        r.outcome = status == FW_OK ? "launched" : "refused";
        r.fw_error = status;
        r.id_block_en = in->id_block_en;
        r.author_key_en = in->id_block_en && in->auth_key_en;
        r.vcek_disabled = in->vcek_disabled;
        memcpy(r.digest, launch.ld, LD_SIZE);
        memcpy(r.host_data, in->host_data, sizeof(r.host_data));
        state_write(&r);
        return firmware_says(cmd, status);
}

int launch_op(int vm, struct sev_cmd *cmd)
{
        void *data = (void *)(uintptr_t)cmd->data;
        int r;

        cmd->error = 0;
        if (!data)
                return refuse(EFAULT);
        pthread_mutex_lock(&lock);
        switch (cmd->id) {
        case SEV_INIT2:
                r = init2(cmd, data);
                break;
        case SNP_START:
                r = start(cmd, data);
                break;
        case SNP_UPDATE:
                r = update(cmd, data);
                break;
        case SNP_FINISH:
                r = finish(cmd, data);
                break;
        default:
                r = refuse(EINVAL);
        }
        if (r < 0) {
                int saved = errno;

                trace("command %u refused: errno %d, firmware 0x%x", cmd->id, saved, cmd->error);
                errno = saved;
        }
        pthread_mutex_unlock(&lock);
        return r;
}
