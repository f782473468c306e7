/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of libnvme, each series in a process of its own. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <libnvme.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/library.h"
#include "base/core/limits.h"
#include "base/core/secret.h"
#include "base/core/text.h"
#include "base/crypto/crypto.h"
#include "launcher/host/fabrics-int.h"

/* clang-format off */
#define NVME_CALLS(X) X(nvme_create_root) X(nvme_lookup_host) X(nvme_host_set_dhchap_key) X(nvme_create_ctrl) X(nvme_ctrl_set_dhchap_key) \
        X(nvme_ctrl_set_discovery_ctrl) X(nvme_disconnect_ctrl) X(nvmf_add_ctrl) X(nvmf_default_config) X(nvmf_get_discovery_log) X(nvmf_hostid_from_file)
/* clang-format on */

static struct {
#define NVME_POINTER(name) typeof(name) *name;
        NVME_CALLS(NVME_POINTER)
#undef NVME_POINTER
} lib;

static const struct sv_library_call calls[] = {
#define NVME_ROW(call) {#call, __builtin_offsetof(typeof(lib), call)},
        NVME_CALLS(NVME_ROW)
#undef NVME_ROW
};

static struct sv_library libnvme = {
        .sonames = {"libnvme.so.1"},
        .check = "fabric.library",
        .advice = "disks over NVMe fabrics are connected through libnvme 1.3 or newer; install "
                  "libnvme1",
        .calls = calls,
        .n = sizeof(calls) / sizeof(calls[0]),
        .table = &lib,
        .lock = PTHREAD_MUTEX_INITIALIZER,
};

static int load_libnvme(struct sv_err *err)
{
        return sv_library_load(&libnvme, err);
}

/* Read, it lists the options that it takes. One that it does not know would be logged, and with it
 * the key. */
int sv_fabric_check(const char *root, bool keys, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/dev/nvme-fabrics", root);
        SV_BUF options = SV_BUF_NULL;
        SV_FD fd = open(path, O_RDWR | O_CLOEXEC);

        if (fd < 0 && errno != ENOENT && errno != ENODEV)
                return sv_fail_errno(err, "fabric.module", "%s", path);
        if (fd < 0)
                return sv_fail(err, SV_SYSTEM, "fabric.module",
                               "this kernel has no %s: \"modprobe nvme-tcp\" (or nvme-rdma), and "
                               "that name in a file of /etc/modules-load.d",
                               path);
        if (keys && (sv_fd_read(fd, path, SV_PROC_SIZE_MAX, &options, "fabric.module", err) < 0 ||
                     !strstr(sv_buf_str(&options), "dhchap_secret=")))
                return sv_fail(err, SV_SYSTEM, "fabric.secret.kernel",
                               "the guest file names a \"secret\", and this kernel has no "
                               "authentication for NVMe (CONFIG_NVME_HOST_AUTH); Debian's has it "
                               "from 6.12 on");
        return load_libnvme(err);
}

/* Of the process that made the calls. */
struct fabric_answer {
        bool done;
        bool was_there; /* as the kernel says */
        size_t n;
        struct sv_fabric_place places[SV_NVME_ADDRESSES_MAX];
        char said[256]; /* by the library */
};

/* The kernel takes one pair of NQN and id only: the file's pair is nvme-cli's, too; another NQN has
 * the UUID in it, or one made of it. */
static char *find_host_id(const struct sv_fabric_ask *ask)
{
        SV_STR own = sv_fabric_read_host("", NULL);
        const char *uuid = strstr(ask->host, ":uuid:");
        char *id = own && !strcmp(own, ask->host) ? lib.nvmf_hostid_from_file() : NULL;
        uint8_t digest[SV_DIGEST_MAX];
        char text[37];

        if (id)
                return id;
        if (uuid && sv_parse_uuid(uuid + 6, digest, "fabric.host", NULL) == 0)
                return sv_asprintf("%s", uuid + 6);
        if (sv_digest(SV_SHA256, sv_bytes_str(ask->host), digest, NULL) < 0)
                return NULL;
        digest[6] = (digest[6] & 0x0f) | 0x80; /* RFC 9562 section 5.8 */
        digest[8] = (digest[8] & 0x3f) | 0x80;
        return sv_asprintf("%s", sv_format_uuid(digest, text));
}

static nvme_ctrl_t add_controller(const struct sv_fabric_ask *ask, nvme_root_t root,
                                  const char *nqn, bool discovery)
{
        SV_STR id = find_host_id(ask);
        SV_STR port = sv_asprintf("%u", ask->port);
        nvme_host_t host = lib.nvme_lookup_host(root, ask->host, id);
        nvme_ctrl_t c =
                lib.nvme_create_ctrl(root, nqn, ask->transport, ask->address, NULL, NULL, port);
        struct nvme_fabrics_config config;

        if (!host || !c)
                return NULL;
        lib.nvmf_default_config(&config);
        lib.nvme_ctrl_set_discovery_ctrl(c, discovery);
        if (ask->keys && !discovery) {
                lib.nvme_host_set_dhchap_key(host, ask->keys->host);
                if (ask->keys->controller)
                        lib.nvme_ctrl_set_dhchap_key(c, ask->keys->controller);
        }
        return lib.nvmf_add_ctrl(host, c, &config) < 0 ? NULL : c;
}

static void connect_subsystem(const struct sv_fabric_ask *ask, nvme_root_t root,
                              struct fabric_answer *a)
{
        errno = 0;
        a->done = add_controller(ask, root, ask->subsystem, false);
        a->was_there = !a->done && (errno == ENVME_CONNECT_ALREADY || errno == EALREADY);
}

/* Fields of a log page are filled up with blanks or zeros. */
static bool take_log_entry(const struct nvmf_disc_log_entry *e, struct sv_fabric_place *out)
{
        size_t n = strnlen(e->traddr, sizeof(e->traddr));
        char port[sizeof(e->trsvcid) + 1] = "", *end;
        struct sv_address a;

        while (n && e->traddr[n - 1] == ' ')
                n--;
        memcpy(port, e->trsvcid, sizeof(e->trsvcid));
        out->port = (unsigned)strtoul(port, &end, 10);
        if (end == port || out->port > 65535 || !out->port ||
            !sv_address_read(sv_bytes(e->traddr, n), false, &a))
                return false;
        sv_address_print(&a, out->address);
        return true;
}

static void discover_subsystem(const struct sv_fabric_ask *ask, nvme_root_t root,
                               struct fabric_answer *a)
{
        uint8_t kind = strcmp(ask->transport, "rdma") ? NVMF_TRTYPE_TCP : NVMF_TRTYPE_RDMA;
        nvme_ctrl_t c = add_controller(ask, root, NVME_DISC_SUBSYS_NAME, true);
        struct nvmf_discovery_log *log = NULL;

        if (!c)
                return;
        a->done = lib.nvmf_get_discovery_log(c, &log, 4) == 0;
        for (uint64_t i = 0; a->done && log && i < le64toh(log->numrec); i++) {
                const struct nvmf_disc_log_entry *e = &log->entries[i];

                if (a->n < SV_NVME_ADDRESSES_MAX && e->trtype == kind &&
                    e->subtype == NVME_NQN_NVME &&
                    !strncmp(e->subnqn, ask->subsystem, sizeof(e->subnqn)) &&
                    take_log_entry(e, &a->places[a->n]))
                        a->n++;
        }
        lib.nvme_disconnect_ctrl(c);
}

typedef void fabric_work(const struct sv_fabric_ask *ask, nvme_root_t root,
                         struct fabric_answer *a);

static _Noreturn void answer_and_exit(fabric_work *work, const struct sv_fabric_ask *ask, int to)
{
        struct fabric_answer a = {0};
        char *text = NULL;
        size_t n = 0;
        FILE *log = open_memstream(&text, &n);
        nvme_root_t root;

        if (sv_secret_harden_process(NULL) < 0 || !log ||
            !(root = lib.nvme_create_root(log, DEFAULT_LOGLEVEL)))
                _exit(SV_SYSTEM);
        work(ask, root, &a);
        fflush(log);
        /* of an answer that it cannot read it repeats the request */
        if (text && !strstr(text, "DHHC-1"))
                snprintf(a.said, sizeof(a.said), "%.*s", (int)strcspn(text, "\n"), text);
        _exit(write(to, &a, sizeof(a)) == sizeof(a) ? 0 : SV_SYSTEM);
}

static bool receive_answer(int from, struct fabric_answer *a)
{
        size_t have = 0;
        ssize_t n;

        while (have < sizeof(*a) && (n = read(from, (char *)a + have, sizeof(*a) - have)) != 0) {
                if (n < 0 && errno != EINTR)
                        return false;
                have += n > 0 ? (size_t)n : 0;
        }
        return have == sizeof(*a);
}

static int call_library(fabric_work *work, const struct sv_fabric_ask *ask, struct fabric_answer *a,
                        struct sv_err *err)
{
        bool answered;
        int ends[2];
        pid_t pid;

        if (load_libnvme(err) < 0)
                return -1;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return sv_fail_errno(err, "fabric.connect", "a pipe");
        fflush(NULL);
        pid = fork();
        if (pid == 0)
                answer_and_exit(work, ask, ends[1]);
        close(ends[1]);
        answered = pid > 0 && receive_answer(ends[0], a);
        close(ends[0]);
        while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return answered ? 0
                        : sv_fail(err, SV_SYSTEM, "fabric.connect",
                                  "the process that asks libnvme for %s has ended without an "
                                  "answer",
                                  ask->subsystem);
}

static int ask_kernel(fabric_work *work, const struct sv_fabric_ask *ask, struct fabric_answer *a,
                      struct sv_err *err)
{
        SV_FD log = -1;
        SV_BUF said = SV_BUF_NULL;

        if (sv_fabric_check_listens(ask, err) < 0)
                return -1;
        log = sv_fabric_open_log();
        if (call_library(work, ask, a, err) < 0)
                return -1;
        if (a->done || a->was_there)
                return 0;
        sv_fabric_read_log(log, &said);
        if (!said.n)
                sv_buf_puts(&said, a->said);
        return sv_fabric_judge(ask, sv_buf_str(&said), err);
}

int sv_fabric_connect(const struct sv_fabric_ask *ask, struct sv_err *err)
{
        struct fabric_answer a = {0};

        if (ask_kernel(connect_subsystem, ask, &a, err) < 0)
                return -1;
        return a.was_there ? 1 : 0;
}

int sv_fabric_discover(const struct sv_fabric_ask *ask, struct sv_fabric_place *out, size_t max,
                       size_t *n, struct sv_err *err)
{
        struct fabric_answer a = {0};

        if (ask_kernel(discover_subsystem, ask, &a, err) < 0)
                return -1;
        if (!a.n)
                return sv_fail(err, SV_SYSTEM, "fabric.discovery",
                               "the discovery service at %s, port %u, knows no place of %s for "
                               "this host (%s) by %s",
                               ask->address, ask->port, ask->subsystem, ask->host, ask->transport);
        *n = a.n < max ? a.n : max;
        memcpy(out, a.places, *n * sizeof(*out));
        return 0;
}
