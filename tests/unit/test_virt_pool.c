/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a host read and written through libvirt's streams, which are a few functions here: each
 * is ended once, what breaks is given up and told. */
#include "base/crypto/crypto.h"
#include "launcher/virt/virt-int.h"
#include "launcher/virt/virt-pool.h"
#include "tests/unit/unit.h"

#define LENGTH 700000 /* of the file, more than two pieces */

static struct sv_err err;
static struct sv_virt subject;
static uint8_t original[LENGTH], copied[LENGTH];
static virError error = {.message = (char *)"it broke", .code = VIR_ERR_OPERATION_FAILED};

/* A stream: which way, and how far it is. */
struct flow {
        bool upload;
        size_t at;
};
static struct {
        size_t recv_breaks, send_breaks; /* at this byte */
        bool finish_breaks;              /* of what was written */
        int open, finished, aborted;
} seen;

static virStreamPtr make_flow(virConnectPtr conn, unsigned flags)
{
        seen.open++;
        return (virStreamPtr)calloc(1, sizeof(struct flow));
}

static int free_flow(virStreamPtr s)
{
        seen.open--;
        free(s);
        return 0;
}

static virStoragePoolPtr find_pool(virConnectPtr conn, const char *path)
{
        return (virStoragePoolPtr)&subject;
}

static int refresh_pool(virStoragePoolPtr pool, unsigned flags)
{
        return 0;
}

static int free_pool(virStoragePoolPtr pool)
{
        return 0;
}

static virStorageVolPtr find_vol(virStoragePoolPtr pool, const char *name)
{
        return strcmp(name, "absent") ? (virStorageVolPtr)&subject : NULL;
}

static int free_vol(virStorageVolPtr vol)
{
        return 0;
}

static int begin_flow(virStreamPtr s, bool upload, unsigned long long offset)
{
        *(struct flow *)s = (struct flow){upload, offset};
        return 0;
}

static int begin_download(virStorageVolPtr vol, virStreamPtr s, unsigned long long offset,
                          unsigned long long n, unsigned flags)
{
        return begin_flow(s, false, offset);
}

static int begin_upload(virStorageVolPtr vol, virStreamPtr s, unsigned long long offset,
                        unsigned long long n, unsigned flags)
{
        return begin_flow(s, true, offset);
}

static int receive(virStreamPtr s, char *out, size_t n)
{
        struct flow *f = (struct flow *)s;

        assert_false(f->upload);
        if (seen.recv_breaks && f->at >= seen.recv_breaks)
                return -1;
        n = n < LENGTH - f->at ? n : LENGTH - f->at;
        memcpy(out, original + f->at, n);
        f->at += n;
        return (int)n;
}

/* Never all at once. */
static int take_some(virStreamPtr s, const char *p, size_t n)
{
        struct flow *f = (struct flow *)s;

        assert_true(f->upload && f->at + n <= LENGTH);
        if (seen.send_breaks && f->at >= seen.send_breaks)
                return -1;
        n = n < 100000 ? n : 100000;
        memcpy(copied + f->at, p, n);
        f->at += n;
        return (int)n;
}

static int finish_flow(virStreamPtr s)
{
        seen.finished++;
        return seen.finish_breaks && ((struct flow *)s)->upload ? -1 : 0;
}

static int abort_flow(virStreamPtr s)
{
        seen.aborted++;
        return 0;
}

static virErrorPtr give_error(void)
{
        return &error;
}

static void begin(void)
{
        memset(&seen, 0, sizeof(seen));
        memset(copied, 0, sizeof(copied));
        for (size_t i = 0; i < LENGTH; i++)
                original[i] = (uint8_t)(i * 7 + i / 256);
        vir.StreamNew = make_flow;
        vir.StreamFree = free_flow;
        vir.StreamRecv = receive;
        vir.StreamSend = take_some;
        vir.StreamFinish = finish_flow;
        vir.StreamAbort = abort_flow;
        vir.StoragePoolLookupByTargetPath = find_pool;
        vir.StoragePoolRefresh = refresh_pool;
        vir.StoragePoolFree = free_pool;
        vir.StorageVolLookupByName = find_vol;
        vir.StorageVolFree = free_vol;
        vir.StorageVolDownload = begin_download;
        vir.StorageVolUpload = begin_upload;
        vir.GetLastError = give_error;
}

static struct sv_pool *open_here(void)
{
        struct sv_pool *p = NULL;

        OK(sv_pool_open(&subject, "/d", false, &p, &err));
        return p;
}

static void digest(void **state)
{
        uint8_t found[32], expected[32];
        SV_POOL *p = NULL;

        begin();
        p = open_here();
        OK(sv_digest(SV_SHA256, sv_bytes(original, LENGTH), expected, &err));
        OK(sv_pool_digest(p, "f", found, &err));
        assert_memory_equal(found, expected, 32);
        assert_int_equal(seen.finished, 1);
        FAILS(sv_pool_digest(p, "absent", found, &err), SV_SYSTEM, "virt.operation");
        seen.recv_breaks = LENGTH / 2;
        FAILS(sv_pool_digest(p, "f", found, &err), SV_SYSTEM, "virt.operation");
        assert_non_null(strstr(err.msg, "it broke"));
        assert_int_equal(seen.aborted, 1);
        assert_int_equal(seen.open, 0);
}

static void copies(void **state)
{
        SV_POOL *p = NULL;

        begin();
        p = open_here();
        OK(sv_pool_copy(p, p, "f", &err));
        assert_memory_equal(copied, original, LENGTH);
        assert_int_equal(seen.finished, 2);
        assert_int_equal(seen.aborted, 0);
        for (int i = 0; i < 3; i++) {
                begin();
                seen.recv_breaks = i == 0 ? LENGTH / 2 : 0;
                seen.send_breaks = i == 1 ? LENGTH / 2 : 0;
                seen.finish_breaks = i == 2;
                FAILS(sv_pool_copy(p, p, "f", &err), SV_SYSTEM, "virt.operation");
                assert_non_null(strstr(err.msg, "it broke"));
                assert_int_equal(seen.aborted, i == 2 ? 0 : 2);
                assert_int_equal(seen.open, 0);
        }
        FAILS(sv_pool_copy(p, p, "absent", &err), SV_SYSTEM, "virt.operation");
        assert_int_equal(seen.open, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(digest),
                cmocka_unit_test(copies),
        };

        return cmocka_run_group_tests_name("virt-pool", tests, NULL, NULL);
}
