/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config.h"

#include <sys/mount.h>

#include "agent/config-net.h"
#include "base/core/buf.h"
#include "base/core/encoding.h"
#include "base/core/text.h"

#define PREFIX "securevm."

static int copy_value(struct sv_bytes v, char *out, size_t size, const char *what,
                      struct sv_err *err)
{
        if (v.n == 0 || v.n >= size)
                return sv_fail(err, SV_USAGE, "agent.cmdline.value",
                               "securevm.%s is empty or longer than %zu bytes", what, size - 1);
        for (size_t i = 0; i < v.n; i++)
                if (v.p[i] <= 0x20 || v.p[i] > 0x7e)
                        return sv_fail(err, SV_USAGE, "agent.cmdline.value",
                                       "securevm.%s holds a byte that is not printable ASCII",
                                       what);
        memcpy(out, v.p, v.n);
        out[v.n] = 0;
        return 0;
}

/* Each begins another broker. */
static int parse_url(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        if (c->n_brokers == SV_BROKERS_MAX)
                return sv_fail(err, SV_USAGE, "agent.cmdline.brokers",
                               "securevm.url is there more than %d times", SV_BROKERS_MAX);
        c->n_brokers++;
        return copy_value(v, c->brokers[c->n_brokers - 1].url, sizeof(c->brokers->url), "url", err);
}

/* Whom the words after a URL are about. Before any it is the first. */
static struct sv_agent_broker *last_broker(struct sv_agent_config *c)
{
        return &c->brokers[c->n_brokers ? c->n_brokers - 1 : 0];
}

static int fail_twice(const char *word, size_t n, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "agent.cmdline.twice", "securevm.%.*s is given twice", (int)n,
                       word);
}

static int parse_owner(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        struct sv_agent_broker *b = last_broker(c);

        if (*b->owner)
                return fail_twice("owner", 5, err);
        if (c->n_brokers < 2)
                return sv_fail(err, SV_USAGE, "agent.cmdline.owner",
                               "securevm.owner is about a broker beside the first: it goes behind "
                               "that one's securevm.url");
        return copy_value(v, b->owner, sizeof(b->owner), "owner", err);
}

int sv_agent_config_resource(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        if (!sv_resource_ok(v))
                return sv_fail(err, SV_USAGE, "agent.cmdline.resource",
                               "the resource: expected REPOSITORY/TYPE/TAG");
        return copy_value(v, c->resource, sizeof(c->resource), "resource", err);
}

static int parse_disk(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        return copy_value(v, c->disk, sizeof(c->disk), "disk", err);
}

static int parse_data(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        return copy_value(v, c->data, sizeof(c->data), "data", err);
}

int sv_agent_config_pin(struct sv_bytes v, struct sv_agent_broker *b, struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;

        if (v.n != 7 + 64 || memcmp(v.p, "sha256:", 7) != 0)
                return sv_fail(err, SV_USAGE, "agent.cmdline.pin",
                               "the broker's pin: expected sha256: and 64 hex digits");
        if (sv_unhex(sv_bytes(v.p + 7, 64), &raw, "agent.cmdline.pin", err) < 0) {
                if (err)
                        err->class = SV_USAGE; /* the command line is configuration */
                return -1;
        }
        memcpy(b->pin, raw.p, sizeof(b->pin));
        b->has_pin = true;
        return 0;
}

static int parse_pin(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        struct sv_agent_broker *b = last_broker(c);

        return b->has_pin ? fail_twice("pin", 3, err) : sv_agent_config_pin(v, b, err);
}

/* Options that are mount(2)'s and not the file system's. */
static const struct {
        const char *name;
        unsigned long flag;
} root_flags[] = {
        {"ro", MS_RDONLY},         {"rw", 0},
        {"noatime", MS_NOATIME},   {"nodiratime", MS_NODIRATIME},
        {"nodev", MS_NODEV},       {"sync", MS_SYNCHRONOUS},
        {"lazytime", MS_LAZYTIME}, {"relatime", MS_RELATIME},
};

static int add_root_option(struct sv_bytes o, struct sv_agent_config *c, struct sv_err *err)
{
        size_t used = strlen(c->root_options);

        if (o.n == 7 && !memcmp(o.p, "discard", 7))
                c->discard = true; /* and goes to the file system as well */
        for (size_t i = 0; i < sizeof(root_flags) / sizeof(*root_flags); i++)
                if (o.n == strlen(root_flags[i].name) && !memcmp(o.p, root_flags[i].name, o.n)) {
                        c->root_flags |= root_flags[i].flag;
                        return 0;
                }
        if (used) {
                if (used + 1 >= sizeof(c->root_options))
                        return sv_fail(err, SV_USAGE, "agent.cmdline.value",
                                       "securevm.root has too many options");
                c->root_options[used++] = ',';
        }
        return copy_value(o, c->root_options + used, sizeof(c->root_options) - used, "root", err);
}

static int parse_verity(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        if (sv_verity_parse(v, &c->verity, err) < 0)
                return -1;
        c->has_verity = true;
        return 0;
}

/* TYPE[,OPTION...] */
static int parse_root(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        struct sv_bytes o = SV_BYTES_NULL;

        c->has_root = true;
        sv_agent_config_field(&v, &o);
        if (copy_value(o, c->root_type, sizeof(c->root_type), "root", err) < 0)
                return -1;
        while (sv_agent_config_field(&v, &o))
                if (add_root_option(o, c, err) < 0)
                        return -1;
        return 0;
}

static int parse_console(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        if (v.n != 4 || memcmp(v.p, "host", 4) != 0)
                return sv_fail(err, SV_USAGE, "agent.cmdline.value",
                               "securevm.console: expected host");
        c->keep_console = true;
        return 0;
}

static int parse_fallback(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        if (v.n != 7 || memcmp(v.p, "console", 7) != 0)
                return sv_fail(err, SV_USAGE, "agent.cmdline.value",
                               "securevm.fallback: expected console");
        c->fallback = true;
        return 0;
}

static const struct word {
        const char *name;
        int (*parse)(struct sv_bytes value, struct sv_agent_config *c, struct sv_err *err);
        bool often; /* may be there more than once */
} words[] = {
        {"url", parse_url, true},
        {"pin", parse_pin, true},
        {"owner", parse_owner, true},
        {"resource", sv_agent_config_resource},
        {"disk", parse_disk},
        {"data", parse_data},
        {"root", parse_root},
        {"ip", sv_agent_config_ip},
        {"nic", sv_agent_config_nic, true},
        {"card", sv_agent_config_card},
        {"wait", sv_agent_config_wait},
        {"verity", parse_verity},
        {"console", parse_console},
        {"fallback", parse_fallback},
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

static int take_word(struct sv_bytes word, struct sv_agent_config *c, bool seen[N_WORDS],
                     struct sv_err *err)
{
        const uint8_t *eq = memchr(word.p, '=', word.n);
        size_t n = eq ? (size_t)(eq - word.p) : word.n;

        for (size_t i = 0; eq && i < N_WORDS; i++) {
                if (strlen(words[i].name) != n || memcmp(words[i].name, word.p, n) != 0)
                        continue;
                if (seen[i] && !words[i].often)
                        return fail_twice(words[i].name, n, err);
                seen[i] = true;
                return words[i].parse(sv_bytes(eq + 1, word.n - n - 1), c, err);
        }
        return sv_fail(err, SV_USAGE, "agent.cmdline.unknown", "securevm.%.*s is not known",
                       n > 40 ? 40 : (int)n, (const char *)word.p);
}

static bool is_space(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == 0;
}

int sv_agent_config_parse(struct sv_bytes cmdline, struct sv_agent_config *out, struct sv_err *err)
{
        struct sv_agent_config c = {.root_type = "ext4", .wait_s = SV_WAIT_S};
        bool seen[N_WORDS] = {false};

        for (size_t i = 0, n; i < cmdline.n; i += n + 1) {
                for (n = 0; i + n < cmdline.n && !is_space(cmdline.p[i + n]);)
                        n++;
                if (n < strlen(PREFIX) || memcmp(cmdline.p + i, PREFIX, strlen(PREFIX)) != 0)
                        continue;
                if (take_word(sv_bytes(cmdline.p + i + strlen(PREFIX), n - strlen(PREFIX)), &c,
                              seen, err) < 0)
                        return -1;
        }
        if (*c.data && !c.has_verity)
                return sv_fail(err, SV_USAGE, "agent.cmdline.data",
                               "securevm.data names a disk above a verity root, and there is no "
                               "securevm.verity: name the encrypted disk in securevm.disk");
        if (c.has_verity && c.has_root && !*c.data)
                return sv_fail(err, SV_USAGE, "agent.cmdline.verity",
                               "securevm.root beside securevm.verity, which says itself what the "
                               "root file system is: remove securevm.root");
        *out = c;
        return 0;
}

const char *sv_agent_config_encrypted(const struct sv_agent_config *c)
{
        return c->has_verity ? c->data : c->disk;
}

int sv_agent_config_need(const struct sv_agent_config *c, struct sv_err *err)
{
        bool key = !c->has_verity || *c->data; /* comes from a broker */
        const char *missing = key && !c->n_brokers   ? "url"
                              : key && !*c->resource ? "resource"
                              : !*c->disk            ? "disk"
                                                     : NULL;

        return missing ? sv_fail(err, SV_USAGE, "agent.cmdline.missing",
                                 "securevm.%s is not on the kernel command line", missing)
                       : 0;
}
