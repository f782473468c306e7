/* SPDX-License-Identifier: Apache-2.0 */
/* The event log of a TD's direct boot: which registers firmware and stub extend, with what, in
 * which order. Written from edk2 (OvmfPkg/IntelTdx/TdxHelperLib, TdTcg2Dxe, QemuFwCfgCacheInit,
 * stable202508) and Linux (efi-stub-helper.c), apart from tdx/. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/rd.h"
#include "tests/teesim/signer.h"

#define SHA384      0x000cu
#define DIGEST_SIZE 48u

enum { /* TCG PC Client Platform Firmware Profile, section 10.4.1 */
       NO_ACTION = 3,
       SEPARATOR = 4,
       EVENT_TAG = 6,
       CONFIG_FLAGS = 10,
       VARIABLE_CONFIG = 0x80000001u,
       BOOT_APPLICATION = 0x80000003u,
       EFI_ACTION = 0x80000007u,
       FIRMWARE_BLOB2 = 0x8000000au,
       HANDOFF_TABLES2 = 0x8000000bu,
};

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        fprintf(stderr, "event log: %s\n", what);
        exit(1);
}

static void sha384(struct sv_bytes data, uint8_t out[DIGEST_SIZE])
{
        must(EVP_Digest(data.p ? (const void *)data.p : "", data.n, out, NULL, EVP_sha384(),
                        NULL) == 1,
             "digest");
}

static void put_event(struct sv_buf *log, unsigned rtmr, uint32_t type,
                      const uint8_t digest[DIGEST_SIZE], struct sv_bytes data)
{
        sv_buf_u32le(log, rtmr + 1);
        sv_buf_u32le(log, type);
        sv_buf_u32le(log, 1);
        sv_buf_u16le(log, SHA384);
        sv_buf_put(log, sv_bytes(digest, DIGEST_SIZE));
        sv_buf_u32le(log, (uint32_t)data.n);
        sv_buf_put(log, data);
}

/* An event over `what`, which the log describes by `data`. */
static void measure(struct sv_buf *log, unsigned rtmr, uint32_t type, struct sv_bytes what,
                    struct sv_bytes data)
{
        uint8_t digest[DIGEST_SIZE];

        sha384(what, digest);
        put_event(log, rtmr, type, digest, data);
}

static void put_spec_id(struct sv_buf *log)
{
        static const char signature[16] = "Spec ID Event03";
        const uint8_t zeros[20] = {0};
        SV_BUF data = SV_BUF_NULL;

        sv_buf_put(&data, sv_bytes(signature, sizeof(signature)));
        sv_buf_u32le(&data, 0);                     /* platform class */
        sv_buf_put(&data, sv_bytes("\0\2\0\2", 4)); /* 2.0, errata 0, 64-bit */
        sv_buf_u32le(&data, 1);
        sv_buf_u16le(&data, SHA384);
        sv_buf_u16le(&data, DIGEST_SIZE);
        sv_buf_u8(&data, 0);
        sv_buf_u32le(log, 1);
        sv_buf_u32le(log, NO_ACTION);
        sv_buf_put(log, sv_bytes(zeros, sizeof(zeros)));
        sv_buf_u32le(log, (uint32_t)data.n);
        sv_buf_put(log, sv_buf_bytes(&data));
}

/* --- RTMR0 --- */

/* The hand-off blocks that were really in the TD's memory, without their end. */
static void put_hob(struct sv_buf *log, const struct sv_json *state)
{
        SV_BUF hob = SV_BUF_NULL;
        uint64_t end;
        struct sv_rd rd;

        must(sv_json_need_hex(state, "hob", &hob, "state", NULL) == 0,
             "the state has no hand-off blocks");
        rd = sv_rd(sv_buf_bytes(&hob));
        sv_rd_seek(&rd, 48); /* PHIT: EfiEndOfHobList */
        end = sv_rd_u64le(&rd) - (uint64_t)sv_json_int(sv_json_get(state, "hob_gpa"), 0);
        must(end > 8 && end <= hob.n, "hand-off blocks without an end");
        measure(log, 0, HANDOFF_TABLES2, sv_bytes(hob.p, end - 8), sv_bytes("\x08TdxTable", 9));
}

/* The configuration volume: in Debian's image all below the firmware's code, as its metadata say
 * (section type 1). */
static struct sv_bytes config_volume(struct sv_bytes firmware)
{
        /* before the descriptor */
        static const char guid[] =
                "\xf3\xf9\xea\xe9\x8e\x16\xd5\x44\xa8\xeb\x7f\x4d\x87\x38\xf6\xae";

        for (size_t at = 0; at + 32 < firmware.n; at++) {
                struct sv_rd rd = sv_rd(firmware);
                uint32_t n;

                if (memcmp(firmware.p + at, guid, 16) || memcmp(firmware.p + at + 16, "TDVF", 4))
                        continue;
                sv_rd_seek(&rd, at + 28);
                for (n = sv_rd_u32le(&rd); n && !rd.bad; n--) {
                        uint32_t offset = sv_rd_u32le(&rd), size = sv_rd_u32le(&rd), type;

                        sv_rd_take(&rd, 16);
                        type = sv_rd_u32le(&rd);
                        sv_rd_take(&rd, 4);
                        if (!rd.bad && type == 1 && offset <= firmware.n &&
                            size <= firmware.n - offset)
                                return sv_bytes(firmware.p + offset, size);
                }
        }
        must(false, "the firmware has no configuration volume");
        return sv_bytes(NULL, 0);
}

static void put_variable(struct sv_buf *log, const char *name, const char *guid)
{
        SV_BUF data = SV_BUF_NULL;

        sv_buf_put(&data, sv_bytes(guid, 16));
        sv_buf_u64le(&data, strlen(name));
        sv_buf_u64le(&data, name[0] == 'S' ? 1 : 0);
        for (const char *c = name; *c; c++)
                sv_buf_u16le(&data, (uint16_t)*c);
        if (name[0] == 'S')
                sv_buf_u8(&data, 0); /* SecureBoot: off */
        measure(log, 0, VARIABLE_CONFIG, sv_buf_bytes(&data), sv_buf_bytes(&data));
}

static void put_rtmr0(struct sv_buf *log, const struct td_boot *b)
{
        static const char global[] =
                "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c";
        static const char images[] =
                "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f";
        static const char order[] = "/rom@genroms/linuxboot_dma.bin";

        put_hob(log, b->state);
        measure(log, 0, FIRMWARE_BLOB2, config_volume(b->firmware),
                sv_bytes_str("configuration volume"));
        measure(log, 0, CONFIG_FLAGS, sv_bytes("\0\0", 2), sv_bytes_str("QEMU FW CFG BootMenu"));
        measure(log, 0, CONFIG_FLAGS, sv_bytes(order, sizeof(order)),
                sv_bytes_str("QEMU FW CFG bootorder"));
        put_variable(log, "SecureBoot", global);
        put_variable(log, "PK", global);
        put_variable(log, "KEK", global);
        put_variable(log, "db", images);
        put_variable(log, "dbx", images);
        measure(log, 0, SEPARATOR, sv_bytes("\0\0\0", 4), sv_bytes("\0\0\0", 4));
}

/* --- RTMR1 --- */

static uint32_t word(struct sv_bytes b, size_t at)
{
        struct sv_rd rd = sv_rd(b);

        sv_rd_seek(&rd, at);
        return sv_rd_u32le(&rd);
}

/* Authenticode: all but the checksum, the directory's entry for certificates, and the certificates,
 * which end the file. */
static void put_image(struct sv_buf *log, struct sv_bytes pe)
{
        uint32_t optional = word(pe, 0x3c) + 24, checksum = optional + 64, certs = optional + 144,
                 at = word(pe, certs), size = word(pe, certs + 4);
        SV_BUF all = SV_BUF_NULL;
        uint8_t digest[DIGEST_SIZE];

        must((word(pe, optional) & 0xffff) == 0x20b && certs + 8 < pe.n &&
                     (!size || (uint64_t)at + size == pe.n),
             "the kernel is no signed or unsigned PE32+");
        sv_buf_put(&all, sv_bytes(pe.p, checksum));
        sv_buf_put(&all, sv_bytes(pe.p + checksum + 4, certs - checksum - 4));
        sv_buf_put(&all, sv_bytes(pe.p + certs + 8, (size ? at : pe.n) - certs - 8));
        sha384(sv_buf_bytes(&all), digest);
        put_event(log, 1, BOOT_APPLICATION, digest, sv_bytes_str("kernel"));
}

static void put_action(struct sv_buf *log, const char *text)
{
        measure(log, 1, EFI_ACTION, sv_bytes_str(text), sv_bytes_str(text));
}

/* --- RTMR2 --- */

/* TCG_PCClientTaggedEvent: id, size, text. */
static void put_tagged(struct sv_buf *log, uint32_t id, const char *text, struct sv_bytes what)
{
        SV_BUF data = SV_BUF_NULL;

        sv_buf_u32le(&data, id);
        sv_buf_u32le(&data, (uint32_t)strlen(text) + 1);
        sv_buf_put(&data, sv_bytes(text, strlen(text) + 1));
        measure(log, 2, EVENT_TAG, what, sv_buf_bytes(&data));
}

static void put_options(struct sv_buf *log, const char *cmdline)
{
        static const char word_first[] = "initrd=initrd ";
        SV_BUF wide = SV_BUF_NULL;

        for (const char *c = word_first; *c; c++)
                sv_buf_u16le(&wide, (uint16_t)*c);
        for (const char *c = cmdline; *c; c++)
                sv_buf_u16le(&wide, (uint16_t)(unsigned char)*c);
        sv_buf_u16le(&wide, 0);
        put_tagged(log, 0x8f3b22edu, "LOADED_IMAGE::LoadOptions", sv_buf_bytes(&wide));
}

void td_ccel(const struct td_boot *b, struct sv_buf *out)
{
        put_spec_id(out);
        put_rtmr0(out, b);
        put_image(out, b->kernel);
        put_action(out, "Calling EFI Application from Boot Option");
        measure(out, 1, SEPARATOR, sv_bytes("\0\0\0", 4), sv_bytes("\0\0\0", 4));
        put_options(out, b->cmdline);
        put_tagged(out, 0x8f3b22ecu, "Linux initrd", b->initrd);
        put_action(out, "Exit Boot Services Invocation");
        put_action(out, "Exit Boot Services Returned with Success");
}

int intel_replay(struct sv_bytes ccel, uint8_t rtmr[4][48], struct sv_err *err)
{
        struct sv_rd rd = sv_rd(ccel);

        memset(rtmr, 0, 4 * DIGEST_SIZE);
        sv_rd_take(&rd, 28);
        sv_rd_take(&rd, sv_rd_u32le(&rd)); /* the specification's event */
        while (sv_rd_left(&rd) >= 4) {
                uint8_t both[2 * DIGEST_SIZE];
                uint32_t index = sv_rd_u32le(&rd);

                if (!index || index == UINT32_MAX)
                        break;
                sv_rd_take(&rd, 4);
                if (index > 4 || sv_rd_u32le(&rd) != 1 || sv_rd_u16le(&rd) != SHA384)
                        return sv_fail(err, SV_FORMAT, "ccel", "an event of another form");
                memcpy(both, rtmr[index - 1], DIGEST_SIZE);
                sv_rd_copy(&rd, both + DIGEST_SIZE, DIGEST_SIZE);
                sv_rd_take(&rd, sv_rd_u32le(&rd));
                if (rd.bad)
                        return sv_fail(err, SV_FORMAT, "ccel", "the log is cut off");
                sha384(sv_bytes(both, sizeof(both)), rtmr[index - 1]);
        }
        return 0;
}
