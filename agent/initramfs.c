/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/initramfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/attesters.h"
#include "agent/events.h"
#include "agent/host.h"
#include "agent/net.h"
#include "agent/system.h"
#include "base/core/file.h"
#include "base/core/visible.h"
#include "base/program/memory.h"
#include "luks/foreign.h"
#include "luks/header.h"

#define CREDENTIALS "/run/credentials/@system"
#define LOOK_MS     100
#define LINE_SIZE   500

const struct sv_opt sv_agent_header_opts[] = {
        {.name = "token",
         .arg = "FILE",
         .help = "the token that the volume must have, as cryptsetup token import takes it"},
        {.name = "out", .arg = "FILE", .help = "write the copy there, for cryptsetup --header"},
        {0},
};

/* --- the header --- */

static int read_token(const char *path, struct sv_token *token, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (!path)
                return sv_fail(err, SV_USAGE, "agent.header",
                               "--token says which token the volume must have");
        if (sv_file_read(path, SV_LUKS_JSON_MAX, &text, "luks.token", err) < 0)
                return -1;
        return sv_token_parse(sv_buf_bytes(&text), token, err);
}

static int copy_header(const char *device, const struct sv_token *token, struct sv_buf *copy,
                       struct sv_err *err)
{
        SV_BUF begin = SV_BUF_NULL, head = SV_BUF_NULL;
        size_t size;

        if (sv_system_read_head(device, SV_LUKS_HEAD_SIZE, &begin, err) < 0 ||
            sv_luks_foreign_size(sv_buf_bytes(&begin), &size, err) < 0)
                return -1;
        /* The size may have been another's by now: what is read here is looked at as a whole. */
        if (sv_system_read_head(device, size, &head, err) < 0)
                return -1;
        return sv_luks_foreign_copy(sv_buf_bytes(&head), token, copy, err);
}

int sv_agent_header(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *out = sv_opt(args, "out");
        struct sv_token token;
        SV_BUF copy = SV_BUF_NULL;

        if (read_token(sv_opt(args, "token"), &token, err) < 0 ||
            copy_header(args->pos[0], &token, &copy, err) < 0)
                return -1;
        if (out && sv_file_write(out, 0600, sv_buf_bytes(&copy), err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "url", token.url);
        sv_json_set_str(*result, "resource", token.resource);
        sv_json_set_int(*result, "size", (int64_t)copy.n);
        return 0;
}

/* --- the steps --- */

int sv_initramfs_check_root(const char *root, struct sv_err *err)
{
        struct statfs fs;

        if (statfs(root, &fs) < 0)
                return sv_fail_errno(err, "agent.initramfs", "cannot look at %s", root);
        if (fs.f_type == RAMFS_MAGIC || fs.f_type == TMPFS_MAGIC)
                return 0;
        return sv_fail(err, SV_USAGE, "agent.initramfs",
                       "this takes the network up and down and ends the machine when it fails: it "
                       "runs in an initramfs only, where the hooks of initramfs-tools and dracut "
                       "put it");
}

void sv_initramfs_mount(const struct sv_machine *machine)
{
        const struct sv_machine *m = sv_machine_of(machine);

        /* There already, or nothing that this kernel has: who reads from them says what lacks. */
        m->mount("securityfs", "/sys/kernel/security", "securityfs",
                 MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
        m->mount("configfs", "/sys/kernel/config", "configfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                 NULL);
}

int sv_initramfs_check_credentials(const struct sv_machine *machine, struct sv_err *err)
{
        SV_STR path = sv_machine_path(sv_machine_of(machine), CREDENTIALS);
        DIR *dir = opendir(path);
        int r = 0;

        for (struct dirent *e; r == 0 && dir && (e = readdir(dir));)
                if (e->d_name[0] != '.')
                        r = sv_fail(err, SV_PROOF, "agent.credentials",
                                    "systemd took the credential %.60s from the host before "
                                    "anything was attested: put "
                                    "systemd.import_credentials=no on the kernel command line",
                                    e->d_name);
        if (dir)
                closedir(dir);
        return r;
}

static _Noreturn void exec_program(const char *program, int out)
{
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
            dup2(out, STDERR_FILENO) >= 0)
                execl(program, program, (char *)NULL);
        _exit(127);
}

/* The last line that says something. */
struct output {
        char line[LINE_SIZE], last[LINE_SIZE];
        size_t n;
};

static void end_line(struct output *o)
{
        if (!o->n)
                return;
        o->line[o->n] = 0;
        sv_make_visible(o->line, o->n, false);
        dprintf(STDERR_FILENO, "%s\n", o->line);
        memcpy(o->last, o->line, sizeof(o->last));
        o->n = 0;
}

static void take_output(struct output *o, struct sv_bytes b)
{
        for (size_t i = 0; i < b.n; i++) {
                if (b.p[i] == '\n' || o->n + 1 == sizeof(o->line))
                        end_line(o);
                if (b.p[i] != '\n')
                        o->line[o->n++] = (char)b.p[i];
        }
}

static void read_child(int from, struct output *o, void (*pause)(void *arg, unsigned ms), void *arg)
{
        struct pollfd p = {.fd = from, .events = POLLIN};
        uint8_t in[1024];
        ssize_t n;

        for (;;) {
                while (poll(&p, 1, 0) == 0)
                        pause(arg, LOOK_MS);
                n = read(from, in, sizeof(in));
                if (n == 0 || (n < 0 && errno != EINTR))
                        break;
                if (n > 0)
                        take_output(o, sv_bytes(in, (size_t)n));
        }
        end_line(o);
}

static int wait_for_program(pid_t pid)
{
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int sv_initramfs_run(const char *program, void (*pause)(void *arg, unsigned ms), void *arg,
                     struct sv_err *err)
{
        struct output o = {.n = 0};
        int p[2], status;
        pid_t pid;

        if (pipe2(p, O_CLOEXEC) < 0)
                return sv_fail_errno(err, "agent.volumes", "cannot make a pipe");
        pid = fork();
        if (pid == 0)
                exec_program(program, p[1]);
        close(p[1]);
        if (pid > 0)
                read_child(p[0], &o, pause, arg);
        close(p[0]);
        if (pid < 0)
                return sv_fail_errno(err, "agent.volumes", "cannot start %s", program);
        status = wait_for_program(pid);
        if (status == 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "agent.volumes", "%s ended with %d: %s", program, status,
                       *o.last ? o.last : "it said nothing");
}

/* --- the whole --- */

static int check_hook_machine(const struct sv_attester *a, struct sv_err *err)
{
        if (!a->id->confidential)
                return 0;
        return sv_host_check_entropy(NULL, err) < 0 ? -1
                                                    : sv_initramfs_check_credentials(NULL, err);
}

static void keep_network(void *net, unsigned ms)
{
        sv_net_run(net, ms);
}

static int run_in_network(const struct sv_agent_config *config, const char *program,
                          struct sv_err *err)
{
        struct sv_net *net = NULL;
        char says[128];
        int r;

        sv_event_start("network", NULL);
        if (sv_net_up(config, &net, says, err) < 0)
                return -1;
        sv_event_done("network", says);
        sv_event_start("attest", config->n_brokers ? config->brokers[0].url : NULL);
        r = sv_initramfs_run(program, keep_network, net, err);
        sv_net_down(net);
        return r;
}

/* Also after a refusal: whoever comes to a prompt then does not get what was refused. */
static int seal_attester(const struct sv_attester *a, struct sv_err *err)
{
        struct sv_note note = {""};
        void *state = NULL;
        int r;

        if (!a->seal)
                return 0;
        if (a->open && a->open(&state, err) < 0)
                return -1;
        r = a->seal(state, &note, err);
        if (r == 0 && note.text[0])
                sv_event_print("%s", note.text);
        if (a->close)
                a->close(state);
        return r;
}

int sv_initramfs_unlock(const struct sv_agent_config *config, const char *program,
                        struct sv_err *err)
{
        const struct sv_attester *a = sv_attester_need(err);
        struct sv_err unsealed = SV_ERR_NULL;
        int r;

        if (!a)
                return -1;
        r = check_hook_machine(a, err);
        if (r == 0)
                r = run_in_network(config, program, err);
        if (seal_attester(a, &unsealed) < 0) {
                sv_event_print("%s [%s]", unsealed.msg, unsealed.check);
                if (r == 0)
                        *err = unsealed;
                r = -1;
        }
        if (r < 0 || !a->id->confidential)
                return r;
        if (sv_host_hide_tables(NULL, err) < 0)
                return -1;
        return config->keep_console ? 0 : sv_host_leave_console(NULL, err);
}

int sv_agent_initramfs(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_agent_config config = {.n_brokers = 0};
        struct sv_err failed = SV_ERR_NULL;

        if (sv_initramfs_check_root("/", err) < 0)
                return -1;
        sv_memory_end_with(sv_system_power_off);
        sv_initramfs_mount(NULL);
        sv_event_open(NULL);
        if (sv_system_read_config(&config, &failed) == 0 &&
            sv_initramfs_unlock(&config, args->pos[0], &failed) == 0) {
                sv_event_unlocked("each volume's own token says who released its key", NULL);
                sv_event_flush();
                return 0;
        }
        sv_event_failed(&failed);
        if (!config.fallback)
                sv_system_power_off();
        sv_event_print("going on without attestation, as securevm.fallback=console says");
        sv_event_flush();
        *err = failed;
        return -1;
}
