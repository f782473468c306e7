/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/core/text.h"

static bool split_label(const char *label, size_t n, char name[SV_NAME_MAX + 1],
                        char value[SV_NAME_MAX + 1])
{
        const char *mark = memchr(label, '=', n);
        size_t left = mark ? (size_t)(mark - label) : 0, right = mark ? n - left - 1 : 0;

        if (!left || left > SV_NAME_MAX || !right || right > SV_NAME_MAX)
                return false;
        memcpy(name, label, left);
        name[left] = '\0';
        memcpy(value, mark + 1, right);
        value[right] = '\0';
        return true;
}

int sv_label_check(const char *label, struct sv_err *err)
{
        char name[SV_NAME_MAX + 1], value[SV_NAME_MAX + 1];

        if (split_label(label, strlen(label), name, value) && sv_name_ok(name) && sv_name_ok(value))
                return 0;
        return sv_fail(err, SV_FORMAT, "broker.label",
                       "expected NAME=VALUE as label, each of 1 to %d letters, digits and \"_.-\" "
                       "that does not begin with a dot, found '%.80s'",
                       SV_NAME_MAX, label);
}

/* The length of the label behind the comma at `at`; 0: that comma is the last, or there is none. */
static size_t measure_label(const char *at)
{
        return *at ? strcspn(at + 1, ",") : 0;
}

static size_t count_labels(const char *labels)
{
        size_t n = 0;

        for (size_t len; (len = measure_label(labels)) != 0; labels += len + 1)
                n++;
        return n;
}

void sv_settings_remove_label(struct sv_settings *s, const char *name)
{
        size_t n = strlen(name), len;

        for (char *at = s->labels; (len = measure_label(at)) != 0; at += len + 1) {
                if (strncmp(at + 1, name, n) || at[1 + n] != '=')
                        continue;
                memmove(at, at + len + 1, strlen(at + len + 1) + 1);
                break;
        }
        if (!count_labels(s->labels))
                s->labels[0] = '\0';
}

int sv_settings_add_label(struct sv_settings *s, const char *label, struct sv_err *err)
{
        size_t n = strlen(label), len;
        char name[SV_NAME_MAX + 1];
        char *at = s->labels;

        snprintf(name, sizeof(name), "%.*s", (int)strcspn(label, "="), label);
        sv_settings_remove_label(s, name);
        if (count_labels(s->labels) >= SV_LABELS_MAX)
                return sv_fail(err, SV_USAGE, "broker.label.limit",
                               "a resource has at most %d labels: remove some first",
                               SV_LABELS_MAX);
        if (!s->labels[0])
                memcpy(s->labels, ",", 2);
        while ((len = measure_label(at)) != 0 && strcmp(at + 1, label) < 0)
                at += len + 1;
        memmove(at + n + 1, at, strlen(at) + 1);
        memcpy(at + 1, label, n);
        return 0;
}

void sv_settings_count(struct sv_settings *s, int64_t most)
{
        s->most = most;
        s->released = 0;
        s->n_takers = 0;
}

void sv_settings_note(const struct sv_settings *s, struct sv_json *row)
{
        char name[SV_NAME_MAX + 1], value[SV_NAME_MAX + 1];
        struct sv_json *labels = NULL;
        size_t len;

        for (const char *at = s->labels; (len = measure_label(at)) != 0; at += len + 1) {
                if (!labels)
                        labels = sv_json_set(row, "labels", sv_json_object());
                if (split_label(at + 1, len, name, value))
                        sv_json_set_str(labels, name, value);
        }
        if (s->bytes)
                sv_json_set_int(row, "provision", s->bytes);
        if (!s->most)
                return;
        sv_json_set_int(row, "releases", s->most);
        sv_json_set_int(row, "released", s->released);
}
