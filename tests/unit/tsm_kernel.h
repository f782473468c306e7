/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: the kernel's side of configfs-tsm, as drivers/virt/coco/tsm.c does it: generation,
 * cached reports, one directory. */
#pragma once

#include <errno.h>

#include "tee/tsm.h"
#include "tests/unit/unit.h"

struct tsm_kernel {
        const char *provider;
        /* makes an outblob */
        void (*report)(const uint8_t *inblob, size_t n, int privlevel, struct sv_buf *out);
        struct sv_bytes aux;
        bool no_aux;     /* the attribute is not there */
        int busy;        /* so many reads of outblob are answered with EBUSY */
        int intruder;    /* so many times somebody else writes before outblob is read */
        int clashes;     /* so many directory names are taken */
        int write_error; /* of inblob */
        int privlevel_floor;
        /* state */
        char dir[512];
        unsigned made, removed, pauses, writes;
        uint8_t inblob[64];
        size_t n;
        int privlevel;
        struct sv_bytes fixed; /* when no `report`: this */
};

static int tsmk_make(void *arg, const char *dir)
{
        struct tsm_kernel *k = arg;

        if (k->clashes-- > 0)
                return -EEXIST;
        assert_string_equal(k->dir, "");
        snprintf(k->dir, sizeof(k->dir), "%s", dir);
        k->made++;
        return 0;
}

static void tsmk_remove(void *arg, const char *dir)
{
        struct tsm_kernel *k = arg;

        assert_string_equal(k->dir, dir);
        k->dir[0] = 0;
        k->removed++;
}

static int tsmk_write(void *arg, const char *dir, const char *attribute, struct sv_bytes data)
{
        struct tsm_kernel *k = arg;

        assert_string_equal(k->dir, dir);
        if (!strcmp(attribute, "privlevel")) {
                k->privlevel = data.p[0] - '0';
                if (data.n != 1 || k->privlevel < k->privlevel_floor || k->privlevel > 3)
                        return -EINVAL;
        } else {
                assert_string_equal(attribute, "inblob");
                if (k->write_error)
                        return k->write_error;
                if (data.n < 1 || data.n > sizeof(k->inblob))
                        return -EINVAL;
                memcpy(k->inblob, data.p, data.n);
                k->n = data.n;
        }
        k->writes++;
        return 0;
}

static int tsmk_read(void *arg, const char *dir, const char *attribute, struct sv_buf *out)
{
        struct tsm_kernel *k = arg;

        assert_string_equal(k->dir, dir);
        if (!strcmp(attribute, "provider")) {
                sv_buf_printf(out, "%s\n", k->provider);
        } else if (!strcmp(attribute, "generation")) {
                sv_buf_printf(out, "%u\n", k->writes);
        } else if (!strcmp(attribute, "auxblob")) {
                if (k->no_aux)
                        return -ENOENT;
                sv_buf_put(out, k->aux);
        } else {
                assert_string_equal(attribute, "outblob");
                if (k->busy-- > 0) {
                        sv_buf_puts(out, "half"); /* what was read before must not stay */
                        return -EBUSY;
                }
                if (k->intruder-- > 0)
                        k->writes++;
                if (k->report)
                        k->report(k->inblob, k->n, k->privlevel, out);
                else
                        sv_buf_put(out, k->fixed);
        }
        return 0;
}

static void tsmk_pause(void *arg, unsigned ms)
{
        ((struct tsm_kernel *)arg)->pauses++;
}

static inline struct sv_tsm_ops tsm_kernel_ops(struct tsm_kernel *k)
{
        return (struct sv_tsm_ops){tsmk_make, tsmk_remove, tsmk_write, tsmk_read, tsmk_pause, k};
}
