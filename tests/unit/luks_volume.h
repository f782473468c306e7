/* SPDX-License-Identifier: Apache-2.0 */
/* A volume of zeros, encrypted here, with its key and its header. */
#pragma once

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "luks/binding.h"
#include "luks/crypt.h"

static struct sv_err err;
static char path[] = "/tmp/secure-vm-luks-XXXXXX";
static struct sv_secret *key;
static struct sv_buf head;

static int make_volume(uint64_t size)
{
        SV_FD fd = mkstemp(path);
        SV_FD plain = open("/dev/zero", O_RDONLY);
        const struct sv_luks_in in = {.plain = sv_source_file(plain, 0, size), .out = fd};
        SV_BUF all = SV_BUF_NULL;

        if (fd < 0 || plain < 0)
                return -1;
        key = sv_secret_random(SV_DISK_KEY_SIZE, &err);
        assert_non_null(key);
        OK(sv_luks_encrypt(&in, key, &err));
        OK(sv_file_read(path, 64u << 20, &all, "test", &err));
        assert_int_equal(all.n, size + SV_LUKS_DATA_OFFSET);
        sv_buf_put(&head, sv_bytes(all.p, SV_LUKS_DATA_OFFSET));
        return 0;
}

static int tear_down(void **state)
{
        unlink(path);
        sv_secret_free(key);
        sv_buf_free(&head);
        return 0;
}
