/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/ids.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/keeper/processes.h"

#define REGISTRY   "/var/lib/secure-vm/.ids"
#define SUBUID     "/etc/subuid"
#define ID_HIGHEST 0xfffffffdu /* -1 and, for 16 bits of it, -2 mean something else */

struct range {
        unsigned first, pairs;
};

static const char *find_range_line(const char *text)
{
        static const char name[] = "secure-vm:";

        for (const char *line = text; *line; line = strchrnul(line, '\n'), line += *line == '\n')
                if (!strncmp(line, name, sizeof(name) - 1))
                        return line + sizeof(name) - 1;
        return NULL;
}

static int read_range(const char *subuid, struct range *out, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        unsigned long long first, count;
        const char *line;
        char end = 0;

        *out = (struct range){SV_IDS_FIRST, SV_IDS_COUNT / 2};
        if (access(subuid, F_OK) < 0)
                return 0;
        if (sv_file_read(subuid, SV_SUBUID_SIZE_MAX, &text, "launch.ids", err) < 0)
                return -1;
        line = find_range_line(sv_buf_str(&text));
        if (!line)
                return 0;
        if (!isdigit((unsigned char)*line) ||
            sscanf(line, "%llu:%llu%c", &first, &count, &end) < 2 || (end != '\n' && end) ||
            first < 1000 || first > ID_HIGHEST || count < 2 || count > ID_HIGHEST - first)
                return sv_fail(err, SV_USAGE, "launch.ids",
                               "%s: \"secure-vm:%.*s\": expected secure-vm:FIRST:COUNT, ids from "
                               "1000 on, two for each guest",
                               subuid, (int)strcspn(line, "\n"), line);
        *out = (struct range){(unsigned)first, (unsigned)(count / 2)};
        return 0;
}

static struct sv_ids make_id_pair(const struct range *r, unsigned n)
{
        unsigned id = r->first + 2 * n;

        return (struct sv_ids){.qemu = id, .swtpm = id + 1, .group = id};
}

/* All processes of a guest's ids are ended with it: they must be nobody else's. */
static bool belongs_to_a_user(const struct sv_ids *ids)
{
        return getpwuid(ids->qemu) || getpwuid(ids->swtpm);
}

/* Whose the pair is: the text of its file, "" when it has none. */
static void read_owner(const char *registry, unsigned id, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("%s/%u", registry, id);

        sv_buf_clear(out);
        (void)sv_file_read(path, SV_PROC_SIZE_MAX, out, "launch.ids", NULL);
}

static bool find_own_pair(const char *registry, const struct range *r, const char *folder,
                          struct sv_ids *out)
{
        DIR *dir = opendir(registry);
        bool found = false;
        struct dirent *e;

        while (dir && !found && (e = readdir(dir))) {
                unsigned long id = strtoul(e->d_name, NULL, 10);
                SV_BUF owner = SV_BUF_NULL;

                if (!isdigit((unsigned char)*e->d_name) || id < r->first || (id - r->first) % 2 ||
                    (id - r->first) / 2 >= r->pairs)
                        continue; /* of a range that was set before */
                read_owner(registry, (unsigned)id, &owner);
                if (strcmp(sv_buf_str(&owner), folder))
                        continue;
                *out = make_id_pair(r, (unsigned)(id - r->first) / 2);
                found = !belongs_to_a_user(out);
        }
        if (dir)
                closedir(dir);
        return found;
}

static int take_free_pair(const char *registry, const struct range *r, const char *folder,
                          struct sv_ids *out, struct sv_err *err)
{
        for (unsigned n = 0; n < r->pairs; n++) {
                struct sv_ids ids = make_id_pair(r, n);
                SV_STR path = sv_asprintf("%s/%u", registry, ids.qemu);
                SV_BUF owner = SV_BUF_NULL;

                read_owner(registry, ids.qemu, &owner);
                if ((owner.n && access(sv_buf_str(&owner), F_OK) == 0) || belongs_to_a_user(&ids) ||
                    sv_ids_are_running(&ids)) /* a folder may be gone before them */
                        continue;
                if (sv_file_write(path, 0600, sv_bytes_str(folder), err) < 0)
                        return -1;
                *out = ids;
                return 0;
        }
        return sv_fail(err, SV_SYSTEM, "launch.ids",
                       "each of the %u pairs of ids from %u on belongs to a guest: forget one "
                       "(\"secure-vm destroy NAME --forget\"), or write a larger range into "
                       "/etc/subuid: secure-vm:FIRST:COUNT",
                       r->pairs, r->first);
}

int sv_ids_take_from(const char *registry, const char *subuid, const char *folder,
                     struct sv_ids *out, struct sv_err *err)
{
        SV_STR lock = sv_asprintf("%s/lock", registry);
        struct range range;
        SV_FD fd = -1;

        if (read_range(subuid, &range, err) < 0 || sv_mkdirs(registry, 0711, err) < 0)
                return -1;
        fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return sv_fail_errno(err, "launch.ids", "%s", lock);
        if (find_own_pair(registry, &range, folder, out))
                return 0;
        return take_free_pair(registry, &range, folder, out, err);
}

int sv_ids_take(const char *folder, struct sv_ids *out, struct sv_err *err)
{
        *out = (struct sv_ids){0};
        return geteuid() == 0 ? sv_ids_take_from(REGISTRY, SUBUID, folder, out, err) : 0;
}

bool sv_ids_find(const char *folder, struct sv_ids *out)
{
        struct range range;

        *out = (struct sv_ids){0};
        return geteuid() == 0 && read_range(SUBUID, &range, NULL) == 0 &&
               find_own_pair(REGISTRY, &range, folder, out);
}

int sv_ids_close_folder(const char *folder, const struct sv_ids *ids, struct sv_err *err)
{
        if (!ids->group)
                return 0;
        if (chown(folder, 0, ids->group) < 0 && errno == EINVAL)
                return sv_fail(err, SV_USAGE, "launch.ids",
                               "this machine (a container?) has no id %u: write a range of those "
                               "that it has into /etc/subuid: secure-vm:FIRST:COUNT",
                               ids->group);
        if (chown(folder, 0, ids->group) < 0 || chmod(folder, 0710) < 0)
                return sv_fail_errno(err, "launch.ids", "%s", folder);
        return 0;
}
