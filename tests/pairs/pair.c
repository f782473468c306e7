/* SPDX-License-Identifier: Apache-2.0 */
/* pair CONFIG RESOURCE DISK: does the broker have the key that opens this disk, found as a guest
 * finds it: by the digest of the header? Prints the volume and the digest. Looks into the broker's
 * own store; the broker itself has no way to read a value out. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "broker/versions.h"
#include "luks/crypt.h"
#include "luks/header.h"

static int read_header(const char *disk, struct sv_buf *head, struct sv_err *err)
{
        SV_FD fd = open(disk, O_RDONLY | O_CLOEXEC);
        uint8_t *p = sv_buf_grow(head, SV_LUKS_HEAD_SIZE);

        if (fd < 0 || pread(fd, p, SV_LUKS_HEAD_SIZE, 0) != SV_LUKS_HEAD_SIZE)
                return sv_fail_errno(err, "pair.disk", "cannot read %s", disk);
        return 0;
}

static struct sv_secret *find_resource(const char *config, const char *path, struct sv_bytes head,
                                       struct sv_err *err)
{
        SV_BROKER b = {.audit_fd = -1};
        SV_VERSIONS v = {0};
        struct sv_binding found;
        const struct sv_version *version;

        if (sv_broker_open(config, &b, err) < 0 || sv_broker_enter(&b, err) < 0 ||
            sv_versions_read(&b, path, &v, err) < 0 || sv_binding_of(head, &found, err) < 0)
                return NULL;
        version = sv_versions_by_header(&v, found.header_digest);
        if (!version) {
                sv_fail(err, SV_PROOF, "pair.none", "none of %zu versions is for volume %s", v.n,
                        found.uuid);
                return NULL;
        }
        return sv_version_open(&b, path, version->number, err);
}

static int check_pair(char **argv, struct sv_err *err)
{
        SV_BUF head = SV_BUF_NULL;
        SV_SECRET *resource = NULL;
        SV_SECRET *key = NULL;
        struct sv_binding binding;
        char hex[97];

        if (read_header(argv[3], &head, err) < 0)
                return -1;
        resource = find_resource(argv[1], argv[2], sv_buf_bytes(&head), err);
        if (!resource || sv_binding_unpack(resource, &binding, &key, err) < 0)
                return -1;
        if (sv_binding_check(&binding, sv_buf_bytes(&head), err) < 0 ||
            sv_luks_try(argv[3], key, err) < 0)
                return -1;
        printf("%s %s\n", binding.uuid,
               sv_hex(sv_bytes(binding.header_digest, sizeof(binding.header_digest)), hex));
        return 0;
}

int main(int argc, char **argv)
{
        struct sv_err err = SV_ERR_NULL;

        sv_log_init("pair", 0);
        if (argc != 4)
                return SV_USAGE;
        if (check_pair(argv, &err) == 0)
                return 0;
        sv_log_err(&err);
        return err.class;
}
