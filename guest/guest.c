/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest file means once it is read: lifetime and the command line. Reading is guest/read.c.
 */
#include "guest/guest.h"
#include "guest/fabric.h"
#include "guest/nics.h"
#include "guest/tuning.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"

void sv_guest_free(struct sv_guest *g)
{
        char **texts[] = {&g->file,
                          &g->name,
                          &g->tee,
                          &g->cpu,
                          &g->firmware,
                          &g->kernel,
                          &g->initrd,
                          &g->cmdline,
                          &g->shim,
                          &g->uki,
                          &g->attestation.url,
                          &g->attestation.pin,
                          &g->attestation.ca,
                          &g->attestation.resource,
                          &g->attestation.card,
                          &g->security.model,
                          &g->text,
                          &g->dir};

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                free(*texts[i]);
        sv_guest_free_tuning(g);
        for (size_t i = 0; i < g->n_disks; i++) {
                free(g->disks[i].id);
                free(g->disks[i].path);
                free(g->disks[i].verity);
                sv_guest_free_fabric(&g->disks[i]);
        }
        sv_guest_free_texts(g->firmware_features, g->n_firmware_features);
        sv_guest_free_texts(g->attestation.ek_roots, g->attestation.n_ek_roots);
        free(g->disks);
        sv_guest_free_nics(g);
        for (size_t i = 0; i < g->attestation.n_fallbacks; i++) {
                free(g->attestation.fallbacks[i].url);
                free(g->attestation.fallbacks[i].pin);
                free(g->attestation.fallbacks[i].owner);
        }
        free(g->attestation.fallbacks);
        sv_json_free(g->tees);
        sv_json_free(g->tuning);
        *g = (struct sv_guest){0};
}

/* Words that carry trust are written by the launcher; the user may give the agent's others (its
 * network, the root's type, who has the console). */
static int check_user_cmdline(const char *text, struct sv_err *err)
{
        static const char *const ours[] = {"securevm.url",  "securevm.pin",    "securevm.resource",
                                           "securevm.disk", "securevm.verity", "securevm.data",
                                           "securevm.nic",  "securevm.card",   "securevm.wait",
                                           "securevm.owner"};
        static const char *const users[] = {
                "securevm.ip=", "securevm.root=", "securevm.console=", "securevm.fallback="};
        size_t quotes = 0;

        for (const char *p = text; *p; p++) {
                if (iscntrl((unsigned char)*p))
                        return sv_fail(err, SV_USAGE, "guest.cmdline",
                                       "byte %zu of the command line is a control character; write "
                                       "the words on one line",
                                       (size_t)(p - text));
                quotes += *p == '"';
        }
        /* The kernel would read our words as part of the user's last one. */
        if (quotes % 2)
                return sv_fail(
                        err, SV_USAGE, "guest.cmdline",
                        "a quotation mark on the command line is not closed; add the missing "
                        "one");
        for (const char *p = text; (p = strstr(p, "securevm.")); p += 9) {
                bool allowed = false;

                for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
                        allowed |= !strncmp(p, users[i], strlen(users[i]));
                if (allowed)
                        continue;
                for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
                        if (!strncmp(p, ours[i], strlen(ours[i])))
                                return sv_fail(
                                        err, SV_USAGE, "guest.cmdline",
                                        "\"%s\" is written by secure-vm itself; "
                                        "say it in \"attestation\", \"nics\" or \"disks\" instead",
                                        ours[i]);
                return sv_fail(err, SV_USAGE, "guest.cmdline",
                               "\"%.40s\" is not a word that the agent knows; it takes "
                               "securevm.ip=, securevm.root=, securevm.console= and "
                               "securevm.fallback= here",
                               p);
        }
        return 0;
}

const struct sv_disk *sv_guest_encrypted(const struct sv_guest *g)
{
        for (size_t i = 0; i < g->n_disks; i++)
                if (g->disks[i].encrypted)
                        return &g->disks[i];
        return NULL;
}

bool sv_guest_reports_disk(const struct sv_guest *g)
{
        return sv_guest_encrypted(g) && g->cmdline && strstr(g->cmdline, "securevm.root=btrfs");
}

const struct sv_disk *sv_guest_root(const struct sv_guest *g)
{
        for (size_t i = 0; i < g->n_disks; i++)
                if (g->disks[i].verity)
                        return &g->disks[i];
        return sv_guest_encrypted(g);
}

/* A verity disk says what its file system is; the word is for the one that has a key. */
static int add_disk_words(const struct sv_guest *g, struct sv_buf *line, struct sv_err *err)
{
        const struct sv_disk *root = sv_guest_root(g), *data = sv_guest_encrypted(g);

        if (!root)
                return 0;
        if (!data && g->cmdline && strstr(g->cmdline, "securevm.root="))
                return sv_fail(err, SV_USAGE, "guest.cmdline",
                               "\"securevm.root=\" beside a verity disk, which says what "
                               "its file system is; remove the word");
        sv_buf_printf(line, "%ssecurevm.disk=%s", line->n ? " " : "", root->id);
        if (root->verity)
                sv_buf_printf(line, " securevm.verity=%s", root->verity);
        if (data && data != root)
                sv_buf_printf(line, " securevm.data=%s", data->id);
        return 0;
}

/* Behind each URL what is about it; so the order in which they are asked is measured, too. */
static void add_broker_words(const struct sv_guest *g, struct sv_buf *line)
{
        sv_buf_printf(line, "%ssecurevm.url=%s", line->n ? " " : "", g->attestation.url);
        if (g->attestation.pin)
                sv_buf_printf(line, " securevm.pin=%s", g->attestation.pin);
        for (size_t i = 0; i < g->attestation.n_fallbacks; i++) {
                const struct sv_guest_broker *b = &g->attestation.fallbacks[i];

                sv_buf_printf(line, " securevm.url=%s", b->url);
                if (b->pin)
                        sv_buf_printf(line, " securevm.pin=%s", b->pin);
                if (b->owner)
                        sv_buf_printf(line, " securevm.owner=%s", b->owner);
        }
}

static int add_agent_words(const struct sv_guest *g, struct sv_buf *line, struct sv_err *err)
{
        if (g->attestation.url) {
                add_broker_words(g, line);
                sv_buf_printf(line, " securevm.resource=%s", g->attestation.resource);
                if (g->attestation.wait)
                        sv_buf_printf(line, " securevm.wait=%u", g->attestation.wait);
                if (g->attestation.card)
                        sv_buf_printf(line, " securevm.card=%s", g->attestation.card);
                sv_guest_put_nics(g, line);
        }
        return add_disk_words(g, line, err);
}

int sv_guest_cmdline(const struct sv_guest *g, struct sv_buf *out, struct sv_err *err)
{
        SV_BUF line = SV_BUF_NULL;

        if (g->cmdline) {
                if (!g->cmdline_exact && check_user_cmdline(g->cmdline, err) < 0)
                        return -1;
                sv_buf_puts(&line, g->cmdline);
        }
        if (add_agent_words(g, &line, err) < 0 || sv_buf_ok(&line, "the command line", err) < 0)
                return -1;
        if (line.n > SV_CMDLINE_MAX)
                return sv_fail(err, SV_USAGE, "guest.cmdline",
                               "the command line has %zu bytes with the agent's words, the kernel "
                               "takes at most %d; shorten it",
                               line.n, SV_CMDLINE_MAX);
        sv_buf_put(out, sv_buf_bytes(&line));
        return sv_buf_ok(out, "the command line", err);
}

const char *sv_guest_firmware(const struct sv_guest *g)
{
        static const char *const known[] = {"/usr/share/OVMF/OVMF_CODE_4M.fd",
                                            "/usr/share/OVMF/OVMF_CODE.fd",
                                            "/usr/share/edk2/ovmf/OVMF_CODE.fd"};

        if (g->firmware)
                return g->firmware;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (access(known[i], R_OK) == 0)
                        return known[i];
        return known[0];
}
