/* SPDX-License-Identifier: Apache-2.0 */
/* Replays a corpus through a fuzz target, so that every unit run also runs every input that ever
 * mattered. Each input is also run cut at every length up to REPLAY_CUTS: truncation is the
 * commonest bad input. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLAY_CUTS 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly n bytes, so that a sanitizer sees a read of one byte too many. */
static void run_exact(const char *data, size_t n)
{
        uint8_t *copy = malloc(n ? n : 1);

        if (!copy)
                abort();
        memcpy(copy, data, n);
        LLVMFuzzerTestOneInput(copy, n);
        free(copy);
}

static int replay_file(const char *path)
{
        FILE *f = fopen(path, "rb");
        char *data = NULL;
        size_t n = 0;
        FILE *mem = open_memstream(&data, &n);
        char chunk[4096];
        size_t got;

        if (!f || !mem) {
                perror(path);
                return -1;
        }
        while ((got = fread(chunk, 1, sizeof(chunk), f)) > 0)
                fwrite(chunk, 1, got, mem);
        fclose(f);
        fclose(mem);
        run_exact(data, n);
        for (size_t cut = 0; cut < n && cut < REPLAY_CUTS; cut++)
                run_exact(data, cut);
        free(data);
        return 0;
}

int main(int argc, char **argv)
{
        DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
        struct dirent *e;
        unsigned n = 0;

        if (!dir) {
                fprintf(stderr, "usage: %s CORPUS-DIR (a directory with at least one input)\n",
                        argv[0]);
                return 2;
        }
        while ((e = readdir(dir))) {
                char path[4096];

                if (e->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
                if (replay_file(path) < 0)
                        return 1;
                n++;
        }
        closedir(dir);
        printf("%u inputs replayed, each cut at up to %d lengths\n", n, REPLAY_CUTS);
        return n ? 0 : 1;
}
