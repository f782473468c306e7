/* SPDX-License-Identifier: Apache-2.0 */
/* The encrypted disk's /sbin/init of the SNP chain (tests/e2e/snp.py): asks /dev/sev-guest for all
 * that it gives, through the code of the shipped attester (sev/guest/device.h), says what came,
 * what the kernel shows of the host's tables, and that the disk is open: on the console, or, where
 * there is none, through the agent's port. Static, so that the disk needs nothing else. */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "tee/tsm.h"
#include "sev/verify/certtable.h"
#include "sev/guest/device.h"
#include "sev/verify/report.h"

static void say_report(const char *what, struct sv_bytes data, struct sv_buf *certs)
{
        SV_BUF report = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;
        struct sv_cert_table table = {.n = 0};
        struct sv_report r;
        char digest[97];

        if (sv_snp_dev_report(NULL, data, 0, &report, certs, &err) < 0 ||
            sv_report_parse(sv_buf_bytes(&report), &r, &err) < 0 ||
            (certs && sv_cert_table_parse(sv_buf_bytes(certs), &table, &err) < 0)) {
                printf("e2e-device: %s: %s: %s\n", what, err.check, err.msg);
                return;
        }
        printf("e2e-device: %s: digest %s, data %s, %zu certificates\n", what,
               sv_hex(sv_bytes(r.measurement, 48), digest),
               memcmp(r.report_data, data.p, data.n) ? "another" : "ours", table.n);
}

static struct sv_secret *derive(const struct sv_snp_key *key)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_secret *s = sv_snp_dev_derive(NULL, key, &err);

        if (!s)
                printf("e2e-device: key: %s: %s\n", err.check, err.msg);
        return s;
}

static void say_keys(void)
{
        const struct sv_snp_key plain = {.fields = SV_SNP_KEY_MEASUREMENT},
                                other = {.fields = SV_SNP_KEY_MEASUREMENT | SV_SNP_KEY_POLICY},
                                refused = {.fields = SV_SNP_KEY_MEASUREMENT, .vmpl = 4};
        SV_SECRET *a = derive(&plain), *b = derive(&plain), *c = derive(&other),
                  *d = derive(&refused);

        if (a && b && c && !d)
                printf("e2e-device: keys: %zu bytes, asked again %s, of other fields %s\n",
                       sv_secret_size(a),
                       memcmp(sv_secret_reveal(a), sv_secret_reveal(b), SV_SNP_KEY_SIZE)
                               ? "another"
                               : "the same",
                       memcmp(sv_secret_reveal(a), sv_secret_reveal(c), SV_SNP_KEY_SIZE)
                               ? "another"
                               : "the same");
}

/* Which way the agent went: it takes configfs-tsm where that answers. */
static void say_provider(void)
{
        char name[32] = "none";

        mount("none", "/sys", "sysfs", 0, NULL);
        mount("none", "/sys/kernel/config", "configfs", 0, NULL);
        sv_tsm_provider(NULL, name, NULL);
        printf("e2e-device: configfs-tsm: %s\n", name);
}

/* As the agent left it: before anything is mounted here. */
static void say_host(void)
{
        static const char *const folders[] = {"/sys/firmware/dmi", "/sys/firmware/qemu_fw_cfg",
                                              "/sys/devices/virtual/dmi/id",
                                              "/sys/firmware/memmap"};

        printf("e2e-host:");
        for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
                if (access(folders[i], F_OK) == 0)
                        printf(" %s", folders[i]);
        printf("\n");
}

static int open_port(void)
{
        glob_t found = {0};
        int fd = -1;

        for (size_t i = 0;
             glob("/dev/vport*", 0, NULL, &found) == 0 && i < found.gl_pathc && fd < 0;)
                fd = open(found.gl_pathv[i++], O_WRONLY);
        return fd;
}

int main(void)
{
        int console = open("/dev/console", O_RDWR), fd = console < 0 ? open_port() : console;
        uint8_t data[SV_SNP_REPORT_DATA];
        SV_BUF certs = SV_BUF_NULL;

        for (int i = 0; fd >= 0 && i < 3; i++)
                dup2(fd, i);
        say_host();
        say_provider();
        memset(data, 0x5a, sizeof(data));
        say_report("report", sv_bytes(data, sizeof(data)), NULL);
        say_report("extended report", sv_bytes(data, sizeof(data)), &certs);
        say_keys();
        printf("e2e-root: the disk is open, pid %d\n", (int)getpid());
        fflush(stdout);
        for (;;)
                pause();
}
