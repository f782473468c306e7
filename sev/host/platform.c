/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator changes of the platform through /dev/sev (AMD 56860, SNP_COMMIT,
 * SNP_CONFIG, SNP_VLEK_LOAD; linux/psp-sev.h): first as a plan, component by component, held
 * against what runs; then, unless it is a dry run, for real, and read back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "sev/host/host.h"
#include "sev/host/kvm-abi.h"

#define DEVICE      "/dev/sev"
#define VLEK_SIZE   432u
#define VLEK_TCB    400u
#define VLEK_ZERO_1 12u  /* 4 bytes behind the IV */
#define VLEK_ZERO_2 408u /* 8 bytes behind the TCB */

struct platform {
        int fd;
        enum sv_sev_product product;
        const struct sv_json *options;
        struct sv_json *changes;
        struct sv_tcb current, reported;
        uint32_t flags;
        char version[32];
};

static int issue_command(struct platform *p, uint32_t cmd, const void *data, const char *what,
                         struct sv_err *err)
{
        struct sv_sev_issue issue = {.cmd = cmd, .data = (uintptr_t)data};

        if (ioctl(p->fd, SV_SEV_ISSUE_CMD, &issue) == 0)
                return 0;
        if (issue.error)
                return sv_fail(err, SV_SYSTEM, "sev.host.firmware",
                               "%s: the firmware refuses with status 0x%x: %s", what, issue.error,
                               sv_sev_status(issue.error));
        return sv_fail(err, SV_SYSTEM, "sev.host.device", "%s: %s%s", what, strerror(errno),
                       errno == EPERM    ? "; run as root"
                       : errno == EINVAL ? "; SNP is not initialised here, or this kernel is older "
                                           "than 6.11: see what secure-vm host says"
                                         : "");
}

static int read_platform_status(struct platform *p, struct sv_err *err)
{
        struct sv_sev_snp_status s = {0};

        if (issue_command(p, SV_SEV_SNP_STATUS, &s,
                          "asking for the platform's state (SNP_PLATFORM_STATUS)", err) < 0)
                return -1;
        if (s.state != 1)
                return sv_fail(err, SV_SYSTEM, "sev.host.device",
                               "the SEV firmware is not initialised for SNP: reload the module "
                               "ccp, and see the kernel's log");
        sv_tcb_read((const uint8_t *)&s.current_tcb, p->product, &p->current);
        sv_tcb_read((const uint8_t *)&s.reported_tcb, p->product, &p->reported);
        p->flags = s.flags;
        snprintf(p->version, sizeof(p->version), "%u.%u.%u", s.api_major, s.api_minor, s.build);
        return 0;
}

/* --- the plan --- */

static void plan_text(struct platform *p, const char *what, const char *before, const char *after)
{
        struct sv_json *row = sv_json_add(p->changes, sv_json_object());
        SV_STR text = sv_asprintf("%s: %s -> %s", what, before, after);

        sv_json_set_str(row, "what", what);
        sv_json_set_str(row, "before", before);
        sv_json_set_str(row, "after", after);
        sv_json_set_str(row, "text", text);
}

static const struct {
        const char *name;
        size_t at;
} components[] = {
        {"fmc", offsetof(struct sv_tcb, fmc)},
        {"bootloader", offsetof(struct sv_tcb, bootloader)},
        {"tee", offsetof(struct sv_tcb, tee)},
        {"snp", offsetof(struct sv_tcb, snp)},
        {"microcode", offsetof(struct sv_tcb, microcode)},
};
#define N_COMPONENTS (sizeof(components) / sizeof(components[0]))

static uint8_t *get_tcb_component(struct sv_tcb *t, size_t i)
{
        return (uint8_t *)t + components[i].at;
}

static void plan_tcb(struct platform *p, struct sv_tcb *after)
{
        for (size_t i = 0; i < N_COMPONENTS; i++) {
                SV_STR what = sv_asprintf("reported_tcb.%s", components[i].name);
                char from[8], to[8];

                if (*get_tcb_component(&p->reported, i) == *get_tcb_component(after, i))
                        continue;
                snprintf(from, sizeof(from), "%u", *get_tcb_component(&p->reported, i));
                snprintf(to, sizeof(to), "%u", *get_tcb_component(after, i));
                plan_text(p, what, from, to);
        }
}

static void plan_flag(struct platform *p, const char *what, uint32_t bit, uint32_t after)
{
        if ((p->flags ^ after) & bit)
                plan_text(p, what, p->flags & bit ? "yes" : "no", after & bit ? "yes" : "no");
}

/* --- config --- */

static int parse_component(const struct platform *p, const char *word, struct sv_tcb *out,
                           struct sv_err *err)
{
        bool fmc = p->product == SV_SEV_TURIN || p->product == SV_SEV_VENICE;
        const char *eq = strchr(word, '=');
        uint64_t value;

        for (size_t i = 0; eq && i < N_COMPONENTS; i++) {
                if (strlen(components[i].name) != (size_t)(eq - word) ||
                    strncmp(word, components[i].name, (size_t)(eq - word)) || (!i && !fmc))
                        continue;
                if (sv_parse_u64(eq + 1, 255, &value, "sev.host.tcb", err) < 0)
                        return sv_wrap(err, "component %s", components[i].name);
                *get_tcb_component(out, i) = (uint8_t)value;
                return 0;
        }
        return sv_fail(err, SV_USAGE, "sev.host.tcb",
                       "a component of %s was expected (%sbootloader, tee, snp or microcode, like "
                       "snp=24), found \"%.40s\"",
                       sv_sev_product_name(p->product), fmc ? "fmc, " : "", word);
}

static int parse_tcb(const struct platform *p, const char *text, struct sv_tcb *out,
                     struct sv_err *err)
{
        while (*text) {
                size_t n = strcspn(text, ",");
                SV_STR word = sv_asprintf("%.*s", (int)n, text);

                if (parse_component(p, word, out, err) < 0)
                        return -1;
                text += n + (text[n] == ',');
        }
        return 0;
}

/* Each component by its name: one number that is larger as a whole says nothing. */
static int check_tcb(struct platform *p, struct sv_tcb *after, struct sv_err *err)
{
        for (size_t i = 0; i < N_COMPONENTS; i++) {
                unsigned to = *get_tcb_component(after, i),
                         runs = *get_tcb_component(&p->current, i),
                         from = *get_tcb_component(&p->reported, i);

                if (to > runs)
                        return sv_fail(err, SV_USAGE, "sev.host.above",
                                       "%s %u is above what runs (%u): the firmware would refuse "
                                       "to report it",
                                       components[i].name, to, runs);
                if (to < from && !sv_json_get(p->options, "lower"))
                        return sv_fail(
                                err, SV_USAGE, "sev.host.lower",
                                "%s would go down from %u to %u: reports then need another VCEK, "
                                "and verifiers that ask for more refuse; say --lower if "
                                "that is meant",
                                components[i].name, from, to);
        }
        return 0;
}

static int take_flag(const struct platform *p, const char *option, uint32_t bit, uint32_t *flags,
                     struct sv_err *err)
{
        const char *text = sv_json_str(sv_json_get(p->options, option));

        if (!text)
                return 0;
        if (strcmp(text, "yes") && strcmp(text, "no"))
                return sv_fail(err, SV_USAGE, "sev.host.option",
                               "--%s: yes or no was expected, found \"%.40s\"", option, text);
        *flags = !strcmp(text, "yes") ? *flags | bit : *flags & ~bit;
        return 0;
}

static int change_tcb_config(struct platform *p, bool dry, struct sv_err *err)
{
        const char *text = sv_json_str(sv_json_get(p->options, "reported-tcb"));
        const bool reset = sv_json_get(p->options, "reset") != NULL;
        const uint32_t masks = SV_SEV_MASK_CHIP_ID | SV_SEV_MASK_CHIP_KEY;
        struct sv_tcb after = reset ? p->current : p->reported;
        struct sv_sev_snp_config c = {.flags = p->flags & masks};

        if (reset && text)
                return sv_fail(err, SV_USAGE, "sev.host.option",
                               "--reset reports what runs, --reported-tcb something else: give one "
                               "of them");
        if (take_flag(p, "mask-chip-id", SV_SEV_MASK_CHIP_ID, &c.flags, err) < 0 ||
            take_flag(p, "mask-chip-key", SV_SEV_MASK_CHIP_KEY, &c.flags, err) < 0 ||
            (text && (parse_tcb(p, text, &after, err) < 0 || check_tcb(p, &after, err) < 0)))
                return -1;
        plan_tcb(p, &after);
        plan_flag(p, "mask_chip_id", SV_SEV_MASK_CHIP_ID, c.flags);
        plan_flag(p, "mask_chip_key", SV_SEV_MASK_CHIP_KEY, c.flags);
        if (dry || !sv_json_len(p->changes))
                return 0;
        sv_tcb_write(&after, p->product, c.reported_tcb);
        if (issue_command(p, SV_SEV_SNP_SET_CONFIG, &c,
                          "setting the platform's configuration (SNP_CONFIG)", err) < 0 ||
            read_platform_status(p, err) < 0)
                return -1;
        if (!sv_tcb_equal(&p->reported, &after) || (p->flags & masks) != c.flags)
                return sv_fail(err, SV_SYSTEM, "sev.host.after",
                               "the firmware took the configuration, but reports other values: see "
                               "secure-vm host config --dry-run");
        return 0;
}

/* --- commit --- */

static int commit_firmware(struct platform *p, bool dry, struct sv_err *err)
{
        plan_tcb(p, &p->current);
        plan_text(p, "committed_version", "not told by the kernel", p->version);
        if (dry)
                return 0;
        if (issue_command(p, SV_SEV_SNP_COMMIT, NULL,
                          "committing the firmware that runs (SNP_COMMIT)", err) < 0 ||
            read_platform_status(p, err) < 0)
                return -1;
        if (!sv_tcb_equal(&p->reported, &p->current))
                return sv_fail(err, SV_SYSTEM, "sev.host.after",
                               "the firmware committed, but does not report what runs: see "
                               "secure-vm host config --dry-run");
        return 0;
}

/* --- vlek-load --- */

static int check_vlek(struct platform *p, struct sv_bytes file, struct sv_err *err)
{
        struct sv_tcb tcb;

        if (file.n != VLEK_SIZE)
                return sv_fail(err, SV_FORMAT, "snp.vlek.size",
                               "a wrapped VLEK hashstick has %u bytes, this has %zu", VLEK_SIZE,
                               file.n);
        for (size_t i = 0; i < 12; i++) {
                size_t at = i < 4 ? VLEK_ZERO_1 + i : VLEK_ZERO_2 + i - 4;

                if (file.p[at])
                        return sv_fail(err, SV_FORMAT, "snp.vlek.reserved",
                                       "the byte at offset %zu is reserved and must be zero", at);
        }
        sv_tcb_read(file.p + VLEK_TCB, p->product, &tcb);
        for (size_t i = 0; i < N_COMPONENTS; i++)
                if (*get_tcb_component(&tcb, i) > *get_tcb_component(&p->current, i))
                        return sv_fail(err, SV_USAGE, "sev.host.above",
                                       "the VLEK is for %s %u, which is above what runs (%u)",
                                       components[i].name, *get_tcb_component(&tcb, i),
                                       *get_tcb_component(&p->current, i));
        return 0;
}

static int load_vlek(struct platform *p, bool dry, struct sv_err *err)
{
        const char *path = sv_json_str(sv_json_get(p->options, "file"));
        struct sv_sev_snp_vlek load = {.len = sizeof(load)};
        SV_BUF file = SV_BUF_NULL;

        if (!path)
                return sv_fail(err, SV_USAGE, "sev.host.option",
                               "no file with the wrapped VLEK hashstick is named");
        if (sv_file_read(path, 1 << 16, &file, "sev.host.vlek", err) < 0 ||
            check_vlek(p, sv_buf_bytes(&file), err) < 0)
                return -1;
        plan_text(p, "vlek", p->flags & SV_SEV_VLEK_EN ? "loaded" : "none", path);
        if (dry)
                return 0;
        load.address = (uintptr_t)file.p;
        if (issue_command(p, SV_SEV_SNP_VLEK_LOAD, &load, "loading the VLEK (SNP_VLEK_LOAD)", err) <
                    0 ||
            read_platform_status(p, err) < 0)
                return -1;
        return p->flags & SV_SEV_VLEK_EN
                       ? 0
                       : sv_fail(err, SV_SYSTEM, "sev.host.after",
                                 "the firmware took the VLEK, but says that it has none");
}

int sv_sev_host_op_at(const char *device, enum sv_sev_product product, const char *op,
                      const struct sv_json *options, bool dry, struct sv_json *plan,
                      struct sv_err *err)
{
        static const struct {
                const char *name;
                int (*run)(struct platform *p, bool dry, struct sv_err *err);
        } ops[] = {{"commit", commit_firmware},
                   {"config", change_tcb_config},
                   {"vlek-load", load_vlek}};
        struct platform p = {.product = product, .options = options};
        SV_FD fd = open(device, (dry ? O_RDONLY : O_RDWR) | O_CLOEXEC);

        if (fd < 0)
                return sv_fail_errno(err, "sev.host.device",
                                     "%s cannot be opened; see what secure-vm host says", device);
        if (product == SV_SEV_UNKNOWN)
                return sv_fail(err, SV_SYSTEM, "sev.host.product",
                               "this processor is none that we know the TCB layout of (Milan, "
                               "Genoa, Turin, Venice)");
        p.fd = fd;
        p.changes = sv_json_set(plan, "changes", sv_json_array());
        sv_json_set_str(plan, "product", sv_sev_product_name(product));
        if (read_platform_status(&p, err) < 0)
                return -1;
        sv_json_set_str(plan, "firmware", p.version);
        sv_json_set(plan, "current_tcb", sv_tcb_json(&p.current, product));
        sv_json_set(plan, "reported_tcb", sv_tcb_json(&p.reported, product)); /* before */
        for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
                if (!strcmp(op, ops[i].name))
                        return ops[i].run(&p, dry, err);
        return sv_fail(err, SV_USAGE, "sev.host.option",
                       "commit, config or vlek-load was expected, found \"%.40s\"", op);
}

int sv_sev_host_op(const char *op, const struct sv_json *options, bool dry, struct sv_json *plan,
                   struct sv_err *err)
{
        return sv_sev_host_op_at(DEVICE, sv_sev_host_product(), op, options, dry, plan, err);
}
