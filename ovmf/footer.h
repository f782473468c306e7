/* SPDX-License-Identifier: Apache-2.0 */
/* The table of GUIDed entries at the end of an OVMF image (edk2 OvmfPkg/ResetVector): where the
 * firmware tells a launcher what it needs. Ends 32 bytes before the end of the file and is read
 * backwards. Pure. */
#pragma once

#include "base/core/bytes.h"
#include "base/core/limits.h"

#define SV_PAGE 4096u

/* GUIDs as text, in the form of the UEFI specification (first three fields little endian in
 * memory). */
#define SV_GUID_FOOTER         "96b582de-1fb2-45f7-baea-a366c55a082d"
#define SV_GUID_SEV_ES_RESET   "00f771de-1a7e-4fcb-890e-68c77e2fb44e"
#define SV_GUID_SEV_HASH_TABLE "7255371f-3a3b-4b04-927b-1da6efa8d454"
#define SV_GUID_SEV_SECRET     "4c2eb361-7d9b-4cc3-8081-127c90d3d294"
#define SV_GUID_SEV_METADATA   "dc886566-984a-4798-a75e-5585a7bf67cc"
#define SV_GUID_TDX_METADATA   "e47a6535-984a-4798-865e-4685a7bf8ec2"
#define SV_GUID_SVSM_INFO      "a789a612-0597-4c4b-a49f-cbb1fe9d1ddd"

struct sv_footer {
        struct sv_bytes image;
        size_t n;
        struct {
                char guid[37];
                struct sv_bytes data;
        } entries[SV_FOOTER_ENTRIES_MAX]; /* nearest to the end of the file first */
};

/* Views point into the image. SV_FORMAT "ovmf.size" (not a multiple of 4 KiB, empty, above 16 MiB),
 * "ovmf.footer" (no such table), "ovmf.footer.entry" (a size that runs out of the table, or a GUID
 * twice: readers differ in which one they take). */
int sv_footer_parse(struct sv_bytes image, struct sv_footer *out, struct sv_err *err);
/* The entry with this GUID; false when there is none. */
bool sv_footer_get(const struct sv_footer *f, const char *guid, struct sv_bytes *data);
/* An entry of exactly one or two little-endian 32-bit words. SV_FORMAT "ovmf.footer.missing",
 * "ovmf.footer.entry". */
int sv_footer_words(const struct sv_footer *f, const char *guid, const char *name, uint32_t *words,
                    size_t n, struct sv_err *err);

/* 16 bytes as they lie in memory, to text; out has 37 bytes. */
char *sv_guid_text(const uint8_t raw[16], char out[37]);
/* The other way; the text must be well formed (used for constants only). */
void sv_guid_raw(const char *text, uint8_t raw[16]);
