#include "agent/config.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/buf.h"

#define PREFIX "securevm."

static int copy(struct sv_bytes v, char *out, size_t size, const char *what, struct sv_err *err)
{
        if (v.n == 0 || v.n >= size)
                return sv_fail(err, SV_USAGE, "agent.cmdline.value", "securevm.%s is empty or longer than %zu bytes", what, size - 1);
        memcpy(out, v.p, v.n);
        out[v.n] = 0;
        return 0;
}

static int parse_url(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        return copy(v, c->url, sizeof(c->url), "url", err);
}

static int parse_resource(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        return copy(v, c->resource, sizeof(c->resource), "resource", err);
}

static int parse_disk(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        return copy(v, c->disk, sizeof(c->disk), "disk", err);
}

static int parse_pin(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;

        if (v.n != 7 + 64 || memcmp(v.p, "sha256:", 7) != 0)
                return sv_fail(err, SV_USAGE, "agent.cmdline.pin", "securevm.pin: expected sha256: and 64 hex digits");
        if (sv_unhex(sv_bytes(v.p + 7, 64), &raw, "agent.cmdline.pin", err) < 0)
                return -1;
        memcpy(c->pin, raw.p, sizeof(c->pin));
        c->has_pin = true;
        return 0;
}

static int parse_root(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        const uint8_t *comma = v.n ? memchr(v.p, ',', v.n) : NULL;
        size_t n = comma ? (size_t)(comma - v.p) : v.n;

        if (comma && copy(sv_bytes(comma + 1, v.n - n - 1), c->root_options, sizeof(c->root_options), "root", err) < 0)
                return -1;
        return copy(sv_bytes(v.p, n), c->root_type, sizeof(c->root_type), "root", err);
}

static int parse_ip(struct sv_bytes v, struct sv_agent_config *c, struct sv_err *err)
{
        char text[64], *slash, *comma, *end;
        struct in_addr address, gateway;
        unsigned long prefix;

        if (copy(v, text, sizeof(text), "ip", err) < 0)
                return -1;
        slash = strchr(text, '/');
        comma = strchr(text, ',');
        if (!slash || !comma || comma < slash)
                return sv_fail(err, SV_USAGE, "agent.cmdline.ip", "securevm.ip: expected ADDRESS/PREFIX,GATEWAY");
        *slash = *comma = 0;
        prefix = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end || prefix < 1 || prefix > 32 || inet_pton(AF_INET, text, &address) != 1 ||
            inet_pton(AF_INET, comma + 1, &gateway) != 1)
                return sv_fail(err, SV_USAGE, "agent.cmdline.ip", "securevm.ip: expected ADDRESS/PREFIX,GATEWAY");
        c->address = ntohl(address.s_addr);
        c->gateway = ntohl(gateway.s_addr);
        c->prefix = (unsigned)prefix;
        c->has_ip = true;
        return 0;
}

static const struct word {
        const char *name;
        bool needed;
        int (*parse)(struct sv_bytes value, struct sv_agent_config *c, struct sv_err *err);
} words[] = {
        {"url", true, parse_url},   {"pin", false, parse_pin},   {"resource", true, parse_resource},
        {"disk", true, parse_disk}, {"root", false, parse_root}, {"ip", false, parse_ip},
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

static int take_word(struct sv_bytes word, struct sv_agent_config *c, bool seen[N_WORDS], struct sv_err *err)
{
        const uint8_t *eq = memchr(word.p, '=', word.n);
        size_t n = eq ? (size_t)(eq - word.p) : word.n;

        for (size_t i = 0; eq && i < N_WORDS; i++) {
                if (strlen(words[i].name) != n || memcmp(words[i].name, word.p, n) != 0)
                        continue;
                if (seen[i])
                        return sv_fail(err, SV_USAGE, "agent.cmdline.twice", "securevm.%s is given twice", words[i].name);
                seen[i] = true;
                return words[i].parse(sv_bytes(eq + 1, word.n - n - 1), c, err);
        }
        return sv_fail(err, SV_USAGE, "agent.cmdline.unknown", "securevm.%.*s is not known", n > 40 ? 40 : (int)n, (const char *)word.p);
}

static bool is_space(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == 0;
}

int sv_agent_config_parse(struct sv_bytes cmdline, struct sv_agent_config *out, struct sv_err *err)
{
        struct sv_agent_config c = {.root_type = "ext4"};
        bool seen[N_WORDS] = {false};

        for (size_t i = 0, n; i < cmdline.n; i += n + 1) {
                for (n = 0; i + n < cmdline.n && !is_space(cmdline.p[i + n]);)
                        n++;
                if (n < strlen(PREFIX) || memcmp(cmdline.p + i, PREFIX, strlen(PREFIX)) != 0)
                        continue;
                if (take_word(sv_bytes(cmdline.p + i + strlen(PREFIX), n - strlen(PREFIX)), &c, seen, err) < 0)
                        return -1;
        }
        for (size_t i = 0; i < N_WORDS; i++)
                if (words[i].needed && !seen[i])
                        return sv_fail(err, SV_USAGE, "agent.cmdline.missing", "securevm.%s is not on the kernel command line", words[i].name);
        *out = c;
        return 0;
}
