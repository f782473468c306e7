/* SPDX-License-Identifier: Apache-2.0 */
/* A real software TPM for tests: swtpm with EK certificates by a private CA, everything in a
 * temporary folder. */
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "tests/unit/unit.h"
#include "tee/verify.h"
#include "vtpm/tee.h"

struct swtpm {
        char dir[64];
        char device[128]; /* for sv_tpm_open */
        pid_t pid;
};

static inline int swtpm_run(const struct swtpm *t, const char *const argv[])
{
        int status = -1;
        pid_t pid = fork();

        if (pid == 0) {
                char log[128];
                int fd;

                snprintf(log, sizeof(log), "%s/log", t->dir);
                fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
                dup2(fd, 1);
                dup2(fd, 2);
                execvp(argv[0], (char *const *)argv);
                _exit(127);
        }
        waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void swtpm_write(const char *path, const char *text)
{
        struct sv_err err;

        OK(sv_file_write(path, 0600, sv_bytes_str(text), &err));
}

/* The CA's folder is made when it is not there yet; several TPMs may share one. */
static inline void swtpm_make_ca(const char *ca)
{
        SV_STR conf = sv_asprintf("%s/localca.conf", ca);
        SV_STR options = sv_asprintf("%s/localca.options", ca);
        SV_STR setup = sv_asprintf("%s/setup.conf", ca);
        SV_STR conf_text = sv_asprintf("statedir = %s\nsigningkey = %s/signkey.pem\nissuercert = "
                                       "%s/issuercert.pem\ncertserial = %s/certserial\n",
                                       ca, ca, ca, ca);
        SV_STR setup_text = sv_asprintf(
                "create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = %s\n"
                "create_certs_tool_options = %s\nactive_pcr_banks = sha256,sha384\n",
                conf, options);
        struct sv_err err;

        OK(sv_mkdirs(ca, 0700, &err));
        swtpm_write(conf, conf_text);
        swtpm_write(
                options,
                "--platform-manufacturer secure-vm\n--platform-version 1\n--platform-model test\n");
        swtpm_write(setup, setup_text);
}

/* Its socket is there before it is listened at. */
static inline bool swtpm_listens(const char *path)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool listens;

        assert_true(strlen(path) < sizeof(a.sun_path));
        memcpy(a.sun_path, path, strlen(path));
        listens = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
        close(fd);
        return listens;
}

/* With the state in its folder: a TPM that was switched off is the same again. */
static inline void swtpm_serve(struct swtpm *t)
{
        char server[256], ctrl[256], statearg[256];

        snprintf(server, sizeof(server), "type=unixio,path=%s/tpm", t->dir);
        snprintf(ctrl, sizeof(ctrl), "type=unixio,path=%s/tpm.ctrl", t->dir);
        snprintf(statearg, sizeof(statearg), "dir=%s/state", t->dir);
        t->pid = fork();
        if (t->pid == 0) {
                int fd = open("/dev/null", O_RDWR);

                dup2(fd, 1);
                dup2(fd, 2);
                execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", statearg, "--server",
                       server, "--ctrl", ctrl, "--flags", "not-need-init,startup-clear", NULL);
                _exit(127);
        }
        snprintf(t->device, sizeof(t->device), "swtpm:path=%s/tpm", t->dir);
        snprintf(ctrl, sizeof(ctrl), "%s/tpm.ctrl", t->dir);
        snprintf(server, sizeof(server), "%s/tpm", t->dir);
        WAIT_UNTIL(swtpm_listens(ctrl) && swtpm_listens(server), PATIENCE,
                   "swtpm does not listen at %s and %s", ctrl, server);
}

static inline void swtpm_switch_off(struct swtpm *t)
{
        if (t->pid > 0) {
                kill(t->pid, SIGTERM);
                waitpid(t->pid, NULL, 0);
        }
        t->pid = 0;
}

/* Without an EK's certificate: as the maker of nobody. */
static inline bool swtpm_start_bare(struct swtpm *t)
{
        SV_STR state = NULL;
        struct sv_err err;

        if (access("/usr/bin/swtpm", X_OK)) {
                print_message("SKIP: swtpm is not on this machine\n");
                return false;
        }
        memset(t, 0, sizeof(*t));
        snprintf(t->dir, sizeof(t->dir), "/tmp/sv-swtpm-XXXXXX");
        assert_non_null(mkdtemp(t->dir));
        state = sv_asprintf("%s/state", t->dir);
        OK(sv_mkdirs(state, 0700, &err));
        swtpm_serve(t);
        return true;
}

/* False when swtpm is not installed. */
static inline bool swtpm_start(struct swtpm *t, const char *ca, const char *vmid)
{
        char state[128], conf[256];
        struct sv_err err;

        if (access("/usr/bin/swtpm", X_OK) || access("/usr/bin/swtpm_setup", X_OK) ||
            access("/usr/bin/swtpm_localca", X_OK)) {
                print_message(
                        "SKIP: swtpm, swtpm_setup and swtpm_localca are not all on this machine\n");
                return false;
        }
        memset(t, 0, sizeof(*t));
        snprintf(t->dir, sizeof(t->dir), "/tmp/sv-swtpm-XXXXXX");
        assert_non_null(mkdtemp(t->dir));
        swtpm_make_ca(ca);
        snprintf(state, sizeof(state), "%s/state", t->dir);
        OK(sv_mkdirs(state, 0700, &err));
        snprintf(conf, sizeof(conf), "%s/setup.conf", ca);
        const char *setup[] = {"swtpm_setup",
                               "--tpm2",
                               "--config",
                               conf,
                               "--tpmstate",
                               state,
                               "--create-ek-cert",
                               "--vmid",
                               vmid,
                               "--pcr-banks",
                               "sha256,sha384",
                               "--lock-nvram",
                               getuid() ? NULL : "--runas",
                               "root",
                               NULL};
        if (swtpm_run(t, setup) != 0)
                fail_msg("swtpm_setup failed, see %s/log", t->dir);
        swtpm_serve(t);
        return true;
}

static inline void swtpm_stop(struct swtpm *t)
{
        struct sv_err err;

        swtpm_switch_off(t);
        if (t->dir[0])
                OK(sv_remove_tree(t->dir, &err));
        memset(t, 0, sizeof(*t));
}

/* The broker's two steps. */
static inline int make_challenge(const struct sv_json *params, struct sv_json **challenge,
                                 struct sv_secret **secret, struct sv_err *err)
{
        SV_BUF said = SV_BUF_NULL;

        if (sv_tee_verify_vtpm.hello(params, &said, err) < 0)
                return -1;
        return sv_tee_verify_vtpm.challenge(sv_buf_bytes(&said), challenge, secret, err);
}
