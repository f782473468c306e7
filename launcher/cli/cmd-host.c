/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm host: what this machine can launch, and where it cannot, the one thing to change. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher/tees.h"
#include "base/core/file.h"
#include "base/program/colour.h"
#include "base/program/log.h"
#include "launcher/cli/commands.h"
#include "launcher/host/confinement.h"
#include "launcher/host/fabrics.h"
#include "launcher/host/host.h"
#include "launcher/host/policy-gap.h"
#include "launcher/host/vtpm-ca.h"
#include "launcher/virt/virt.h"

static void add_part(struct sv_json *parts, const char *name, const char *found, const char *advice)
{
        struct sv_json *p = sv_json_set(parts, name, sv_json_object());

        sv_json_set_bool(p, "ok", *found);
        sv_json_set_str(p, *found ? "found" : "advice", *found ? found : advice);
}

static void probe_parts(struct sv_json *parts)
{
        char line[128];
        struct sv_host host;

        sv_host_kvm("", &host);
        add_part(parts, "kvm", host.kvm ? host.cpu : "", host.kvm_why);
        sv_host_version("qemu-system-x86_64", line, sizeof(line));
        add_part(parts, "qemu", line, "install qemu-system-x86");
        sv_virt_library_version(line);
        add_part(parts, "libvirt", line, "install libvirt-daemon-driver-qemu");
        sv_host_version("swtpm", line, sizeof(line));
        add_part(parts, "swtpm", line, "install swtpm and swtpm-tools");
}

/* The word in brackets of a kernel's list of choices. */
static void read_choice(const char *path, char *out, size_t size)
{
        SV_BUF text = SV_BUF_NULL;
        const char *at = sv_file_read(path, 256, &text, "proc", NULL) == 0
                                 ? strchr(sv_buf_str(&text), '[')
                                 : NULL;

        snprintf(out, size, "%.*s", at ? (int)strcspn(at + 1, "]") : 7, at ? at + 1 : "unknown");
}

/* How this kernel saves and lays out ordinary guests' memory: named, and left as it is. */
static void put_memory_settings(struct sv_json *parts)
{
        SV_BUF ksm = SV_BUF_NULL;
        char pages[32];

        if (sv_file_read("/sys/kernel/mm/ksm/run", 16, &ksm, "proc", NULL) < 0) {
                add_part(parts, "ksm", "not in this kernel", "");
        } else if (*sv_buf_str(&ksm) != '1') {
                add_part(parts, "ksm", "off", "");
        } else {
                add_part(parts, "ksm", "on", "");
                sv_json_set_str(sv_json_get(parts, "ksm"), "advice",
                                "equal pages of ordinary guests are merged, and by the time that "
                                "a write takes one learns what another has; a confidential "
                                "guest's never are: \"echo 2 >/sys/kernel/mm/ksm/run\" undoes it");
        }
        read_choice("/sys/kernel/mm/transparent_hugepage/enabled", pages, sizeof(pages));
        add_part(parts, "thp", pages, "");
}

/* What keeps a guest's QEMU from the host and from other guests, beside its user. */
static void put_confinement(const char *sysroot, struct sv_json *parts)
{
        struct sv_confinement c;
        const char *gap = NULL;

        sv_host_confinement(sysroot, &c);
        add_part(parts, "confined", c.model ? c.model : "", c.why);
        if (c.model && !strcmp(c.model, "selinux"))
                gap = sv_policy_find_gap(sysroot);
        if (gap)
                sv_json_set_str(sv_json_get(parts, "confined"), "advice", gap);
}

/* Whether guests' disks can be namespaces of NVMe subsystems, and as whom this host asks for them.
 */
static void put_fabrics(struct sv_json *parts)
{
        struct sv_err why = SV_ERR_NULL;
        SV_STR host = NULL;

        if (sv_fabric_check("", false, &why) == 0)
                host = sv_fabric_read_host("", &why);
        add_part(parts, "nvme-of", host ? host : "", why.msg);
        if (host && sv_fabric_check("", true, &why) < 0)
                sv_json_set_str(sv_json_get(parts, "nvme-of"), "advice",
                                "without authentication: this kernel has none for NVMe "
                                "(CONFIG_NVME_HOST_AUTH)");
}

static int probe_tees(struct sv_json *tees, struct sv_err *err)
{
        for (const struct sv_tee_host *const *t = sv_tees_host; *t; t++) {
                struct sv_probe probe = {0};
                struct sv_json *row = sv_json_add(tees, sv_json_object());

                if ((*t)->probe && (*t)->probe(&probe, err) < 0)
                        return -1;
                sv_json_set_str(row, "tee", (*t)->id->name);
                sv_json_set_str(row, "help", (*t)->id->help);
                sv_json_set_bool(row, "ok", probe.ok);
                if (*probe.found)
                        sv_json_set_str(row, "found", probe.found);
                if (*probe.advice)
                        sv_json_set_str(row, "advice", probe.advice);
        }
        return 0;
}

static int print_part(void *arg, const char *name, struct sv_json *p, struct sv_err *err)
{
        bool ok = sv_json_bool(sv_json_get(p, "ok"), false);
        const char *text = sv_json_str(sv_json_get(p, ok ? "found" : "advice")),
                   *advice = ok ? sv_json_str(sv_json_get(p, "advice")) : NULL;

        printf("%-10s %s%-4s%s %s\n", name,
               sv_colour(STDOUT_FILENO, ok ? SV_COLOUR_GREEN : SV_COLOUR_YELLOW), ok ? "yes" : "no",
               sv_colour(STDOUT_FILENO, SV_COLOUR_NONE), text ? text : "");
        if (advice)
                printf("%-10s %-4s %s\n", "", "but", advice);
        return 0;
}

static int run_host(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_json *parts, *tees;

        *result = sv_json_object();
        parts = sv_json_set(*result, "host", sv_json_object());
        tees = sv_json_set(*result, "tees", sv_json_array());
        probe_parts(parts);
        put_confinement("", parts);
        put_memory_settings(parts);
        put_fabrics(parts);
        if (probe_tees(tees, err) < 0)
                return -1;
        if (sv_has(args, "json"))
                return 0;
        for (size_t i = 0; i < sv_json_len(tees); i++)
                print_part(NULL, sv_json_str(sv_json_get(sv_json_at(tees, i), "tee")),
                           sv_json_at(tees, i), err);
        return sv_json_each(parts, print_part, NULL, err);
}

static const struct sv_opt vtpm_ca_opts[] = {
        {.name = "export",
         .arg = "FILE",
         .help = "write its certificates there: what a guest file names in attestation.ek_roots to "
                 "let its guest run on this host"},
        {0},
};

static int run_host_vtpm_ca(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *out = sv_opt(args, "export");
        SV_BUF certs = SV_BUF_NULL;
        SV_STR pem = NULL;

        if (sv_host_vtpm_ca(&pem, err) < 0)
                return -1;
        if (out && (sv_host_vtpm_ca_export(&certs, err) < 0 ||
                    sv_output_write(out, 0666, sv_buf_bytes(&certs), err) < 0))
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "pem", pem);
        if (out)
                sv_json_set_str(*result, "export", out);
        if (!sv_has(args, "json"))
                printf("%s\n", out ? out : pem);
        return 0;
}

/* --- what the platform lets its owner change --- */

static const struct sv_opt platform_opts[] = {
        {.name = "tee", .arg = "T", .help = "the TEE, when more than one platform can be changed"},
        {.name = "dry-run", .help = "say exactly what would change, and change nothing"},
        {0},
};

/* Those of the TEEs (sv_tee_host.config_options). */
static const struct sv_opt *get_config_options(size_t i)
{
        for (size_t k = 0; sv_tees_host[k]; k++)
                if (sv_tees_host[k]->config_options && i-- == 0)
                        return sv_tees_host[k]->config_options;
        return NULL;
}

static void copy_options(const struct sv_args *args, const struct sv_opt *o,
                         struct sv_json *options)
{
        for (; o->name; o++)
                if (sv_has(args, o->name))
                        sv_json_set_str(options, o->name, sv_opt(args, o->name));
}

static bool is_option_of(const struct sv_opt *o, const char *name)
{
        for (; o && o->name; o++)
                if (!strcmp(o->name, name))
                        return true;
        return false;
}

/* The options of all platforms are the command's; those of the others would have no effect here. */
static int refuse_others_options(const struct sv_args *args, const struct sv_tee_host *tee,
                                 struct sv_err *err)
{
        for (int i = 0; i < args->n_opts; i++) {
                const char *name = args->opts[i].opt->name;
                bool foreign = false;

                for (size_t k = 0; sv_tees_host[k]; k++)
                        foreign |= is_option_of(sv_tees_host[k]->config_options, name);
                if (foreign && !is_option_of(tee->config_options, name))
                        return sv_fail(
                                err, SV_USAGE, "host.option",
                                "--%s: the platform of %s has nothing of that name; leave it "
                                "out, or choose the platform that has it with --tee",
                                name, tee->id->name);
        }
        return 0;
}

static int choose_host_tee(const struct sv_args *args, const char *op,
                           const struct sv_tee_host **out, struct sv_err *err)
{
        const char *name = sv_opt(args, "tee");

        for (size_t i = 0; sv_tees_host[i]; i++)
                if (sv_tees_host[i]->host_op &&
                    (!name || !strcmp(name, sv_tees_host[i]->id->name))) {
                        *out = sv_tees_host[i];
                        return 0;
                }
        return sv_fail(err, SV_USAGE, "host.tee", "%s: the platform of %s has nothing to change",
                       op, name ? name : "this build's TEEs");
}

static int run_host_change(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *op = args->cmd->name + strlen("host ");
        SV_JSON *options = sv_json_object();
        bool dry = sv_has(args, "dry-run");
        const struct sv_tee_host *tee = NULL;
        const struct sv_json *changes;
        int r;

        if (choose_host_tee(args, op, &tee, err) < 0 || refuse_others_options(args, tee, err) < 0)
                return -1;
        copy_options(args, args->cmd->opts, options);
        if (args->cmd->more_opts && tee->config_options)
                copy_options(args, tee->config_options, options);
        if (args->n)
                sv_json_set_str(options, "file", args->pos[0]);
        *result = sv_json_object();
        sv_json_set_str(*result, "tee", tee->id->name);
        r = tee->host_op(op, options, dry, *result, err);
        changes = sv_json_get(*result, "changes");
        sv_json_set_bool(*result, "changed", r == 0 && !dry && sv_json_len(changes));
        for (size_t i = 0; !sv_has(args, "json") && i < sv_json_len(changes); i++)
                printf("%s\n", sv_json_str(sv_json_get(sv_json_at(changes, i), "text")));
        if (r == 0)
                sv_info("%s", !sv_json_len(changes) ? "nothing to change"
                              : dry                 ? "a dry run: nothing was changed"
                                                    : "done");
        return r;
}

const struct sv_cmd sv_cmd_host = {
        "host", "", "what this machine can launch, and what to change where it cannot", NULL,
        run_host};
const struct sv_cmd sv_cmd_host_check = {"host check", "", "the same", NULL, run_host};
const struct sv_cmd sv_cmd_host_vtpm_ca = {
        "host vtpm-ca", "",
        "make sure that this machine's vTPM certificate authority exists; print its root's path",
        vtpm_ca_opts, run_host_vtpm_ca};
const struct sv_cmd sv_cmd_host_commit = {
        "host commit", "",
        "commit the platform's firmware that runs: no older one can be loaded after it",
        platform_opts, run_host_change};
const struct sv_cmd sv_cmd_host_config = {
        .name = "host config",
        .args = "",
        .help = "set what reports of this platform say of its TCB and its chip",
        .opts = platform_opts,
        .run = run_host_change,
        .more_opts = get_config_options,
};
const struct sv_cmd sv_cmd_host_vlek_load = {
        "host vlek-load", "FILE", "load a cloud provider's versioned loaded endorsement key",
        platform_opts, run_host_change};
