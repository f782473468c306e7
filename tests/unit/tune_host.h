/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded host to apply plans to, and a kernel that refuses what a test says. Link with
 * -Wl,--wrap=sv_kernel_file_write,--wrap=sv_kernel_file_try. */
#pragma once

#include <errno.h>

#include "base/core/file.h"
#include "launcher/tune/apply.h"
#include "launcher/tune/knob.h"
#include "tests/unit/host_knobs.h"

static struct sv_err err;
static char *root, *record;
static enum sv_tune_profile profile;
static const char *const *hugepages;
static bool takes; /* what daemons set as well */

/* --- a kernel that refuses --- */

static int refused_write = -1, refuse_with, writes;       /* the n-th write, counted from 0 */
static int refusals;                                      /* so many in a row */
static bool keeps;                                        /* it says yes, and does nothing */
static const char *closed_path, *managed_path, *odd_path; /* of the last it makes 77 */

int __real_sv_kernel_file_write(const char *r, const char *path, const char *value);
int __wrap_sv_kernel_file_write(const char *r, const char *path, const char *value);
int __real_sv_kernel_file_try(const char *r, const char *path);
int __wrap_sv_kernel_file_try(const char *r, const char *path);

/* A file of several words keeps them, the chosen one in brackets, and takes no other. */
static inline int write_as_kernel(const char *r, const char *path, const char *value)
{
        SV_STR full = sv_asprintf("%s%s", r, path);
        SV_BUF text = SV_BUF_NULL;
        SV_BUF offered = SV_BUF_NULL;
        SV_BUF line = SV_BUF_NULL;
        const char *at, *end;

        if (sv_file_read(full, SV_TUNE_VALUE_MAX, &text, "x", NULL) < 0 ||
            !strchr(sv_buf_str(&text), '['))
                return __real_sv_kernel_file_write(r, path, value);
        if (!sv_kernel_file_offers(r, path, value, &offered)) {
                errno = EINVAL;
                return -1;
        }
        for (at = sv_buf_str(&text); *at && *at != '\n'; at = end) {
                at += strspn(at, " []");
                end = at + strcspn(at, " ]\n");
                if (end > at)
                        sv_buf_printf(&line,
                                      (size_t)(end - at) == strlen(value) &&
                                                      !strncmp(at, value, strlen(value))
                                              ? "%s[%.*s]"
                                              : "%s%.*s",
                                      line.n ? " " : "", (int)(end - at), at);
                end += strspn(end, "]");
        }
        return __real_sv_kernel_file_write(r, path, sv_buf_str(&line));
}

int __wrap_sv_kernel_file_write(const char *r, const char *path, const char *value)
{
        int n = writes++;

        if (managed_path && !strcmp(path, managed_path)) {
                errno = refuse_with;
                return -1;
        }
        if (refused_write >= 0 && n >= refused_write && n < refused_write + refusals) {
                if (keeps)
                        return 0;
                errno = refuse_with;
                return -1;
        }
        return write_as_kernel(r, path, odd_path && !strcmp(path, odd_path) ? "77" : value);
}

int __wrap_sv_kernel_file_try(const char *r, const char *path)
{
        if (closed_path && !strcmp(path, closed_path)) {
                errno = EROFS;
                return -1;
        }
        return __real_sv_kernel_file_try(r, path);
}

static inline void forgive(void)
{
        refused_write = -1;
        closed_path = managed_path = odd_path = NULL;
        keeps = false;
        writes = 0;
}

static inline void refuse_from(int n, int times, int why)
{
        forgive();
        refused_write = n;
        refusals = times;
        refuse_with = why;
}

/* --- a host --- */

static inline void take_host(const char *name, enum sv_tune_profile p)
{
        static unsigned n;

        free(root);
        free(record);
        root = sv_asprintf("%s/%s-%u", base, name, n);
        record = sv_asprintf("%s/record-%u", base, n++);
        profile = p;
        hugepages = NULL;
        takes = true;
        forgive();
        put_host_settings(root, name);
}

static inline int make_plan(struct sv_tune_plan *plan)
{
        struct sv_tune_ask ask = {
                .root = root, .profile = profile, .take = takes, .hugepages = hugepages};

        return sv_tune_make_plan(&ask, plan, &err);
}

static inline int apply_host(void)
{
        SV_TUNE_PLAN plan = {.n = 0};
        SV_JSON *result = sv_json_object();

        return make_plan(&plan) < 0 ? -1 : sv_tune_apply(&plan, record, result, &err);
}

static inline int undo_host(void)
{
        SV_JSON *result = sv_json_object();

        return sv_tune_undo(root, record, result, &err);
}

static inline int check_host_now(void)
{
        SV_JSON *result = sv_json_object();

        return sv_tune_check(root, record, result, &err);
}

static inline void assert_value(const struct sv_tune_setting *s, const char *want)
{
        SV_BUF now = SV_BUF_NULL;

        assert_int_equal(sv_kernel_file_read(root, s->path, s->knob->form, &now, NULL), 1);
        if (strcmp(sv_buf_str(&now), want) != 0)
                fail_msg("%s is %s, not %s", s->path, sv_buf_str(&now), want);
}

static inline bool is_value(const struct sv_tune_setting *s, const char *want)
{
        SV_BUF now = SV_BUF_NULL;

        return sv_kernel_file_read(root, s->path, s->knob->form, &now, NULL) == 1 &&
               !strcmp(sv_buf_str(&now), want);
}

static inline void assert_as_before(const struct sv_tune_plan *plan)
{
        for (size_t i = 0; i < plan->n; i++)
                assert_value(&plan->settings[i], plan->settings[i].now);
}

static inline void assert_in_force(const struct sv_tune_plan *plan)
{
        for (size_t i = 0; i < plan->n; i++)
                if (plan->settings[i].action != SV_TUNE_LEFT)
                        assert_value(&plan->settings[i], plan->settings[i].wanted);
}

static inline bool has_record(const char *name)
{
        SV_STR path = sv_asprintf("%s/%s", record, name);

        return access(path, F_OK) == 0;
}

static inline void assert_no_record(void)
{
        assert_false(has_record("applying.json"));
        assert_false(has_record("applied.json"));
}

static inline int tear_down_tuning(void **state)
{
        free(root);
        free(record);
        return remove_base(state);
}
