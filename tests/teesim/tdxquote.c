/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that asks its host for a quote: the first run of its first vCPU ends as
 * TDG.VP.VMCALL<GetQuote> does (Intel GHCI 1.5, section 3.3; Linux 6.16, struct kvm_run.tdx), with
 * a TD's report in memory that it shares. QEMU does the rest; what it leaves there is the result.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/teesim/tdx.h"
#include "tests/teesim/teesim.h"

#define EXIT_TDX  40
#define GET_QUOTE 0x10002u
#define IN_FLIGHT UINT64_MAX
#define REPORT    1024u
#define BUFFER    (16ull << 20) /* in low memory, and in no section of a firmware */
#define BUFFER_N  (8 * PAGE)

struct exit_tdx { /* the beginning of struct kvm_run */
        uint8_t before[8];
        uint32_t reason;
        uint8_t between[20];
        uint64_t flags, nr, ret, gpa, size;
};
_Static_assert(offsetof(struct exit_tdx, flags) == 32, "struct kvm_run");

struct buffer { /* GHCI, table 3-10 */
        uint64_t version, status;
        uint32_t in_len, out_len;
        uint8_t data[];
};

static struct {
        pthread_mutex_t lock;
        int fd;
        enum { TO_ASK, ASKED, DONE } state;
        struct exit_tdx *run;
        struct buffer *buffer;
} ask = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/* TDREPORT_STRUCT: type, REPORTDATA, and of TDINFO what the launch said. The MAC is the played
 * service's not to check. */
static void put_report(uint8_t *r)
{
        memset(r, 0, REPORT);
        r[0] = 0x81;
        for (unsigned i = 0; i < 64; i++)
                r[128 + i] = (uint8_t)(0xa0 + i);
        tdx_put_info(r + 512);
}

static bool begin(int fd)
{
        ask.run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        ask.buffer = guest_shared(BUFFER, BUFFER_N);
        if (ask.run == MAP_FAILED || !ask.buffer)
                abort();
        memset(ask.buffer, 0, BUFFER_N);
        ask.buffer->version = 1;
        ask.buffer->in_len = REPORT;
        put_report(ask.buffer->data);
        ask.run->reason = EXIT_TDX;
        ask.run->flags = 0;
        ask.run->nr = GET_QUOTE;
        ask.run->ret = IN_FLIGHT; /* whatever: user space must set it */
        ask.run->gpa = BUFFER;
        ask.run->size = BUFFER_N;
        return true;
}

static void end(void)
{
        const char *path = getenv("TEESIM_QUOTE");
        char new[1024];
        FILE *f;

        if (!path)
                abort();
        snprintf(new, sizeof(new), "%s.new", path);
        f = fopen(new, "w");
        if (!f)
                abort();
        fprintf(f, "{\"returned\":\"%llx\",\"status\":\"%llx\",\"quote\":\"",
                (unsigned long long)ask.run->ret, (unsigned long long)ask.buffer->status);
        for (uint32_t i = 0; i < ask.buffer->out_len && i < BUFFER_N - sizeof(*ask.buffer); i++)
                fprintf(f, "%02x", ask.buffer->data[i]);
        fprintf(f, "\"}\n");
        if (fclose(f) || rename(new, path) < 0)
                abort();
}

int tdx_run_quote(int fd)
{
        int r = -1;

        pthread_mutex_lock(&ask.lock);
        if (ask.fd < 0)
                ask.fd = fd;
        if (ask.fd == fd && ask.state == TO_ASK && begin(fd)) {
                ask.state = ASKED;
                r = 0;
        } else if (ask.fd == fd && ask.state == ASKED &&
                   (ask.run->ret ||
                    __atomic_load_n(&ask.buffer->status, __ATOMIC_ACQUIRE) != IN_FLIGHT)) {
                end();
                ask.state = DONE;
        }
        pthread_mutex_unlock(&ask.lock);
        if (r == 0)
                return 0;
        poll(NULL, 0, 50);
        errno = EINTR;
        return -1;
}
