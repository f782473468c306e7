/* SPDX-License-Identifier: Apache-2.0 */
/* The least that the launch digest of an SNP guest costs (AMD 56860, PAGE_INFO): SHA-384 over each
 * of the firmware's pages, and one step of the chain for each page that is launched. Not the digest
 * itself: what the pages are and where they lie is left out, which changes no cost. minimal_snp
 * FIRMWARE STEPS       STEPS: pages beside the firmware's */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE   4096
#define DIGEST 48

static EVP_MD_CTX *ctx;
static EVP_MD *sha384;

static void sha(const void *p, size_t n, unsigned char *out)
{
        if (!EVP_DigestInit_ex(ctx, sha384, NULL) || !EVP_DigestUpdate(ctx, p, n) ||
            !EVP_DigestFinal_ex(ctx, out, NULL))
                abort();
}

static void step(unsigned char *chain, const unsigned char *contents)
{
        unsigned char info[112] = {0};

        memcpy(info, chain, DIGEST);
        memcpy(info + DIGEST, contents, DIGEST);
        sha(info, sizeof(info), chain);
}

int main(int argc, char **argv)
{
        static unsigned char page[PAGE];
        unsigned char chain[DIGEST] = {0}, contents[DIGEST] = {0};
        FILE *f = argc == 3 ? fopen(argv[1], "rb") : NULL;

        ctx = EVP_MD_CTX_new();
        sha384 = EVP_MD_fetch(NULL, "SHA384", NULL);
        if (!f || !ctx || !sha384) {
                fprintf(stderr, "usage: minimal_snp FIRMWARE STEPS\n");
                return 2;
        }
        while (fread(page, 1, PAGE, f) == PAGE) {
                sha(page, PAGE, contents);
                step(chain, contents);
        }
        for (long n = atol(argv[2]); n > 0; n--)
                step(chain, contents);
        for (int i = 0; i < DIGEST; i++)
                printf("%02x", chain[i]);
        putchar('\n');
        return 0;
}
