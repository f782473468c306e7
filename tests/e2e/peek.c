/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a resource's value to standard output, from the broker's own store and key. Only the e2e
 * tests have this: to look for a key everywhere one has to know it. The broker itself has no way to
 * read a value out. */
#include <stdio.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "broker/versions.h"

static int peek(const char *config, const char *path, struct sv_err *err)
{
        SV_BROKER b = {.audit_fd = -1};
        SV_VERSIONS v = {0};
        SV_SECRET *value = NULL;

        if (sv_broker_open(config, &b, err) < 0 || sv_broker_enter(&b, err) < 0 ||
            sv_versions_read(&b, path, &v, err) < 0)
                return -1;
        value = sv_version_open(&b, path, v.n ? v.list[0].number : 1, err);
        if (!value)
                return -1;
        return sv_fd_write(STDOUT_FILENO, "standard output",
                           sv_bytes(sv_secret_reveal(value), sv_secret_size(value)), err);
}

int main(int argc, char **argv)
{
        struct sv_err err = SV_ERR_NULL;

        sv_log_init("e2e-peek", 0);
        if (argc != 3) {
                fprintf(stderr, "usage: e2e-peek CONFIG RESOURCE\n");
                return SV_USAGE;
        }
        if (peek(argv[1], argv[2], &err) < 0) {
                sv_log_err(&err);
                return err.class;
        }
        return 0;
}
