/* SPDX-License-Identifier: Apache-2.0 */
/* The signer at the end of an emulated guest's second serial port
 * (tests/teesim/guest/teesim_guest.c has the messages). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "base/core/rd.h"
#include "sev/verify/certtable.h"
#include "tests/teesim/signer.h"

struct platform {
        struct amd_pki pki;
        struct sv_json *state;
        struct sv_buf certs;
        unsigned version;
        bool device_only;
};

static bool read_all(int fd, uint8_t *p, size_t n)
{
        while (n) {
                ssize_t got = read(fd, p, n);

                if (got <= 0)
                        return false;
                p += got;
                n -= (size_t)got;
        }
        return true;
}

/* A key of this chip and guest that depends on the request, which names what to mix in. */
static void derive(const struct platform *p, const uint8_t *request, struct sv_buf *out)
{
        SV_BUF in = SV_BUF_NULL;
        uint8_t digest[32], hwid[64];

        amd_hwid(p->pki.product, hwid);
        sv_buf_put(&in, sv_bytes(hwid, sizeof(hwid)));
        sv_buf_puts(&in, sv_json_str(sv_json_get(p->state, "digest")));
        sv_buf_put(&in, sv_bytes(request, 32));
        if (sv_digest(SV_SHA256, sv_buf_bytes(&in), digest, NULL) == 0)
                sv_buf_put(out, sv_bytes(digest, sizeof(digest)));
}

static uint32_t answer(const void *arg, uint32_t code, const uint8_t request[SIGNER_REQUEST],
                       struct sv_buf *body, struct sv_buf *certs)
{
        const struct platform *p = arg;
        struct sv_rd rd = sv_rd(sv_bytes(request, SIGNER_REQUEST));

        if (code == SIGNER_PROVIDER) {
                sv_buf_puts(body, p->device_only ? "sev_guest/device" : "sev_guest");
                return 0;
        }
        sv_rd_seek(&rd, code == SIGNER_REPORT ? 64 : 16);
        if (sv_rd_u32le(&rd) > 3 /* VMPL */ || code > SIGNER_KEY)
                return SIGNER_INVALID;
        if (code == SIGNER_KEY) {
                derive(p, request, body);
                return 0;
        }
        amd_report(&p->pki, p->state, request, p->version, sv_buf_grow(body, AMD_REPORT));
        sv_buf_put(certs, sv_buf_bytes(&p->certs));
        return 0;
}

static void put_answer(const struct signer *s, uint32_t code, const uint8_t request[SIGNER_REQUEST],
                       struct sv_buf *out)
{
        SV_BUF body = SV_BUF_NULL, certs = SV_BUF_NULL;
        uint32_t status = s->answer(s->arg, code, request, &body, &certs);

        sv_buf_puts(out, "SVAN");
        sv_buf_u32le(out, status);
        sv_buf_u32le(out, (uint32_t)body.n);
        sv_buf_u32le(out, (uint32_t)certs.n);
        sv_buf_put(out, sv_buf_bytes(&body));
        sv_buf_put(out, sv_buf_bytes(&certs));
}

static void serve_one(const struct signer *s, int fd)
{
        uint8_t head[8 + SIGNER_REQUEST];

        while (read_all(fd, head, 4)) {
                SV_BUF out = SV_BUF_NULL;
                struct sv_rd rd;

                while (memcmp(head, "SVRQ", 4)) { /* what the firmware wrote to the port */
                        memmove(head, head + 1, 3);
                        if (!read_all(fd, head + 3, 1))
                                return;
                }
                if (!read_all(fd, head + 4, 4 + SIGNER_REQUEST))
                        return;
                rd = sv_rd(sv_bytes(head + 4, 4));
                put_answer(s, sv_rd_u32le(&rd), head + 8, &out);
                if (sv_fd_write(fd, "the port", sv_buf_bytes(&out), NULL) < 0)
                        return;
        }
}

static int load_certs(const char *dir, struct sv_buf *out, struct sv_err *err)
{
        static const struct {
                const char *file;
                enum sv_cert_kind kind;
        } rows[] = {{"vcek.der", SV_CERT_VCEK}, {"ask.pem", SV_CERT_ASK}, {"ark.pem", SV_CERT_ARK}};
        struct sv_buf raw[3] = {{0}};
        struct sv_cert_table t = {.n = 3};
        SV_STR bare = sv_asprintf("%s/no-certificates", dir);
        int r = 0;

        /* A host that gives its guests none: whoever verifies has to have them. */
        if (access(bare, F_OK) == 0)
                return 0;
        for (size_t i = 0; i < 3 && r == 0; i++) {
                SV_STR path = sv_asprintf("%s/%s", dir, rows[i].file);

                r = sv_file_read(path, 1 << 16, &raw[i], "certs", err);
                t.list[i].kind = rows[i].kind;
                t.list[i].data = sv_buf_bytes(&raw[i]);
        }
        if (r == 0)
                r = sv_cert_table_write(&t, out, err);
        for (size_t i = 0; i < 3; i++)
                sv_buf_free(&raw[i]);
        return r;
}

static int load(const char *dir, const char *state_path, struct platform *p, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        amd_pki_load_signer(dir, &p->pki);
        if (sv_file_read(state_path, 1 << 20, &text, "state", err) < 0 ||
            sv_json_parse(sv_buf_bytes(&text), "state", &p->state, err) < 0)
                return -1;
        return load_certs(dir, &p->certs, err);
}

int signer_serve(const struct signer *s, const char *socket_path, struct sv_err *err)
{
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        SV_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(at.sun_path, sizeof(at.sun_path), "%s", socket_path);
        if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
                return sv_fail_errno(err, "serve", "cannot listen on %s", socket_path);
        for (;;) {
                SV_FD guest = accept(fd, NULL, NULL);

                if (guest >= 0)
                        serve_one(s, guest);
        }
}

int amd_serve(const char *dir, const char *state_path, const char *socket_path, bool device_only,
              struct sv_err *err)
{
        struct platform p = {.version = 3, .device_only = device_only};
        const struct signer s = {answer, &p};

        return load(dir, state_path, &p, err) < 0 ? -1 : signer_serve(&s, socket_path, err);
}
