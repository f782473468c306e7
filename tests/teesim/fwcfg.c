/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/teesim/fwcfg.h"

#include <fcntl.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/virt/qtest.h"

#define SELECT 0x510
#define DATA   0x511
#define FILES  0x19

static int monitor(virDomainPtr dom, const char *command, char **answer)
{
        return virDomainQemuMonitorCommand(dom, command, answer,
                                           VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP);
}

/* The domain "g" of a connection, which is *conn's. NULL when there is none. */
static virDomainPtr open_domain(const char *uri, virConnectPtr *conn)
{
        *conn = virConnectOpen(uri);
        return *conn ? virDomainLookupByName(*conn, "g") : NULL;
}

static void close_domain(virDomainPtr dom, virConnectPtr conn)
{
        if (dom)
                virDomainFree(dom);
        if (conn)
                virConnectClose(conn);
}

int fwcfg_by_monitor(struct fwcfg *f, unsigned key, size_t n, struct sv_buf *out)
{
        virConnectPtr conn;
        virDomainPtr dom = open_domain(f->uri, &conn);
        char select[32], read[32], *answer = NULL;
        int r = -1;

        snprintf(select, sizeof(select), "o /h 0x%x 0x%x", SELECT, key);
        snprintf(read, sizeof(read), "i /b 0x%x", DATA);
        if (dom && monitor(dom, select, &answer) == 0)
                r = 0;
        free(answer);
        for (size_t i = 0; r == 0 && i < n; i++) {
                unsigned port, value;

                answer = NULL;
                if (monitor(dom, read, &answer) < 0 ||
                    sscanf(answer, "portb[%x] = %x", &port, &value) != 2)
                        r = -1;
                else
                        sv_buf_u8(out, (uint8_t)value);
                free(answer);
        }
        close_domain(dom, conn);
        return r;
}

int fwcfg_by_qtest(struct fwcfg *f, unsigned key, size_t n, struct sv_buf *out)
{
        struct sv_err err = SV_ERR_NULL;

        if (sv_qtest_read_item(f->qtest, (uint16_t)key, n, out, &err) == 0)
                return 0;
        fprintf(stderr, "%s\n", err.msg);
        return -1;
}

static int read_memory(pid_t pid, uint64_t at, size_t n, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("/proc/%ld/mem", (long)pid);
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);
        uint8_t *p = sv_buf_grow(out, n);

        return fd >= 0 && pread(fd, p, n, (off_t)at) == (ssize_t)n ? 0 : -1;
}

int fwcfg_block(const char *uri, pid_t pid, const char *name, struct sv_buf *out)
{
        SV_STR start = sv_asprintf("/rom@%s ", name);
        virConnectPtr conn;
        virDomainPtr dom = open_domain(uri, &conn);
        unsigned long long used, at;
        char *answer = NULL;
        const char *line = NULL;
        int r = -1;

        if (dom && monitor(dom, "info ramblock", &answer) == 0)
                line = strstr(answer, start);
        /* page size, its unit, offset, used length, length, address in QEMU */
        if (line && sscanf(line + strlen(start), "%*s %*s %*s %llx %*s %llx", &used, &at) == 2 &&
            used <= 1 << 20)
                r = read_memory(pid, at, (size_t)used, out);
        else
                fprintf(stderr, "no %sin QEMU's blocks:\n%s\n", start, answer ? answer : "");
        free(answer);
        close_domain(dom, conn);
        return r;
}

static size_t be32(const uint8_t *p)
{
        return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static int read_directory(struct fwcfg *f)
{
        size_t n;

        if (f->directory.n)
                return 0;
        if (f->read(f, FILES, 4, &f->directory) < 0)
                return -1;
        n = be32(f->directory.p);
        if (f->first && n > f->first)
                n = f->first;
        sv_buf_clear(&f->directory);
        return n > 100 ? -1 : f->read(f, FILES, 4 + 64 * n, &f->directory);
}

int fwcfg_file(struct fwcfg *f, const char *name, size_t most, size_t *size, struct sv_buf *out)
{
        if (read_directory(f) < 0)
                return -1;
        for (const uint8_t *e = f->directory.p + 4; e < f->directory.p + f->directory.n; e += 64)
                if (!strncmp((const char *)e + 8, name, 56)) {
                        *size = be32(e);
                        return f->read(f, (unsigned)(e[4] << 8 | e[5]), *size < most ? *size : most,
                                       out);
                }
        return -1;
}
