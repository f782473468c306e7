/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "tests/teesim/teesim.h"

struct snp_status { /* AMD 56860, SNP_PLATFORM_STATUS */
        uint8_t api_major, api_minor, state, rmp_initialized;
        uint32_t build, flags, guests;
        uint64_t current_tcb, reported_tcb;
};
struct snp_config {
        uint64_t reported_tcb;
        uint32_t mask;
        uint8_t reserved[52];
};
struct vlek_load { /* address: 432 bytes: iv 12, zero 4, wrapped 384, TCB 8, zero 8, tag 16 */
        uint32_t len;
        uint8_t version, reserved[3];
        uint64_t address;
};
/* linux/psp-sev.h, SEV_PDH_CERT_EXPORT: libvirt asks for these even where only SNP is wanted */
struct export
{
        uint64_t pdh;
        uint32_t pdh_len;
        uint64_t chain;
        uint32_t chain_len;
}
__attribute__((packed));

/* Milan: boot loader 4, TEE 0, SNP 25, microcode 213. */
#define TCB (4ull | 0ull << 8 | 25ull << 48 | 213ull << 56)

#define FORCED UINT32_MAX
static uint64_t reported = TCB;
static uint32_t mask;
static bool vlek;

static bool initialised(void)
{
        return !getenv("TEESIM_SEV_DOWN");
}

/* TEESIM_FW_STATUS: what the firmware answers to the next command that would change something. */
static uint32_t forced(void)
{
        const char *s = getenv("TEESIM_FW_STATUS");

        return s ? (uint32_t)strtoul(s, NULL, 0) : FW_OK;
}

/* TEESIM_FW_IDLE: a firmware that says yes to such a command, and does nothing. */
static bool is_idle(const struct sev_issue *i)
{
        return getenv("TEESIM_FW_IDLE") && i->cmd >= SNP_COMMIT;
}

static bool at_most_current(uint64_t tcb)
{
        for (unsigned i = 0; i < 8; i++)
                if ((tcb >> 8 * i & 0xff) > (TCB >> 8 * i & 0xff))
                        return false;
        return true;
}

/* The firmware that runs is committed, and reported from now on. */
static uint32_t snp_commit(void)
{
        reported = TCB;
        return FW_OK;
}

static uint32_t snp_status(void *data)
{
        *(struct snp_status *)data = (struct snp_status){.api_major = API_MAJOR,
                                                         .api_minor = API_MINOR,
                                                         .state = initialised(),
                                                         .rmp_initialized = 1,
                                                         .build = 29,
                                                         .flags = mask | (uint32_t)vlek << 2,
                                                         .current_tcb = TCB,
                                                         .reported_tcb = reported};
        return FW_OK;
}

/* Each component at most what runs. */
static uint32_t snp_config(const struct snp_config *c)
{
        if (!at_most_current(c->reported_tcb))
                return FW_INVALID_PARAM;
        for (unsigned i = 0; i < sizeof(c->reserved); i++)
                if (c->reserved[i])
                        return FW_INVALID_PARAM;
        if (c->mask & ~3u)
                return FW_INVALID_PARAM;
        reported = c->reported_tcb ? c->reported_tcb : TCB;
        mask = c->mask;
        return FW_OK;
}

/* The key itself is wrapped for a real chip: here its TCB, and that the bytes which must be zero
 * are. */
static uint32_t vlek_load(const struct vlek_load *v)
{
        const uint8_t *w = (const uint8_t *)(uintptr_t)v->address;
        static const uint8_t zero[8];
        uint64_t tcb;

        memcpy(&tcb, w + 400, 8);
        if (memcmp(w + 12, zero, 4) || memcmp(w + 408, zero, 8) || !at_most_current(tcb))
                return FW_INVALID_PARAM;
        vlek = true;
        return FW_OK;
}

/* What Linux refuses before it asks the firmware (drivers/crypto/ccp/sev-dev.c's rules, from its
 * documentation and uapi). */
static int kernel_refuses(int fd, const struct sev_issue *i)
{
        const struct vlek_load *v = (const void *)(uintptr_t)i->data;

        if (i->cmd != SNP_COMMIT && i->cmd != SNP_CONFIG && i->cmd != SNP_VLEK_LOAD)
                return 0;
        if (i->cmd != SNP_COMMIT && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
                return EPERM;
        if (!initialised() ||
            (i->cmd == SNP_VLEK_LOAD && (v->len != sizeof(*v) || v->version || !v->address)))
                return EINVAL;
        return 0;
}

static uint32_t export(struct export *e)
{
        if (e->pdh_len < 4 || e->chain_len < 4) {
                e->pdh_len = e->chain_len = 4;
                return FW_INVALID_LEN;
        }
        memcpy((void *)(uintptr_t)e->pdh, "test", 4);
        memcpy((void *)(uintptr_t)e->chain, "test", 4);
        return FW_OK;
}

static uint32_t id2(const void *data)
{
        struct {
                uint64_t address;
                uint32_t length;
        } __attribute__((packed)) *id = (void *)data;

        if (id->length < 64) {
                id->length = 64;
                return FW_INVALID_LEN;
        }
        memset((void *)(uintptr_t)id->address, 0x5a, 64);
        return FW_OK;
}

static uint32_t legacy_status(void *data)
{
        uint8_t *s = data; /* api, state, flags (4), build, guests (4); packed */

        memset(s, 0, 12);
        s[0] = API_MAJOR;
        s[1] = API_MINOR;
        s[2] = 1;
        s[7] = 29;
        return FW_OK;
}

int on_sev(int fd, unsigned request, void *arg)
{
        struct sev_issue *i = arg;
        void *data;

        if (request != (unsigned)SEV_ISSUE) {
                errno = ENOTTY;
                return -1;
        }
        data = (void *)(uintptr_t)i->data;
        if (!data && i->cmd != SNP_COMMIT) {
                errno = EFAULT;
                return -1;
        }
        errno = kernel_refuses(fd, i);
        if (errno)
                return -1;
        i->error = i->cmd >= SNP_COMMIT ? forced() : FW_OK;
        if (i->error == FW_OK && is_idle(i))
                return 0;
        switch (i->error == FW_OK ? i->cmd : FORCED) {
        case FORCED:
                break;
        case PLATFORM_STATUS:
                i->error = legacy_status(data);
                break;
        case PDH_CERT_EXPORT:
                i->error = export(data);
                break;
        case GET_ID2:
                i->error = id2(data);
                break;
        case SNP_STATUS:
                i->error = snp_status(data);
                break;
        case SNP_COMMIT:
                i->error = snp_commit();
                break;
        case SNP_CONFIG:
                i->error = snp_config(data);
                break;
        case SNP_VLEK_LOAD:
                i->error = vlek_load(data);
                break;
        default:
                i->error = FW_INVALID_COMMAND;
        }
        if (i->error == FW_OK)
                return 0;
        errno = EIO;
        return -1;
}
