/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/tune/channels.h"

#define APPLYING       "applying.json"
#define APPLIED        "applied.json"
#define JOURNAL_FORMAT 1
#define LOCK_WAIT_MS   100

static const char *const forms[] = {"text", "choice", "mask", "list"};
#define N_FORMS (sizeof(forms) / sizeof(forms[0]))

static void free_entry(struct sv_tune_entry *e)
{
        free(e->knob);
        free(e->path);
        free(e->id);
        free(e->old);
        free(e->before);
        free(e->wanted);
}

void sv_tune_journal_free(struct sv_tune_journal *j)
{
        for (size_t i = 0; i < j->n; i++)
                free_entry(&j->entries[i]);
        free(j->entries);
        free(j->root);
        free(j->boot);
        free(j->profile);
        *j = (struct sv_tune_journal){.n = 0};
}

int sv_tune_journal_add(struct sv_tune_journal *j, struct sv_tune_entry e, struct sv_err *err)
{
        struct sv_tune_entry *more;

        if (j->n == SV_TUNE_SETTINGS_MAX) {
                free_entry(&e);
                return sv_fail(err, SV_FORMAT, "tune.settings",
                               "more than %d settings would be changed at once; --only and --skip "
                               "choose knobs",
                               SV_TUNE_SETTINGS_MAX);
        }
        more = realloc(j->entries, (j->n + 1) * sizeof(*more));
        if (!more) {
                free_entry(&e);
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the settings");
        }
        j->entries = more;
        more[j->n++] = e;
        return 0;
}

/* --- the folder --- */

int sv_tune_fail_busy(struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "tune.busy",
                       "another \"secure-vm tune\" is changing this host; wait for its end");
}

bool sv_tune_is_busy(const char *dir)
{
        SV_STR path = sv_asprintf("%s/lock", dir);
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);

        return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int sv_tune_lock(const char *dir, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/lock", dir);
        int fd;

        if (sv_mkdirs(dir, 0700, err) < 0)
                return -1;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return sv_fail_errno(err, "tune.journal", "cannot make %s", path);
        /* who only asks whether it is held has it for a moment */
        if (sv_fd_lock(fd, LOCK_WAIT_MS) == 0)
                return fd;
        close(fd);
        return sv_tune_fail_busy(err);
}

/* --- reading: who can write there is root, but a file may be damaged or a newer program's --- */

static int refuse_journal(const char *path, const char *what, struct sv_err *err)
{
        return sv_fail(err, SV_FORMAT, "tune.journal",
                       "%s is not what this version writes (%s): what was changed is restored by a "
                       "reboot, then remove the file",
                       path, what);
}

static bool is_kernel_path(const char *path)
{
        return (!strncmp(path, "/sys/", 5) || !strncmp(path, "/proc/", 6) ||
                !strncmp(path, SV_CHANNELS "/", strlen(SV_CHANNELS "/"))) &&
               !strstr(path, "/../");
}

static int take_text_member(const struct sv_json *o, const char *member, char **out)
{
        const char *text = sv_json_str(sv_json_get(o, member));

        if (!text || strchr(text, '\n'))
                return -1;
        *out = sv_asprintf("%s", text);
        return 0;
}

static int take_journal_entry(const struct sv_json *o, struct sv_tune_entry *e)
{
        const char *form = sv_json_text(o, "form", "");
        size_t i;

        for (i = 0; i < N_FORMS && strcmp(forms[i], form) != 0; i++)
                ;
        e->form = (enum sv_kernel_form)i;
        return i == N_FORMS || take_text_member(o, "knob", &e->knob) < 0 ||
                               take_text_member(o, "path", &e->path) < 0 ||
                               !is_kernel_path(e->path) || take_text_member(o, "id", &e->id) < 0 ||
                               take_text_member(o, "old", &e->old) < 0 ||
                               take_text_member(o, "before", &e->before) < 0 ||
                               take_text_member(o, "wanted", &e->wanted) < 0
                       ? -1
                       : 0;
}

static int take_journal(const char *path, const struct sv_json *root, struct sv_tune_journal *out,
                        struct sv_err *err)
{
        const struct sv_json *list = sv_json_get(root, "settings");

        if (sv_json_int(sv_json_get(root, "format"), 0) != JOURNAL_FORMAT)
                return refuse_journal(path, "its format", err);
        if (take_text_member(root, "root", &out->root) < 0 ||
            take_text_member(root, "boot", &out->boot) < 0 ||
            take_text_member(root, "profile", &out->profile) < 0 ||
            sv_json_type(list) != SV_JSON_ARRAY)
                return refuse_journal(path, "its head", err);
        for (size_t i = 0; i < sv_json_len(list); i++) {
                struct sv_tune_entry e = {0};

                if (take_journal_entry(sv_json_at(list, i), &e) < 0) {
                        free_entry(&e);
                        return refuse_journal(path, "a setting", err);
                }
                if (sv_tune_journal_add(out, e, err) < 0)
                        return -1;
        }
        return 0;
}

int sv_tune_journal_read(const char *dir, struct sv_tune_journal *out, bool *unfinished,
                         struct sv_err *err)
{
        SV_STR applying = sv_asprintf("%s/" APPLYING, dir);
        SV_STR applied = sv_asprintf("%s/" APPLIED, dir);
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *root = NULL;
        const char *path = applying;

        *out = (struct sv_tune_journal){.n = 0};
        *unfinished = access(applying, F_OK) == 0;
        if (!*unfinished) {
                path = applied;
                if (access(applied, F_OK) < 0 && errno == ENOENT)
                        return 0;
        }
        if (sv_file_read(path, SV_JSON_SIZE_MAX, &text, "tune.journal", err) < 0)
                return -1;
        if (sv_json_parse(sv_buf_bytes(&text), "tune.journal", &root, NULL) < 0)
                return refuse_journal(path, "no JSON", err);
        if (take_journal(path, root, out, err) < 0) {
                sv_tune_journal_free(out);
                return -1;
        }
        return 1;
}

/* --- writing --- */

static struct sv_json *make_journal_json(const struct sv_tune_journal *j)
{
        struct sv_json *root = sv_json_object(), *list;

        sv_json_set_int(root, "format", JOURNAL_FORMAT);
        sv_json_set_str(root, "root", j->root);
        sv_json_set_str(root, "boot", j->boot);
        sv_json_set_str(root, "profile", j->profile);
        list = sv_json_set(root, "settings", sv_json_array());
        for (size_t i = 0; i < j->n; i++) {
                const struct sv_tune_entry *e = &j->entries[i];
                struct sv_json *o = sv_json_add(list, sv_json_object());

                sv_json_set_str(o, "knob", e->knob);
                sv_json_set_str(o, "path", e->path);
                sv_json_set_str(o, "id", e->id);
                sv_json_set_str(o, "form", forms[e->form]);
                sv_json_set_str(o, "old", e->old);
                sv_json_set_str(o, "before", e->before);
                sv_json_set_str(o, "wanted", e->wanted);
        }
        return root;
}

int sv_tune_journal_begin(const char *dir, const struct sv_tune_journal *j, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/" APPLYING, dir);
        SV_JSON *root = make_journal_json(j);
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(root, &text);
        if (sv_json_ok(err) < 0 || sv_buf_ok(&text, path, err) < 0)
                return -1;
        if (sv_file_write(path, 0600, sv_buf_bytes(&text), err) < 0)
                return sv_wrap(err, "nothing was changed");
        if (sv_folder_sync(path) == 0)
                return 0;
        sv_fail_errno(err, "tune.journal", "nothing was changed: cannot sync %s", dir);
        unlink(path);
        return -1;
}

int sv_tune_journal_finish(const char *dir)
{
        SV_STR applying = sv_asprintf("%s/" APPLYING, dir);
        SV_STR applied = sv_asprintf("%s/" APPLIED, dir);

        return rename(applying, applied) < 0 ? -1 : sv_folder_sync(applied);
}

int sv_tune_journal_drop(const char *dir, bool both)
{
        SV_STR applying = sv_asprintf("%s/" APPLYING, dir);
        SV_STR applied = sv_asprintf("%s/" APPLIED, dir);

        /* the last apply's first: what it changed stands in it alone */
        if (both && unlink(applied) < 0 && errno != ENOENT)
                return -1;
        if (unlink(applying) < 0 && errno != ENOENT)
                return -1;
        return sv_folder_sync(applied);
}

/* --- whose values they are --- */

char *sv_tune_read_boot(const char *root)
{
        SV_BUF text = SV_BUF_NULL;

        return sv_asprintf("%s", sv_kernel_file_read(root, "/proc/sys/kernel/random/boot_id",
                                                     SV_KERNEL_TEXT, &text, NULL) > 0
                                         ? sv_buf_str(&text)
                                         : "");
}

/* "/sys/block/sda/…" is where the link /sys/block/sda leads, "/proc/irq/30/…" the folder that the
 * interrupt's owner has there; what has no number of its own has no id. */
char *sv_tune_read_id(const char *root, const char *path)
{
        static const char *const classes[] = {"/sys/block/", "/sys/class/net/"};
        SV_STR card = NULL;
        char to[SV_TUNE_VALUE_MAX];

        if (!strncmp(path, SV_CHANNELS "/", strlen(SV_CHANNELS "/"))) {
                card = sv_asprintf("/sys/class/net%s", path + strlen(SV_CHANNELS));
                path = card;
        }
        for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
                size_t n = strlen(classes[i]);

                if (!strncmp(path, classes[i], n)) {
                        SV_STR link = sv_asprintf("%s%.*s", root, (int)(n + strcspn(path + n, "/")),
                                                  path);
                        ssize_t got = readlink(link, to, sizeof(to) - 1);

                        return sv_asprintf("%.*s", got > 0 ? (int)got : 0, to);
                }
        }
        if (!strncmp(path, "/proc/irq/", 10)) {
                SV_STR folder = sv_path_folder(path);
                SV_NAMES names = sv_kernel_folder_names(root, folder);

                for (size_t i = 0; names && names[i]; i++) {
                        SV_STR inner = sv_asprintf("%s%s/%s/.", root, folder, names[i]);

                        if (access(inner, F_OK) == 0)
                                return sv_asprintf("%s", names[i]);
                }
        }
        return sv_asprintf("%s", "");
}
