/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence in, verdict out, with libsecurevm.
 *
 *     verify SECONDS EVIDENCE [KIND=FILE]...
 *
 * SECONDS: as of when, since 1970. KIND=FILE: collateral, which `securevm_evidence_needs` names.
 * Prints what is known of the outcome; the exit status is the library's.
 *
 *     cc verify.c $(pkg-config --cflags --libs securevm) */
#include <secure-vm/securevm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (8u << 20)

/* The whole file; the caller frees. */
static unsigned char *read_file_whole(const char *path, size_t *n)
{
        unsigned char *p = malloc(FILE_MAX);
        FILE *f = fopen(path, "rb");

        if (!p || !f) {
                perror(path);
                exit(SECUREVM_SYSTEM);
        }
        *n = fread(p, 1, FILE_MAX, f);
        fclose(f);
        return p;
}

static int add_collateral_file(securevm_collateral *c, char *argument, securevm_error *err)
{
        char *path = strchr(argument, '=');
        unsigned char *data;
        size_t n;
        int r;

        if (!path) {
                fprintf(stderr, "KIND=FILE was expected, found %s\n", argument);
                return SECUREVM_USAGE;
        }
        *path++ = 0;
        data = read_file_whole(path, &n);
        r = securevm_collateral_add(c, argument, data, n, err);
        free(data);
        return r;
}

static int open_evidence_file(const char *path, securevm_evidence **out, securevm_error *err)
{
        size_t n;
        unsigned char *data = read_file_whole(path, &n);
        int r = securevm_evidence_open(data, n, NULL, out, err);

        free(data);
        return r;
}

/* By the built-in policy; a program of your own asks for a measurement too. */
static int appraise_strictly(const securevm_evidence *e, const securevm_collateral *c, int64_t time,
                             securevm_result **out, securevm_error *err)
{
        securevm_policy *policy = NULL;
        int r = securevm_policy_strict(securevm_evidence_tee(e), NULL, NULL, &policy, err);

        if (r == SECUREVM_OK)
                r = securevm_appraise(e, c, policy, time, NULL, 0, out, err);
        securevm_policy_free(policy);
        return r;
}

int main(int argc, char **argv)
{
        securevm_error *err = securevm_error_new();
        securevm_collateral *collateral = NULL;
        securevm_evidence *evidence = NULL;
        securevm_result *result = NULL;
        char *text = NULL;
        int r;

        if (argc < 3) {
                fprintf(stderr, "usage: %s SECONDS EVIDENCE [KIND=FILE]...\n", argv[0]);
                return SECUREVM_USAGE;
        }
        r = securevm_collateral_new(&collateral, err);
        for (int i = 3; r == SECUREVM_OK && i < argc; i++)
                r = add_collateral_file(collateral, argv[i], err);
        if (r == SECUREVM_OK)
                r = open_evidence_file(argv[2], &evidence, err);
        if (r == SECUREVM_OK)
                r = appraise_strictly(evidence, collateral, strtoll(argv[1], NULL, 10), &result,
                                      err);
        if (securevm_explain(result, err, &text, NULL) == SECUREVM_OK)
                puts(text);
        securevm_free(text);
        securevm_result_free(result);
        securevm_evidence_free(evidence);
        securevm_collateral_free(collateral);
        securevm_error_free(err);
        return r;
}
