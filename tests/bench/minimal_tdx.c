/* SPDX-License-Identifier: Apache-2.0 */
/* The least that MRTD costs (Intel TDX Module Base Architecture Specification, TDH.MEM.PAGE.ADD,
 * TDH.MR.EXTEND): one SHA-384 over 128 bytes for each page that is added and over 128 and its
 * contents for each 256 bytes that are measured. Not MRTD itself: which pages, and where they lie,
 * is left out, which changes no cost.
 * RTMR0 also holds the configuration volume: one SHA-384 more.
 *     minimal_tdx FIRMWARE MEASURED ADDED VOLUME       pages measured (from the file, then zeros),
 * pages only added, pages of the volume */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE  4096
#define CHUNK 256

int main(int argc, char **argv)
{
        static unsigned char page[PAGE], head[128];
        unsigned char mrtd[48], volume[48];
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        FILE *f = argc == 5 ? fopen(argv[1], "rb") : NULL;

        if (!f || !ctx || !EVP_DigestInit_ex(ctx, EVP_sha384(), NULL)) {
                fprintf(stderr, "usage: minimal_tdx FIRMWARE MEASURED ADDED VOLUME\n");
                return 2;
        }
        for (long n = atol(argv[2]); n > 0; n--) {
                size_t got = fread(page, 1, PAGE, f);

                if (got != PAGE && ferror(f))
                        return 3;
                EVP_DigestUpdate(ctx, head, sizeof(head));
                for (int at = 0; at < PAGE; at += CHUNK) {
                        EVP_DigestUpdate(ctx, head, sizeof(head));
                        EVP_DigestUpdate(ctx, page + at, CHUNK);
                }
        }
        for (long n = atol(argv[3]); n > 0; n--)
                EVP_DigestUpdate(ctx, head, sizeof(head));
        EVP_DigestFinal_ex(ctx, mrtd, NULL);
        EVP_DigestInit_ex(ctx, NULL, NULL);
        rewind(f);
        for (long n = atol(argv[4]); n > 0 && fread(page, 1, PAGE, f) == PAGE; n--)
                EVP_DigestUpdate(ctx, page, PAGE);
        EVP_DigestFinal_ex(ctx, volume, NULL);
        for (int i = 0; i < 48; i++)
                printf("%02x%02x", mrtd[i], volume[i]);
        putchar('\n');
        return 0;
}
