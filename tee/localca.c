/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/localca.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"

#define SYSTEM_CONF   "/etc/swtpm-localca.conf"
#define SYSTEM_STATE  "/var/lib/swtpm-localca"
#define CONF_SIZE_MAX (1u << 16)

void sv_localca_free(struct sv_localca *ca)
{
        free(ca->conf);
        free(ca->state);
        free(ca->root);
        free(ca->issuer);
        memset(ca, 0, sizeof(*ca));
}

static char *find_conf(void)
{
        const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        char *own = NULL;

        if (geteuid() == 0)
                own = sv_asprintf("%s/swtpm-localca.conf", SV_LOCALCA_ROOT);
        else if (config && *config)
                own = sv_asprintf("%s/swtpm-localca.conf", config);
        else if (home && *home)
                own = sv_asprintf("%s/.config/swtpm-localca.conf", home);
        if (own && access(own, R_OK) == 0)
                return own;
        free(own);
        return sv_asprintf("%s", SYSTEM_CONF);
}

/* The value of `key` in "key = value" lines; NULL when absent. The caller frees. */
static char *find_conf_value(const char *line, const char *key)
{
        size_t n = strlen(key);

        for (const char *end; *line; line = *end ? end + 1 : end) {
                const char *value = line + n;

                end = strchrnul(line, '\n');
                if (strncmp(line, key, n))
                        continue;
                value += strspn(value, " \t");
                if (*value != '=')
                        continue;
                value++;
                value += strspn(value, " \t");
                for (n = (size_t)(end - value); n && strchr(" \t\r", value[n - 1]);)
                        n--;
                return sv_asprintf("%.*s", (int)n, value);
        }
        return NULL;
}

int sv_localca_find(struct sv_localca *out, const char *check, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_STR conf = find_conf();

        if (sv_file_read(conf, CONF_SIZE_MAX, &text, check, err) < 0)
                return sv_wrap(err, "looking for this host's maker of vTPMs");
        *out = (struct sv_localca){.conf = conf,
                                   .state = find_conf_value(sv_buf_str(&text), "statedir"),
                                   .issuer = find_conf_value(sv_buf_str(&text), "issuercert")};
        conf = NULL;
        if (!out->state)
                out->state = sv_asprintf("%s", SYSTEM_STATE);
        if (!out->issuer)
                out->issuer = sv_asprintf("%s/issuercert.pem", out->state);
        out->root = sv_asprintf("%s/swtpm-localca-rootca-cert.pem", out->state);
        return 0;
}
