/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the keys of an AMD of the tests', once in a build: amd_pki_make takes them where the
 * environment names the file (SV_AMD_KEYS). usage: teesim-amd-keys FILE */
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

static int put_key(FILE *f)
{
        EVP_PKEY *key = EVP_RSA_gen(4096);
        int put = key && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);

        EVP_PKEY_free(key);
        return put;
}

int main(int argc, char **argv)
{
        FILE *f = argc == 2 ? fopen(argv[1], "w") : NULL;

        if (!f || !put_key(f) || !put_key(f) || fclose(f)) {
                fprintf(stderr, "teesim-amd-keys: no keys for %s\n", argc == 2 ? argv[1] : "FILE");
                return 1;
        }
        return 0;
}
