/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm ha check: what stands against it that the cluster's guests go on at another node. The
 * cluster is asked; what each node must have for itself is looked for at this one. Nothing is
 * changed. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/colour.h"
#include "base/program/terminal.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/ha/check.h"
#include "launcher/ha/cib.h"
#include "launcher/keeper/fabric.h"
#include "launcher/keeper/keeper.h"
#include "tee/localca.h"

/* Of a libvirt daemon; its own configuration may say otherwise. */
#define DAEMON_CA "/var/lib/swtpm-localca/swtpm-localca-rootca-cert.pem"

/* --- the vTPM's authority --- */

static void strip_spaces(struct sv_buf *text)
{
        size_t n = 0;

        for (size_t i = 0; i < text->n; i++)
                if (!isspace(text->p[i]))
                        text->p[n++] = text->p[i];
        text->n = n;
}

static bool read_stripped(const char *path, struct sv_buf *text)
{
        if (!path || sv_file_read(path, SV_PEM_SIZE_MAX, text, "ha.authority", NULL) < 0)
                return false;
        strip_spaces(text);
        return text->n > 0;
}

static bool knows_authority(const struct sv_guest *g, struct sv_buf *own)
{
        for (size_t i = 0; i < g->attestation.n_ek_roots; i++) {
                SV_BUF text = SV_BUF_NULL;

                if (read_stripped(g->attestation.ek_roots[i], &text) &&
                    strstr(sv_buf_str(&text), sv_buf_str(own)))
                        return true;
        }
        return false;
}

static void look_at_authority(const struct sv_guest *g, const char *uri, struct sv_json *findings)
{
        SV_LOCALCA ca = {0};
        SV_BUF own = SV_BUF_NULL;
        const char *path = DAEMON_CA;

        if (!g->attestation.n_ek_roots)
                return;
        if (!uri)
                path = sv_localca_find(&ca, "ha.authority", NULL) == 0 ? ca.root : NULL;
        if (!read_stripped(path, &own))
                sv_ha_add_finding(findings, "ha.authority", "fail", g->name,
                                  "this node has no authority for vTPMs yet: the first guest that "
                                  "starts here makes one, which no policy knows. \"secure-vm host "
                                  "vtpm-ca --export\" makes it now");
        else if (!knows_authority(g, &own))
                sv_ha_add_finding(findings, "ha.authority", "fail", g->name,
                                  "attestation.ek_roots of %s does not have this node's authority "
                                  "(%s): its key is refused here. Add the file of \"secure-vm host "
                                  "vtpm-ca --export\", and put the policy",
                                  g->file, path);
}

/* --- what this node has of a guest --- */

/* It need not be connected, if the guest's start can do that. */
static void look_at_fabric(const struct sv_guest *g, const struct sv_disk *d,
                           struct sv_json *findings)
{
        struct sv_err why = SV_ERR_NULL;
        bool there;

        if (sv_fabric_check_disk("", g, d, &there, &why) < 0)
                sv_ha_add_finding(findings, "ha.disk", "fail", g->name,
                                  "disk %s is not to be had at this node: %s", d->id, why.msg);
}

static void look_at_disks(const struct sv_guest *g, struct sv_json *findings)
{
        for (size_t i = 0; i < g->n_disks; i++)
                if (g->disks[i].nvme.subsystem)
                        look_at_fabric(g, &g->disks[i], findings);
                else if (access(g->disks[i].path, g->disks[i].readonly ? R_OK : R_OK | W_OK) < 0)
                        sv_ha_add_finding(findings, "ha.disk", "fail", g->name,
                                          "disk %s, %s, is not to be had at this node: %s. It lies "
                                          "on storage that all nodes reach",
                                          g->disks[i].id, g->disks[i].path, strerror(errno));
}

static void check_started_twice(const char *name, const char *uri, struct sv_json *findings)
{
        const struct sv_keeper *k = sv_keeper_choose(uri);
        bool on = false;

        if (!k->autostart || k->autostart(uri, name, NULL, &on, NULL) < 0 || !on)
                return;
        sv_ha_add_finding(findings, "ha.autostart", "fail", name,
                          "it starts with this node as well as by the cluster: it may run twice. "
                          "\"secure-vm autostart %s --set off%s%s\"",
                          name, uri ? " --connect " : "", uri ? uri : "");
}

static void look_at_lease(const struct sv_guest *g, struct sv_json *findings)
{
        if (sv_guest_encrypted(g) && !sv_ha_lease(g))
                sv_ha_add_finding(findings, "ha.lease", "warn", g->name,
                                  "its disk has no lease at the broker: fencing alone keeps it "
                                  "from being opened twice (docs/HA.md)");
}

static void look_at_guest(const struct sv_json *row, struct sv_json *findings)
{
        const char *name = sv_json_text(row, "name", ""),
                   *uri = sv_json_str(sv_json_get(row, "connect")),
                   *word = sv_json_text(row, "config", name);
        struct sv_err why = SV_ERR_NULL;
        SV_GUEST g = {0};

        check_started_twice(name, uri, findings);
        if (sv_guest_take(word, &g, &why) < 0) {
                sv_ha_add_finding(findings, "ha.file", "fail", name,
                                  "its guest file is not to be had at this node: %s [%s]", why.msg,
                                  why.check);
                return;
        }
        if (strcmp(g.name, name)) {
                sv_ha_add_finding(findings, "ha.file", "fail", name,
                                  "%s is the file of guest %s, and the resource names guest %s",
                                  g.file, g.name, name);
                return;
        }
        look_at_disks(&g, findings);
        look_at_authority(&g, uri, findings);
        look_at_lease(&g, findings);
}

/* --- the command --- */

static void print_findings(const struct sv_json *findings, size_t guests)
{
        for (size_t i = 0; i < sv_json_len(findings); i++) {
                const struct sv_json *f = sv_json_at(findings, i);
                bool fails = !strcmp(sv_json_text(f, "level", ""), "fail");
                SV_STR line =
                        sv_asprintf("%s: %s [%s]", sv_json_text(f, "about", ""),
                                    sv_json_text(f, "message", ""), sv_json_text(f, "check", ""));
                SV_BUF wrapped = SV_BUF_NULL;

                sv_wrap_text(&wrapped, line, 5, 5, sv_terminal_width(STDOUT_FILENO));
                printf("%s%s%s %s\n",
                       sv_colour(STDOUT_FILENO, fails ? SV_COLOUR_RED : SV_COLOUR_NONE),
                       sv_json_text(f, "level", ""), sv_colour(STDOUT_FILENO, SV_COLOUR_NONE),
                       sv_buf_str(&wrapped));
        }
        printf("%zu guests, %zu findings, of the cluster and of this node\n", guests,
               sv_json_len(findings));
}

static int judge_findings(const struct sv_json *findings, struct sv_err *err)
{
        size_t failing = 0;
        const char *first = NULL;

        for (size_t i = 0; i < sv_json_len(findings); i++) {
                const struct sv_json *f = sv_json_at(findings, i);

                if (strcmp(sv_json_text(f, "level", ""), "fail"))
                        continue;
                first = first ? first : sv_json_text(f, "check", "");
                failing++;
        }
        if (!failing)
                return 0;
        return sv_fail(err, SV_POLICY, "ha.findings",
                       "%zu things stand against it that guests go on at another node, the first "
                       "of them %s",
                       failing, first);
}

static int run_ha_check(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        static const char *const configured[] = {"cibadmin", "--query", NULL},
                                 *const state[] = {"crm_mon", "--output-as=xml", "-1", NULL};
        struct sv_json *findings, *guests;
        SV_BUF cib = SV_BUF_NULL;
        SV_BUF status = SV_BUF_NULL;

        *result = sv_json_object();
        findings = sv_json_set(*result, "findings", sv_json_array());
        guests = sv_json_set(*result, "guests", sv_json_array());
        if (sv_ha_ask(configured, &cib, err) < 0 || sv_ha_ask(state, &status, err) < 0 ||
            sv_ha_check_cluster(sv_buf_bytes(&cib), sv_buf_bytes(&status), findings, guests, err) <
                    0)
                return -1;
        for (size_t i = 0; i < sv_json_len(guests); i++)
                look_at_guest(sv_json_at(guests, i), findings);
        if (!sv_has(args, "json"))
                print_findings(findings, sv_json_len(guests));
        return judge_findings(findings, err);
}

static const struct sv_opt check_opts[] = {{0}};

const struct sv_cmd sv_cmd_ha_check = {
        .name = "ha check",
        .args = "",
        .help = "what stands against it that the cluster's guests go on at another node",
        .opts = check_opts,
        .run = run_ha_check,
};
