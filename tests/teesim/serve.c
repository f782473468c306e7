/* The signer at the end of an emulated guest's second serial port (tests/teesim/guest/teesim_guest.c has the messages). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/rd.h"
#include "sev/certtable.h"
#include "tests/teesim/signer.h"

#define INVALID_PARAM 0x16u
#define REQUEST       96

struct platform {
        struct amd_pki pki;
        struct sv_json *state;
        struct sv_buf certs;
        unsigned version;
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

static void answer(const struct platform *p, uint32_t code, const uint8_t request[REQUEST], struct sv_buf *out)
{
        SV_BUF body = SV_BUF_NULL;
        struct sv_rd rd = sv_rd(sv_bytes(request, REQUEST));
        uint32_t vmpl, status;

        sv_rd_seek(&rd, code == 0 ? 64 : 16);
        vmpl = sv_rd_u32le(&rd);
        status = vmpl > 3 || code > 1 ? INVALID_PARAM : 0;
        if (!status && code == 0)
                amd_report(&p->pki, p->state, request, p->version, sv_buf_grow(&body, AMD_REPORT));
        else if (!status)
                derive(p, request, &body);
        sv_buf_puts(out, "SVAN");
        sv_buf_u32le(out, status);
        sv_buf_u32le(out, (uint32_t)body.n);
        sv_buf_u32le(out, code == 0 ? (uint32_t)p->certs.n : 0);
        sv_buf_put(out, sv_buf_bytes(&body));
        if (code == 0)
                sv_buf_put(out, sv_buf_bytes(&p->certs));
}

static void serve_one(const struct platform *p, int fd)
{
        uint8_t head[8 + REQUEST];

        while (read_all(fd, head, 4)) {
                SV_BUF out = SV_BUF_NULL;
                struct sv_rd rd;

                while (memcmp(head, "SVRQ", 4)) { /* what the firmware wrote to the port */
                        memmove(head, head + 1, 3);
                        if (!read_all(fd, head + 3, 1))
                                return;
                }
                if (!read_all(fd, head + 4, 4 + REQUEST))
                        return;
                rd = sv_rd(sv_bytes(head + 4, 4));
                answer(p, sv_rd_u32le(&rd), head + 8, &out);
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
        int r = 0;

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
        if (sv_file_read(state_path, 1 << 20, &text, "state", err) < 0 || sv_json_parse(sv_buf_bytes(&text), "state", &p->state, err) < 0)
                return -1;
        return load_certs(dir, &p->certs, err);
}

int amd_serve(const char *dir, const char *state_path, const char *socket_path, unsigned version, struct sv_err *err)
{
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        struct platform p = {.version = version};
        SV_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (load(dir, state_path, &p, err) < 0)
                return -1;
        snprintf(at.sun_path, sizeof(at.sun_path), "%s", socket_path);
        if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
                return sv_fail_errno(err, "serve", "cannot listen on %s", socket_path);
        for (;;) {
                SV_FD guest = accept(fd, NULL, NULL);

                if (guest >= 0)
                        serve_one(&p, guest);
        }
}
