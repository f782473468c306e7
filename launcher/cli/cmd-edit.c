/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm edit: a defined guest's file in an editor. What was written replaces the file only when
 * it is a guest file of that guest. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/guest-file.h"

static const struct sv_opt edit_opts[] = {{0}};

/* A copy beside the file, which the list of defined guests does not show; the caller frees. */
static char *make_draft(const struct sv_guest *g, struct sv_err *err)
{
        char *path = sv_asprintf("%.*s/.%s" SV_DRAFT_END, (int)(strrchr(g->file, '/') - g->file),
                                 g->file, g->name);
        SV_FD fd = mkostemps(path, 5, O_CLOEXEC);

        if (fd < 0)
                sv_fail_errno(err, "file.write", "cannot make a copy beside %s", g->file);
        else if (sv_fd_write(fd, path, sv_bytes_str(g->text), err) == 0)
                return path;
        else
                unlink(path);
        free(path);
        return NULL;
}

/* As git and others do it: the shell takes the variable apart. */
static _Noreturn void exec_editor(const char *path)
{
        execl("/bin/sh", "sh", "-c", "exec ${VISUAL:-${EDITOR:-vi}} \"$1\"", "sh", path,
              (char *)NULL);
        _exit(127);
}

/* The terminal's signals are the editor's meanwhile. */
static int run_editor(const char *path, struct sv_err *err)
{
        void (*on_int)(int) = signal(SIGINT, SIG_IGN), (*on_quit)(int) = signal(SIGQUIT, SIG_IGN);
        int status = -1;
        pid_t pid = fork();

        if (pid == 0) {
                signal(SIGINT, on_int);
                signal(SIGQUIT, on_quit);
                exec_editor(path);
        }
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        signal(SIGINT, on_int);
        signal(SIGQUIT, on_quit);
        if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "edit.editor",
                       "the editor did not end with status 0, so nothing is changed; VISUAL or "
                       "EDITOR names another (vi without them)");
}

static int check_draft(const struct sv_guest *before, struct sv_guest *after, const char *draft,
                       struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(draft, SV_GUEST_SIZE_MAX, &text, "guest.file", err) < 0 ||
            sv_guest_file_parse(sv_buf_bytes(&text), draft, before->dir, after, err) < 0)
                return -1;
        if (!strcmp(before->name, after->name))
                return 0;
        return sv_fail(err, SV_USAGE, "edit.name",
                       "\"name\" was \"%s\" and is \"%s\" now: a guest's name stays; a new guest "
                       "is defined",
                       before->name, after->name);
}

/* *changed: is the text another? */
static int edit_draft(const struct sv_guest *before, const char *draft, bool *changed,
                      struct sv_err *err)
{
        SV_GUEST after = {0};

        if (check_draft(before, &after, draft, err) < 0)
                return -1;
        *changed = strcmp(before->text, after.text) != 0;
        return *changed ? sv_defined_change(before, &after, err) : 0;
}

static int run_edit(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_GUEST before = {0};
        SV_STR draft = NULL;
        bool changed = false;
        int r;

        if (sv_defined_read(args->pos[0], &before, err) < 0 || !(draft = make_draft(&before, err)))
                return -1;
        if (run_editor(draft, err) < 0) {
                unlink(draft);
                return -1;
        }
        r = edit_draft(&before, draft, &changed, err);
        if (r < 0)
                return sv_wrap(err,
                               "nothing is changed, and what you wrote is kept: correct %s, and "
                               "\"secure-vm define %s --replace\"",
                               draft, draft);
        unlink(draft);
        *result = sv_json_object();
        sv_json_set_str(*result, "name", before.name);
        sv_json_set_bool(*result, "changed", changed);
        sv_info(changed ? "%s is changed, from its next start on; what it measures may be another: "
                          "\"secure-vm policy check %s\" tells"
                        : "%s is as it was%.0s",
                before.name, before.name);
        return 0;
}

const struct sv_cmd sv_cmd_edit = {
        .name = "edit",
        .args = "NAME",
        .help = "change a defined guest's file in an editor; it is checked before it replaces",
        .opts = edit_opts,
        .run = run_edit,
};
