/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/defined.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/program/xdg.h"
#include "launcher/cli/entries.h"
#include "launcher/guest-file.h"

static char *find_defined_folder(struct sv_err *err)
{
        const char *base = getenv("SECURE_VM_DIR");
        char *folder;

        if (base && *base == '/')
                return sv_asprintf("%s/.guests", base);
        if (geteuid() == 0)
                return sv_asprintf("/etc/secure-vm/guests");
        folder = sv_xdg_path("XDG_CONFIG_HOME", ".config", "secure-vm/guests");
        if (!folder)
                sv_fail(err, SV_SYSTEM, "defined.folder",
                        "neither XDG_CONFIG_HOME nor HOME says where your guests are defined: set "
                        "one, or name a guest file by its path");
        return folder;
}

static char *find_defined_file(const char *name, struct sv_err *err)
{
        SV_STR folder = find_defined_folder(err);

        return sv_entry_path(folder, name, "guest", "defined.name", err);
}

int sv_defined_list(struct sv_json **names, struct sv_err *err)
{
        SV_STR folder = find_defined_folder(err);

        return folder ? sv_entry_list(folder, "defined.folder", names, err) : -1;
}

/* "(defined: a, b)", for messages; the caller frees. */
static char *describe_defined(void)
{
        SV_JSON *known = NULL;
        SV_STR list = sv_defined_list(&known, NULL) < 0 ? NULL : sv_entry_names(known);

        return sv_asprintf("(defined: %s)", list ? list : "none");
}

static int fail_undefined(const char *name, struct sv_err *err)
{
        SV_STR known = describe_defined();

        return sv_fail(err, SV_USAGE, "defined.name",
                       "no guest is defined as \"%s\" %s; \"secure-vm define GUEST.json\" defines "
                       "one",
                       name, known);
}

bool sv_defined_has(const char *name)
{
        SV_STR path = find_defined_file(name, NULL);

        return path && access(path, F_OK) == 0;
}

int sv_defined_read(const char *name, struct sv_guest *out, struct sv_err *err)
{
        SV_STR path = find_defined_file(name, err);

        if (!path)
                return -1;
        if (access(path, F_OK) < 0 && errno == ENOENT)
                return fail_undefined(name, err);
        return sv_guest_file_read(path, out, err);
}

int sv_guest_take(const char *word, struct sv_guest *out, struct sv_err *err)
{
        SV_STR known = NULL;

        if (sv_defined_has(word))
                return sv_defined_read(word, out, err);
        if (access(word, F_OK) == 0 || errno != ENOENT || !sv_name_ok(word))
                return sv_guest_file_read(word, out, err);
        known = describe_defined();
        return sv_fail(err, SV_SYSTEM, "guest.file",
                       "%s is neither a file nor the name of a defined guest %s", word, known);
}

/* The guest file's text; where it does not say the folder of its relative paths, that is put in
 * front, for the text is going to lie elsewhere. */
static int put_text(const struct sv_guest *g, struct sv_buf *out, struct sv_err *err)
{
        SV_JSON *root = NULL;
        SV_JSON *folder = sv_json_new_str(g->dir);
        const char *inside = strchr(g->text, '{');
        size_t blanks;

        if (sv_json_parse(sv_bytes_str(g->text), "guest", &root, err) < 0)
                return -1;
        out->max = SV_GUEST_SIZE_MAX;
        if (!inside || sv_json_get(root, "folder")) {
                sv_buf_puts(out, g->text);
                return sv_buf_ok(out, "the guest file", err);
        }
        inside++;
        blanks = strspn(inside, " \t\r\n");
        sv_buf_printf(out, "{%.*s\"folder\": ", (int)blanks, inside);
        sv_json_print(folder, out);
        sv_buf_printf(out, ",%s%s", blanks ? "" : " ", inside);
        return sv_buf_ok(out, "the guest file with its folder", err);
}

/* What a guest file names is opened as its owner (launcher/keeper/owner.h), and the owner of a
 * defined guest is who defined it. */
static int check_defined_owner(const struct sv_guest *g, struct sv_err *err)
{
        if (geteuid() != 0 || !g->owner)
                return 0;
        return sv_fail(err, SV_USAGE, "defined.owner",
                       "%s, its folder, or the one that it names as \"folder\" belongs to user %u, "
                       "with whose rights the files that it names are opened; as a defined guest "
                       "they would be opened with root's: read it, and define a copy in a folder "
                       "of root's",
                       g->file, g->owner);
}

/* Until that is closed nobody else changes what is defined; NFS locks no folder, and does without.
 * -1 with errno: the folder is not there. */
static int lock_definitions(const char *folder)
{
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        while (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
                ;
        return fd;
}

static int make_definitions(int *lock, struct sv_err *err)
{
        SV_STR folder = find_defined_folder(err);

        if (!folder || sv_mkdirs(folder, geteuid() == 0 ? 0755 : 0700, err) < 0)
                return -1;
        *lock = lock_definitions(folder);
        return *lock < 0 ? sv_fail_errno(err, "defined.folder", "%s", folder) : 0;
}

static int write_definition(const struct sv_guest *g, struct sv_err *err)
{
        SV_STR path = find_defined_file(g->name, err);
        SV_BUF text = SV_BUF_NULL;

        if (!path || put_text(g, &text, err) < 0 ||
            sv_file_write(path, 0644, sv_buf_bytes(&text), err) < 0)
                return -1;
        return sv_folder_sync(path) < 0 ? sv_fail_errno(err, "defined.folder", "%s", path) : 0;
}

int sv_defined_write(const struct sv_guest *g, bool replace, struct sv_err *err)
{
        SV_FD lock = -1;

        if (check_defined_owner(g, err) < 0 || make_definitions(&lock, err) < 0)
                return -1;
        if (!replace && sv_defined_has(g->name))
                return sv_fail(err, SV_USAGE, "defined.exists",
                               "a guest is defined as \"%s\" already: \"secure-vm edit %s\" "
                               "changes it, --replace puts this file in its place",
                               g->name, g->name);
        return write_definition(g, err);
}

int sv_defined_change(const struct sv_guest *before, const struct sv_guest *after,
                      struct sv_err *err)
{
        SV_GUEST now = {0};
        SV_FD lock = -1;

        if (check_defined_owner(after, err) < 0 || make_definitions(&lock, err) < 0 ||
            sv_defined_read(before->name, &now, err) < 0)
                return -1;
        if (strcmp(now.text, before->text))
                return sv_fail(err, SV_USAGE, "edit.changed",
                               "%s was changed by somebody else meanwhile", before->file);
        return write_definition(after, err);
}

static bool is_draft_of(const char *file, const char *name)
{
        size_t n = strlen(name);

        return file[0] == '.' && !strncmp(file + 1, name, n) && file[1 + n] == '.' &&
               strlen(file + 1 + n) == strlen(SV_DRAFT_END) &&
               !strcmp(file + strlen(file) - strlen(".json"), ".json");
}

/* What a refused edit has left. */
static int remove_drafts(const char *name, struct sv_err *err)
{
        SV_STR folder = find_defined_folder(err);
        DIR *d = folder ? opendir(folder) : NULL;
        const struct dirent *e;
        int r = 0;

        if (!d)
                return folder ? sv_fail_errno(err, "defined.folder", "cannot read %s", folder) : -1;
        while (r == 0 && (e = readdir(d)))
                if (is_draft_of(e->d_name, name) && unlinkat(dirfd(d), e->d_name, 0) < 0 &&
                    errno != ENOENT)
                        r = sv_fail_errno(err, "defined.folder", "cannot remove %s/%s", folder,
                                          e->d_name);
        closedir(d);
        return r;
}

int sv_defined_remove(const char *name, struct sv_err *err)
{
        SV_STR path = find_defined_file(name, err);
        SV_STR folder = path ? sv_path_folder(path) : NULL;
        SV_FD lock = folder ? lock_definitions(folder) : -1;

        if (!path)
                return -1;
        if (unlink(path) == 0)
                return remove_drafts(name, err);
        return errno == ENOENT ? fail_undefined(name, err)
                               : sv_fail_errno(err, "defined.folder", "cannot remove %s", path);
}
