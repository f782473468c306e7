/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock (Linux, Documentation/userspace-api/landlock.rst): all that it knows is denied but what
 * a rule allows below a path. */
#include "base/program/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/core/file.h"

#define READ_FILE  LANDLOCK_ACCESS_FS_READ_FILE
#define EXECUTE    LANDLOCK_ACCESS_FS_EXECUTE
#define READ       (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define TRUNCATE   (1ULL << 14) /* LANDLOCK_ACCESS_FS_TRUNCATE, since version 3 (Linux 6.2) */
#define WRITE_FILE (READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE)
#define WRITE                                                                            \
        (READ | WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | \
         LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* the first version's rights: every kernel with landlock knows them */
#define ALL ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* `wanted` has only rights that the kernel knows; it takes no rule over others, and over a file
 * none that are of folders. */
static int allow_path(int rules, const char *path, uint64_t wanted, const char *check,
                      struct sv_err *err)
{
        SV_FD fd = open(path, O_PATH | O_CLOEXEC);
        struct landlock_path_beneath_attr rule = {.parent_fd = fd};
        struct stat st;

        if (fd < 0)
                return 0;
        if (fstat(fd, &st) < 0)
                return sv_fail_errno(err, check, "cannot look at %s", path);
        rule.allowed_access = S_ISDIR(st.st_mode) ? wanted : wanted & (WRITE_FILE | EXECUTE);
        if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
                return sv_fail_errno(err, check, "cannot keep to %s", path);
        return 0;
}

int sv_landlock_enter(const struct sv_landlock *files, bool *partly, const char *check,
                      struct sv_err *err)
{
        long version =
                syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        const uint64_t handled = ALL | (version >= 3 ? TRUNCATE : 0);
        const uint64_t read = READ | (files->programs ? EXECUTE : 0);
        const uint64_t write = WRITE | (files->sockets ? LANDLOCK_ACCESS_FS_MAKE_SOCK : 0);
        struct landlock_ruleset_attr all = {.handled_access_fs = handled};
        SV_FD rules =
                (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all.handled_access_fs), 0);

        *partly = rules < 0 && (errno == ENOSYS || errno == EOPNOTSUPP);
        if (*partly)
                return 0;
        if (rules < 0)
                return sv_fail_errno(err, check, "the kernel takes no rules for files");
        for (const char *const *p = files->read; *p; p++)
                if (allow_path(rules, *p, read & handled, check, err) < 0)
                        return -1;
        for (const char *const *p = files->write; p && *p; p++)
                if (allow_path(rules, *p, write & handled, check, err) < 0)
                        return -1;
        if (syscall(SYS_landlock_restrict_self, rules, 0) < 0)
                return sv_fail_errno(err, check, "cannot keep to the files named");
        return 0;
}
