/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of confidential guests through the kernel's configfs-tsm
 * (Documentation/ABI/testing/configfs-tsm-report), the same for every vendor: a directory of our
 * own, `inblob` in, `outblob` out. Not for a directory that another process uses too. */
#pragma once

#include "base/core/buf.h"

#define SV_TSM_ROOT       "/sys/kernel/config/tsm/report"
#define SV_TSM_INBLOB_MAX 64
#define SV_TSM_NO_LEVEL   (-1)

/* How a directory below the root is made, used and removed; tests put a kernel of their own here. 0
 * or -errno. */
struct sv_tsm_ops {
        int (*make)(void *arg, const char *dir);
        void (*remove)(void *arg, const char *dir);
        int (*write)(void *arg, const char *dir, const char *attribute, struct sv_bytes data);
        /* appends */
        int (*read)(void *arg, const char *dir, const char *attribute, struct sv_buf *out);
        void (*pause)(void *arg, unsigned ms);
        void *arg;
};

struct sv_tsm {
        const char *root;             /* NULL: SV_TSM_ROOT */
        const struct sv_tsm_ops *ops; /* NULL: the system's files */
};

struct sv_tsm_report {
        char provider[32]; /* "sev_guest", "tdx_guest" */
        struct sv_buf outblob;
        struct sv_buf auxblob; /* empty when the provider has none */
};
void sv_tsm_report_free(struct sv_tsm_report *r);
#define SV_TSM_REPORT __attribute__((cleanup(sv_tsm_report_free))) struct sv_tsm_report

/* A fresh report over `inblob` (1 to 64 bytes). `provider` is the one that must answer; privlevel:
 * SV_TSM_NO_LEVEL leaves the kernel's default. Everything in *out was made for these bytes: when
 * the generation shows that another process wrote, the report is requested again. SV_SYSTEM
 * "tsm.make", "tsm.provider", "tsm.write", "tsm.read", "tsm.busy", "tsm.generation". */
int sv_tsm_get(const struct sv_tsm *tsm, const char *provider, int privlevel,
               struct sv_bytes inblob, struct sv_tsm_report *out, struct sv_err *err);
/* Who answers here. SV_SYSTEM "tsm.make", "tsm.provider". */
int sv_tsm_provider(const struct sv_tsm *tsm, char out[32], struct sv_err *err);
