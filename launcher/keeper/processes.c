/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"

#define ROUNDS   200
#define PAUSE_US 10000

/* A process whose main thread alone has ended is shown as a zombie too, while its others run: those
 * are counted. */
static bool has_ended(const char *status)
{
        const char *state = strstr(status, "\nState:\tZ");
        const char *threads = state ? strstr(state, "\nThreads:\t") : NULL;

        return threads && strtoul(threads + strlen("\nThreads:\t"), NULL, 10) <= 1;
}

bool sv_process_is_of(const char *pid, const struct sv_ids *ids)
{
        SV_STR path = sv_asprintf("/proc/%s/status", pid);
        SV_BUF text = SV_BUF_NULL;
        const char *line;
        unsigned uid[4];

        if (sv_file_read(path, SV_PROC_SIZE_MAX, &text, "proc", NULL) < 0)
                return false;
        if (has_ended(sv_buf_str(&text)))
                return false;
        line = strstr(sv_buf_str(&text), "\nUid:");
        if (!line || sscanf(line, " Uid: %u %u %u %u", uid, uid + 1, uid + 2, uid + 3) != 4)
                return false;
        for (size_t i = 0; i < 4; i++)
                if (uid[i] == ids->qemu || uid[i] == ids->swtpm)
                        return true;
        return false;
}

/* `visit` for each process, until it says that it has seen enough; did it? */
static bool visit_processes(bool (*visit)(const char *pid, const void *arg), const void *arg)
{
        DIR *proc = opendir("/proc");
        bool enough = false;
        struct dirent *e;

        while (proc && !enough && (e = readdir(proc)))
                if (isdigit((unsigned char)*e->d_name))
                        enough = visit(e->d_name, arg);
        if (proc)
                closedir(proc);
        return enough;
}

static bool is_of_ids(const char *pid, const void *arg)
{
        return sv_process_is_of(pid, arg);
}

bool sv_ids_are_running(const struct sv_ids *ids)
{
        return visit_processes(is_of_ids, ids);
}

struct search {
        bool (*match)(const char *pid, const void *arg);
        const void *arg;
        unsigned *ended;
};

/* Looked at after it is held: what is looked at is what the signal goes to, or that is gone. */
static bool end_one(const char *pid, const void *arg)
{
        const struct search *s = arg;
        SV_FD held = pidfd_open((pid_t)strtol(pid, NULL, 10), 0);

        if (held >= 0 && s->match(pid, s->arg) && pidfd_send_signal(held, SIGKILL, NULL, 0) == 0)
                (*s->ended)++;
        return false;
}

unsigned sv_end_processes(bool (*match)(const char *pid, const void *arg), const void *arg)
{
        unsigned first = 0;

        for (int round = 0; round < ROUNDS; round++) {
                unsigned ended = 0;
                const struct search s = {match, arg, &ended};

                visit_processes(end_one, &s);
                if (!ended)
                        break;
                if (round == 0)
                        first = ended;
                usleep(PAUSE_US); /* until the last one is gone, not only signalled */
        }
        return first;
}

int sv_end_ids(const struct sv_ids *ids, struct sv_err *err)
{
        if (!ids->qemu)
                return 0;
        sv_end_processes(is_of_ids, ids);
        if (!sv_ids_are_running(ids))
                return 0;
        return sv_fail(err, SV_SYSTEM, "launch.leftovers",
                       "a process of user %u or %u, which are this guest's, does not end; look at "
                       "it: \"ps -U %u,%u\"",
                       ids->qemu, ids->swtpm, ids->qemu, ids->swtpm);
}
