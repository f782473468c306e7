/* SPDX-License-Identifier: Apache-2.0 */
/* libcryptsetup-token-secure-vm.so: whoever opens a LUKS2 volume through libcryptsetup (cryptsetup
 * open --token-only, systemd-cryptsetup) gets its passphrase from a broker, by attestation. What
 * attests is secure-vm-agent, a process of its own: no code of a TEE, and no network, comes into
 * the program that opens the volume. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/limits.h"
#include "base/core/secret.h"
#include "base/core/visible.h"
#include "luks/token/token.h"

#define API   __attribute__((visibility("default")))
/* From the folder that libcryptsetup finds this file in: PREFIX/lib/<triplet>/cryptsetup. */
#define AGENT "/../../../bin/secure-vm-agent"

static void log_error(struct crypt_device *cd, struct sv_err *err)
{
        char line[sizeof(err->msg) + 8];

        sv_make_visible(err->msg, strlen(err->msg), false);
        snprintf(line, sizeof(line), "%s\n", err->msg);
        crypt_log(cd, CRYPT_LOG_ERROR, line);
}

/* The agent of the installation that this file belongs to. */
static bool find_agent(char *path, size_t size)
{
        char *slash;
        Dl_info self;

        if (!dladdr((const void *)find_agent, &self) || !self.dli_fname ||
            (size_t)snprintf(path, size, "%s", self.dli_fname) >= size)
                return false;
        slash = strrchr(path, '/');
        if (!slash)
                return false;
        return (size_t)snprintf(slash, size - (size_t)(slash - path), "%s", AGENT) <
                       size - (size_t)(slash - path) &&
               access(path, X_OK) == 0;
}

static _Noreturn void run_agent(const char *agent, const struct sv_token *t, int out)
{
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
                execl(agent, "secure-vm-agent", "get", t->resource, "--header", "--url", t->url,
                      "--pin", t->pin, "--quiet", (char *)NULL);
        _exit(127);
}

/* All that comes, up to the limit; false when there is more, or nothing can be read. */
static bool read_secret(int in, char *p, size_t *n)
{
        *n = 0;
        while (*n <= SV_TOKEN_SECRET_MAX) {
                ssize_t got = read(in, p + *n, SV_TOKEN_SECRET_MAX + 1 - *n);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return got == 0;
                *n += (size_t)got;
        }
        return false;
}

/* The agent's exit status (base/core/err.h); -1: it did not end by itself. */
static int wait_for_agent(pid_t pid)
{
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int start_agent(const struct sv_token *t, pid_t *pid, int *from)
{
        char agent[SV_PATH_MAX];
        int pipes[2];

        if (!find_agent(agent, sizeof(agent)))
                return -ENOENT;
        if (pipe2(pipes, O_CLOEXEC) < 0)
                return -errno;
        *pid = fork();
        if (*pid == 0)
                run_agent(agent, t, pipes[1]);
        close(pipes[1]);
        if (*pid < 0) {
                close(pipes[0]);
                return -EAGAIN;
        }
        *from = pipes[0];
        return 0;
}

/* As errno, which is what libcryptsetup passes on. */
static int say_status(int status)
{
        switch (status) {
        case SV_OK:
                return 0;
        case SV_PROOF:
        case SV_POLICY:
                return -EPERM;
        case SV_SYSTEM:
                return -EAGAIN;
        default:
                return -EINVAL;
        }
}

static int get_secret(const struct sv_token *t, char *p, size_t *n)
{
        bool whole;
        pid_t pid;
        int from, r;

        r = start_agent(t, &pid, &from);
        if (r < 0)
                return r;
        whole = read_secret(from, p, n);
        close(from); /* an agent that would say more ends by that */
        r = say_status(wait_for_agent(pid));
        return r < 0 ? r : whole && *n ? 0 : -EINVAL;
}

API void cryptsetup_token_buffer_free(void *buffer, size_t size);
API void cryptsetup_token_buffer_free(void *buffer, size_t size)
{
        if (buffer)
                sv_wipe(buffer, size);
        free(buffer);
}

API int cryptsetup_token_open(struct crypt_device *cd, int token, char **buffer, size_t *size,
                              void *usrptr);
API int cryptsetup_token_open(struct crypt_device *cd, int token, char **buffer, size_t *size,
                              void *usrptr)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_token t;
        const char *json;
        size_t n = 0;
        char *p;
        int r;

        (void)usrptr;
        r = crypt_token_json_get(cd, token, &json);
        if (r < 0)
                return r;
        if (sv_token_parse(sv_bytes_str(json), &t, &err) < 0) {
                log_error(cd, &err);
                return -EINVAL;
        }
        p = malloc(SV_TOKEN_SECRET_MAX + 1);
        if (!p)
                return -ENOMEM;
        r = get_secret(&t, p, &n);
        if (r < 0) {
                cryptsetup_token_buffer_free(p, SV_TOKEN_SECRET_MAX + 1);
                return r;
        }
        *buffer = p;
        *size = n;
        return 0;
}

API int cryptsetup_token_validate(struct crypt_device *cd, const char *json);
API int cryptsetup_token_validate(struct crypt_device *cd, const char *json)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_token t;

        if (sv_token_parse(sv_bytes_str(json), &t, &err) == 0)
                return 0;
        log_error(cd, &err);
        return -EINVAL;
}

API void cryptsetup_token_dump(struct crypt_device *cd, const char *json);
API void cryptsetup_token_dump(struct crypt_device *cd, const char *json)
{
        char text[sizeof(struct sv_token) + 64];
        struct sv_token t;

        if (sv_token_parse(sv_bytes_str(json), &t, NULL) < 0)
                return;
        snprintf(text, sizeof(text), "\tBroker:     %s\n\tPin:        %s\n\tResource:   %s\n",
                 t.url, t.pin, t.resource);
        crypt_log(cd, CRYPT_LOG_NORMAL, text);
}

API const char *cryptsetup_token_version(void);
API const char *cryptsetup_token_version(void)
{
        return SV_VERSION;
}
