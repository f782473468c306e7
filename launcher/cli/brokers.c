/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/brokers.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/xdg.h"
#include "launcher/cli/entries.h"

#define ENTRY_MAX 4096

void sv_broker_entry_free(struct sv_broker_entry *e)
{
        free(e->url);
        free(e->pin);
        free(e->admin_key);
        *e = (struct sv_broker_entry){0};
}

static char *find_folder(struct sv_err *err)
{
        char *folder = sv_xdg_path("XDG_CONFIG_HOME", ".config", "secure-vm/brokers");

        if (folder)
                return folder;
        sv_fail(err, SV_SYSTEM, "brokers.folder",
                "neither XDG_CONFIG_HOME nor HOME says where your settings are: set one, or give "
                "--broker URL, --pin and --admin-key");
        return NULL;
}

static char *find_file(const char *name, struct sv_err *err)
{
        SV_STR folder = find_folder(err);

        return sv_entry_path(folder, name, "broker", "brokers.name", err);
}

int sv_broker_entry_list(struct sv_json **names, struct sv_err *err)
{
        SV_STR folder = find_folder(err);

        return folder ? sv_entry_list(folder, "brokers.folder", names, err) : -1;
}

static int fail_unknown_broker(const char *name, struct sv_err *err)
{
        SV_JSON *known = NULL;
        SV_STR list = NULL;

        if (sv_broker_entry_list(&known, err) < 0)
                return -1;
        list = sv_entry_names(known);
        return sv_fail(
                err, SV_USAGE, "brokers.name",
                "no broker is known as \"%s\" (known: %s); \"secure-vm broker add\" makes one "
                "known, a URL begins with https://",
                name, list);
}

static int read_members(const struct sv_json *j, struct sv_broker_entry *out, struct sv_err *err)
{
        static const char *const names[] = {"url", "pin", "admin_key", NULL};
        const char *url, *pin, *key;

        if (sv_json_only(j, names, "brokers.file", err) < 0 ||
            sv_json_need_str(j, "url", &url, "brokers.file", err) < 0 ||
            sv_json_need_str(j, "pin", &pin, "brokers.file", err) < 0 ||
            sv_json_need_str(j, "admin_key", &key, "brokers.file", err) < 0)
                return -1;
        out->url = sv_asprintf("%s", url);
        out->pin = sv_asprintf("%s", pin);
        out->admin_key = sv_asprintf("%s", key);
        return 0;
}

int sv_broker_entry_read(const char *name, struct sv_broker_entry *out, struct sv_err *err)
{
        SV_STR path = find_file(name, err);
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *j = NULL;

        if (!path)
                return -1;
        if (access(path, F_OK) < 0 && errno == ENOENT)
                return fail_unknown_broker(name, err);
        if (sv_file_read(path, ENTRY_MAX, &text, "brokers.file", err) < 0)
                return -1;
        return sv_json_parse(sv_buf_bytes(&text), "brokers.file", &j, err) < 0 ||
                               read_members(j, out, err) < 0
                       ? sv_wrap(err, "%s", path)
                       : 0;
}

int sv_broker_entry_write(const char *name, const struct sv_broker_entry *e, bool replace,
                          struct sv_err *err)
{
        SV_STR folder = find_folder(err);
        SV_STR path = folder ? find_file(name, err) : NULL;
        SV_JSON *j = sv_json_object();
        SV_BUF text = SV_BUF_NULL;

        if (!path)
                return -1;
        if (!replace && access(path, F_OK) == 0)
                return sv_fail(err, SV_USAGE, "brokers.exists",
                               "a broker is known as \"%s\" already: choose another name, or "
                               "--replace it",
                               name);
        sv_json_set_str(j, "url", e->url);
        sv_json_set_str(j, "pin", e->pin);
        sv_json_set_str(j, "admin_key", e->admin_key);
        sv_json_pretty(j, &text);
        return sv_mkdirs(folder, 0700, err) < 0
                       ? -1
                       : sv_file_write(path, 0600, sv_buf_bytes(&text), err);
}

int sv_broker_entry_remove(const char *name, struct sv_err *err)
{
        SV_STR path = find_file(name, err);

        if (!path)
                return -1;
        if (unlink(path) == 0)
                return 0;
        return errno == ENOENT ? fail_unknown_broker(name, err)
                               : sv_fail_errno(err, "brokers.file", "cannot remove %s", path);
}
