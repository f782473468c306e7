/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock (Linux, Documentation/userspace-api/landlock.rst): all that it knows is denied but what
 * a rule allows below a path. */
#include "broker/process/landlock.h"

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
#define READ       (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define TRUNCATE   (1ULL << 14) /* LANDLOCK_ACCESS_FS_TRUNCATE, since version 3 (Linux 6.2) */
#define WRITE_FILE (READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE)
#define WRITE                                                                            \
        (READ | WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | \
         LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* the first version's rights: every kernel with landlock knows them */
#define ALL ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* `handled`: the rights that the kernel knows; it takes no rule over others. */
static int allow_path(int rules, const char *path, bool write, uint64_t handled, struct sv_err *err)
{
        SV_FD fd = open(path, O_PATH | O_CLOEXEC);
        struct landlock_path_beneath_attr rule = {.parent_fd = fd};
        struct stat st;

        if (fd < 0)
                return 0;
        if (fstat(fd, &st) < 0)
                return sv_fail_errno(err, "broker.sandbox", "cannot look at %s", path);
        if (S_ISDIR(st.st_mode))
                rule.allowed_access = write ? WRITE : READ;
        else
                rule.allowed_access = write ? WRITE_FILE : READ_FILE;
        rule.allowed_access &= handled;
        if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
                return sv_fail_errno(err, "broker.sandbox", "cannot keep to %s", path);
        return 0;
}

int sv_landlock_enter(const struct sv_sandbox_files *files, bool *partly, struct sv_err *err)
{
        long version =
                syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        struct landlock_ruleset_attr all = {.handled_access_fs =
                                                    ALL | (version >= 3 ? TRUNCATE : 0)};
        SV_FD rules =
                (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all.handled_access_fs), 0);

        *partly = rules < 0 && (errno == ENOSYS || errno == EOPNOTSUPP);
        if (*partly)
                return 0;
        if (rules < 0)
                return sv_fail_errno(err, "broker.sandbox", "the kernel takes no rules for files");
        for (const char *const *p = files->read; *p; p++)
                if (allow_path(rules, *p, false, all.handled_access_fs, err) < 0)
                        return -1;
        if (files->write && allow_path(rules, files->write, true, all.handled_access_fs, err) < 0)
                return -1;
        if (syscall(SYS_landlock_restrict_self, rules, 0) < 0)
                return sv_fail_errno(err, "broker.sandbox", "cannot keep to the files named");
        return 0;
}
