/* SPDX-License-Identifier: Apache-2.0 */
/* What surrounds a connection: keys, what the kernel can, who listens, what the kernel said. */
#include "launcher/host/fabrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/net/tls.h"
#include "launcher/host/fabrics-int.h"

/* --- keys --- */

/* "DHHC-1:HH:BASE64:", of a key of 32, 48 or 64 bytes with its CRC. Strict: the kernel writes a
 * form that it does not take, key and all, into its log. */
static bool is_key(const char *s)
{
        const char *body = s + strlen("DHHC-1:00:"), *end;
        SV_BUF bytes = {.locked = true};

        if (strncmp(s, "DHHC-1:0", 8) != 0 || s[8] < '0' || s[8] > '3' || s[9] != ':' ||
            !(end = strchr(body, ':')) || end[1] ||
            sv_unbase64(sv_bytes(body, (size_t)(end - body)), &bytes, "fabric.secret", NULL) < 0)
                return false;
        return bytes.n == 36 || bytes.n == 52 || bytes.n == 68;
}

static int fail_key_form(const char *path, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "fabric.secret.form",
                       "%s: one line \"DHHC-1:…:…:\" with this host's key was expected, and at "
                       "most one more with the controller's, as \"nvme gen-dhchap-key\" prints "
                       "them",
                       path);
}

int sv_fabric_read_keys(const char *path, struct sv_fabric_keys *out, struct sv_err *err)
{
        SV_FABRIC_KEYS k = {.text = {.locked = true}};
        char *line, *next;

        if (sv_file_read_private(path, SV_NVME_SECRET_MAX, &k.text, "fabric.secret.file",
                                 "fabric.secret.mode", err) < 0)
                return -1;
        sv_buf_u8(&k.text, 0);
        if (sv_buf_ok(&k.text, path, err) < 0)
                return -1;
        if (strlen((char *)k.text.p) + 1 != k.text.n)
                return fail_key_form(path, err);
        for (line = (char *)k.text.p; *line; line = next) {
                next = line + strcspn(line, "\n");
                if (*next)
                        *next++ = 0;
                if (k.controller || !is_key(line))
                        return fail_key_form(path, err);
                *(k.host ? &k.controller : &k.host) = line;
        }
        if (!k.host)
                return fail_key_form(path, err);
        *out = k;
        memset(&k, 0, sizeof(k));
        return 0;
}

void sv_fabric_free_keys(struct sv_fabric_keys *k)
{
        sv_buf_free(&k->text);
        k->host = k->controller = NULL;
}

/* --- who this is --- */

char *sv_fabric_read_host(const char *root, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/etc/nvme/hostnqn", root);
        SV_BUF text = SV_BUF_NULL;
        size_t n;

        if (sv_file_read(path, 1024, &text, "fabric.host", NULL) == 0) {
                n = strcspn(sv_buf_str(&text), " \t\r\n");
                if (n && n <= SV_NQN_MAX && !strncmp(sv_buf_str(&text), "nqn.", 4) &&
                    !memchr(text.p, ',', n))
                        return sv_asprintf("%.*s", (int)n, sv_buf_str(&text));
        }
        sv_fail(err, SV_SYSTEM, "fabric.host",
                "%s was expected to say who this host is for NVMe subsystems (nqn.…): \"nvme "
                "gen-hostnqn\" makes such a name, or the guest file says it as \"host\"",
                path);
        return NULL;
}

/* --- who listens --- */

#define LISTEN_MS 10000

/* The kernel says "input/output error" whatever it is, and waits minutes for who does not answer.
 */
int sv_fabric_check_listens(const struct sv_fabric_ask *ask, struct sv_err *err)
{
        SV_STR port = sv_asprintf("%u", ask->port);
        struct sv_err why = SV_ERR_NULL;
        SV_FD fd = strcmp(ask->transport, "tcp") != 0
                           ? -1
                           : sv_tcp_connect(ask->address, port, LISTEN_MS, &why);

        if (fd >= 0 || strcmp(ask->transport, "tcp") != 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "fabric.refused",
                       "nobody answers for %s at %s, port %u (%.300s); is the target there, and "
                       "does it listen at this address?",
                       ask->subsystem, ask->address, ask->port, why.msg);
}

/* --- what the kernel said --- */

int sv_fabric_open_log(void)
{
        int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

        if (fd >= 0)
                lseek(fd, 0, SEEK_END);
        return fd;
}

/* Lines about NVMe since then; none with a key. */
void sv_fabric_read_log(int fd, struct sv_buf *said)
{
        char record[2048];
        ssize_t n;

        while (fd >= 0 && ((n = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE)) {
                char *text;

                if (n <= 0)
                        continue;
                record[n] = 0;
                text = strchr(record, ';');
                if (!text || !strstr(text, "nvme") || strstr(text, "DHHC-1"))
                        continue;
                text[strcspn(text, "\n")] = 0;
                sv_buf_printf(said, "%s%s", said->n ? "; " : "", text + 1);
        }
}

int sv_fabric_judge(const struct sv_fabric_ask *ask, const char *said, struct sv_err *err)
{
        static const struct {
                const char *words, *check, *cure;
        } rows[] = {
                {"no handler found for transport", "fabric.module",
                 "this kernel lacks the module of the transport: \"modprobe nvme-tcp\" or "
                 "nvme-rdma"},
                {"uthentication", "fabric.secret",
                 "the subsystem refuses this host's key, or that it has none: compare \"secret\" "
                 "with what the target has for this host's NQN"},
                {"not allowed, host", "fabric.host",
                 "the subsystem is there and not for this host: let the target allow the NQN"},
                {"subsysnqn", "fabric.subsystem",
                 "the target has no such subsystem for this host; look at its name"},
        };
        const char *check = "fabric.connect", *cure = "the kernel's log may say more";

        for (size_t i = sizeof(rows) / sizeof(rows[0]); i-- > 0;)
                if (strstr(said, rows[i].words)) {
                        check = rows[i].check;
                        cure = rows[i].cure;
                }
        return sv_fail(err, SV_SYSTEM, check,
                       "%s at %s, port %u (%s), as %s: %s (the kernel says: %.400s)",
                       ask->subsystem, ask->address, ask->port, ask->transport, ask->host, cure,
                       *said ? said : "nothing");
}
