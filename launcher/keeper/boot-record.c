/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/boot-record.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/keeper/state.h"

#define GONE    "gone"
/* as long as connections of others may take */
#define WAIT_MS 180000

static char *name_record(const char *file, const char *more)
{
        SV_STR base = sv_state_base();

        return sv_asprintf("%s/%s%s", base, file, more);
}

bool sv_boot_record_is_there(const char *file)
{
        SV_STR path = name_record(file, "");

        return access(path, F_OK) == 0;
}

int sv_boot_record_open(const char *root, const char *file, const char *list, const char *check,
                        struct sv_boot_record *r, struct sv_err *err)
{
        SV_STR base = sv_state_base();
        SV_STR path = name_record(file, "");
        SV_STR lock = name_record(file, "-lock");
        SV_STR boot_path = sv_asprintf("%s/proc/sys/kernel/random/boot_id", root);
        SV_BUF boot = SV_BUF_NULL;

        r->file = file;
        r->list = list;
        r->check = check;
        if (sv_mkdirs(base, 0711, err) < 0)
                return -1;
        r->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (r->lock < 0 || sv_fd_lock(r->lock, WAIT_MS) < 0)
                return sv_fail_errno(err, check, "%s", lock);
        if (sv_file_read(boot_path, 64, &boot, check, err) < 0 ||
            sv_state_read_record(path, check, &r->all, err) < 0)
                return -1;
        if (!r->all)
                r->all = sv_json_object();
        boot.n = strcspn(sv_buf_str(&boot), "\n");
        r->rows = sv_json_get(r->all, list);
        if (strcmp(sv_json_text(r->all, "boot", ""), sv_buf_str(&boot)) != 0 ||
            sv_json_type(r->rows) != SV_JSON_ARRAY)
                r->rows = sv_json_set(r->all, list, sv_json_array());
        sv_json_set_str(r->all, "boot", sv_buf_str(&boot));
        return 0;
}

void sv_boot_record_close(struct sv_boot_record *r)
{
        sv_json_freep(&r->all);
        sv_closep(&r->lock);
}

void sv_boot_record_remove(struct sv_json *row)
{
        sv_json_set_bool(row, GONE, true);
}

bool sv_boot_record_has(const struct sv_json *row)
{
        return !sv_json_bool(sv_json_get(row, GONE), false);
}

int sv_boot_record_write(struct sv_boot_record *r, struct sv_err *err)
{
        SV_STR path = name_record(r->file, "");
        struct sv_json *left = sv_json_array();

        for (size_t i = 0; i < sv_json_len(r->rows); i++)
                if (sv_boot_record_has(sv_json_at(r->rows, i)))
                        sv_json_add(left, sv_json_ref(sv_json_at(r->rows, i)));
        r->rows = sv_json_set(r->all, r->list, left);
        if (sv_json_ok(err) < 0)
                return -1;
        return sv_state_write_record(path, r->check, r->all, !sv_json_len(r->rows), err);
}
