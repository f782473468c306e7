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

#define CHECK      "launch.ids"
#define REGISTRY   "/var/lib/secure-vm/.ids"
#define SUBUID     "/etc/subuid"
#define ID_LOWEST  1000
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
        if (sv_file_read(subuid, SV_SUBUID_SIZE_MAX, &text, CHECK, err) < 0)
                return -1;
        line = find_range_line(sv_buf_str(&text));
        if (!line)
                return 0;
        if (!isdigit((unsigned char)*line) ||
            sscanf(line, "%llu:%llu%c", &first, &count, &end) < 2 || (end != '\n' && end) ||
            first < ID_LOWEST || first > ID_HIGHEST || count < 2 || count > ID_HIGHEST - first)
                return sv_fail(err, SV_USAGE, CHECK,
                               "%s: \"secure-vm:%.*s\": expected secure-vm:FIRST:COUNT, ids from "
                               "1000 on, four for each guest",
                               subuid, (int)strcspn(line, "\n"), line);
        *out = (struct range){(unsigned)first, (unsigned)(count / 2)};
        return 0;
}

static struct sv_ids make_id_pair(unsigned id)
{
        return (struct sv_ids){.qemu = id, .swtpm = id + 1, .group = id};
}

/* All processes of a guest's ids are ended with it: they must be nobody else's. */
static bool belongs_to_a_user(const struct sv_ids *ids)
{
        return getpwuid(ids->qemu) || getpwuid(ids->swtpm);
}

/* Whose the pair is: the text of its file, "" when it has none. */
static int read_owner(const char *registry, unsigned id, struct sv_buf *out, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/%u", registry, id);

        sv_buf_clear(out);
        if (access(path, F_OK) < 0 && errno == ENOENT)
                return 0;
        return sv_file_read(path, SV_PROC_SIZE_MAX, out, CHECK, err);
}

/* The registry's name of a pair, not that of the lock or of a file that is being written. */
static bool parse_pair_name(const char *name, struct sv_ids *out)
{
        char *end;
        unsigned long id = strtoul(name, &end, 10);

        if (!isdigit((unsigned char)*name) || *end || id < ID_LOWEST || id >= ID_HIGHEST)
                return false;
        *out = make_id_pair((unsigned)id);
        return true;
}

/* 1 with the next pair that names this folder, 0 after the last, -1 when what is there cannot be
 * told. Ids that a user has by now are his: nothing of his may be ended. */
static int read_next_pair(DIR *dir, const char *registry, const char *folder, struct sv_ids *out,
                          struct sv_err *err)
{
        SV_BUF owner = SV_BUF_NULL;
        struct dirent *e;

        while ((errno = 0, e = readdir(dir))) {
                if (!parse_pair_name(e->d_name, out))
                        continue;
                if (read_owner(registry, out->qemu, &owner, err) < 0)
                        return -1;
                if (!strcmp(sv_buf_str(&owner), folder) && !belongs_to_a_user(out))
                        return 1;
        }
        return errno ? sv_fail_errno(err, CHECK, "%s", registry) : 0;
}

static bool is_in_range(const struct range *r, unsigned id)
{
        return id >= r->first && (id - r->first) % 2 == 0 && (id - r->first) / 2 < r->pairs;
}

/* 1 when it has one of this range, 0 when not. */
static int find_own_pair(const char *registry, const struct range *r, const char *folder,
                         struct sv_ids *out, struct sv_err *err)
{
        DIR *dir = opendir(registry);
        int found;

        if (!dir)
                return sv_fail_errno(err, CHECK, "%s", registry);
        do
                found = read_next_pair(dir, registry, folder, out, err);
        while (found == 1 && !is_in_range(r, out->qemu));
        closedir(dir);
        return found;
}

/* 1 when the guest is still there that has the pair that begins at this id, 0 when not. */
static int has_owner(const char *registry, unsigned id, struct sv_err *err)
{
        SV_BUF owner = SV_BUF_NULL;

        if (read_owner(registry, id, &owner, err) < 0)
                return -1;
        return owner.n && access(sv_buf_str(&owner), F_OK) == 0;
}

/* 1 when nobody has one of the two ids, also not as the other half of a pair of a range that was
 * set before and began at an odd distance; such a pair of a guest that is gone is nobody's then. */
static int is_free(const char *registry, const struct sv_ids *ids, struct sv_err *err)
{
        for (unsigned id = ids->qemu - 1; id <= ids->qemu + 1; id++) {
                int owned = has_owner(registry, id, err);

                if (owned)
                        return owned < 0 ? -1 : 0;
        }
        /* a folder may be gone before its processes are */
        if (belongs_to_a_user(ids) || sv_ids_are_running(ids))
                return 0;
        for (unsigned id = ids->qemu - 1; id <= ids->qemu + 1; id += 2) {
                SV_STR path = sv_asprintf("%s/%u", registry, id);

                if (access(path, F_OK) == 0 && sv_file_write(path, 0600, sv_bytes_str(""), err) < 0)
                        return -1;
        }
        return 1;
}

static int take_free_pair(const char *registry, const struct range *r, const char *folder,
                          struct sv_ids *out, struct sv_err *err)
{
        for (unsigned n = 0; n < r->pairs; n++) {
                struct sv_ids ids = make_id_pair(r->first + 2 * n);
                SV_STR path = sv_asprintf("%s/%u", registry, ids.qemu);
                int is = is_free(registry, &ids, err);

                if (is < 0)
                        return -1;
                if (is == 0)
                        continue;
                if (sv_file_write(path, 0600, sv_bytes_str(folder), err) < 0)
                        return -1;
                *out = ids;
                return 0;
        }
        return sv_fail(err, SV_SYSTEM, CHECK,
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
        int found;

        if (read_range(subuid, &range, err) < 0 || sv_mkdirs(registry, 0711, err) < 0)
                return -1;
        fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return sv_fail_errno(err, CHECK, "%s", lock);
        found = find_own_pair(registry, &range, folder, out, err);
        if (found)
                return found < 0 ? -1 : 0;
        return take_free_pair(registry, &range, folder, out, err);
}

int sv_ids_take(const char *folder, struct sv_ids *out, struct sv_err *err)
{
        *out = (struct sv_ids){0};
        return geteuid() == 0 ? sv_ids_take_from(REGISTRY, SUBUID, folder, out, err) : 0;
}

/* Another name of the folder, which is there as long as the folder is. */
int sv_ids_take_reader_from(const char *registry, const char *subuid, const char *folder,
                            unsigned *id, struct sv_err *err)
{
        SV_STR name = sv_asprintf("%s/.", folder);
        struct sv_ids ids;

        if (sv_ids_take_from(registry, subuid, name, &ids, err) < 0)
                return -1;
        *id = ids.qemu;
        return 0;
}

int sv_ids_take_reader(const char *folder, unsigned *id, struct sv_err *err)
{
        *id = 0;
        return geteuid() == 0 ? sv_ids_take_reader_from(REGISTRY, SUBUID, folder, id, err) : 0;
}

int sv_ids_visit_in(const char *registry, const char *folder,
                    int (*visit)(const struct sv_ids *ids, struct sv_err *err), struct sv_err *err)
{
        DIR *dir = opendir(registry);
        struct sv_ids ids;
        int next, r = 0;

        if (!dir)
                return errno == ENOENT ? 0 : sv_fail_errno(err, CHECK, "%s", registry);
        while (r == 0 && (next = read_next_pair(dir, registry, folder, &ids, err)))
                r = next < 0 ? -1 : visit(&ids, err);
        closedir(dir);
        return r;
}

int sv_ids_visit(const char *folder, int (*visit)(const struct sv_ids *ids, struct sv_err *err),
                 struct sv_err *err)
{
        return geteuid() == 0 ? sv_ids_visit_in(REGISTRY, folder, visit, err) : 0;
}

int sv_ids_give_back_in(const char *registry, const struct sv_ids *ids, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/%u", registry, ids->qemu);

        return sv_file_write(path, 0600, sv_bytes_str(""), err);
}

int sv_ids_give_back(const struct sv_ids *ids, struct sv_err *err)
{
        return sv_ids_give_back_in(REGISTRY, ids, err);
}

int sv_ids_close_folder(const char *folder, const struct sv_ids *ids, struct sv_err *err)
{
        if (!ids->group)
                return 0;
        if (chown(folder, 0, ids->group) < 0 && errno == EINVAL)
                return sv_fail(err, SV_USAGE, CHECK,
                               "this machine (a container?) has no id %u: write a range of those "
                               "that it has into /etc/subuid: secure-vm:FIRST:COUNT",
                               ids->group);
        if (chown(folder, 0, ids->group) < 0 || chmod(folder, 0710) < 0)
                return sv_fail_errno(err, CHECK, "%s", folder);
        return 0;
}
