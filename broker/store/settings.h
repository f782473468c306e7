/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator says of a resource beside its value: labels, and how often it may be
 * released. It is of the resource, not of one version, and goes with the last of them. */
#pragma once

#include "base/core/limits.h"
#include "base/json/json.h"

#define SV_LABEL_SIZE  (2 * SV_NAME_MAX + 2) /* "NAME=VALUE" */
#define SV_LABELS_SIZE (SV_LABELS_MAX * SV_LABEL_SIZE + 2)
#define SV_TAKER_SIZE  32

struct sv_settings {
        /* ",NAME=VALUE,NAME=VALUE,", sorted, so that one is found by its text; "": none */
        char labels[SV_LABELS_SIZE];
        int64_t most;     /* releases; 0: any number */
        int64_t released; /* of those */
        /* of the value that the first release makes, or has made; 0: an administrator puts it */
        int64_t bytes;
        /* SHA-256 of the tokens with which it was released last, the newest first */
        uint8_t takers[SV_TAKERS_MAX][SV_TAKER_SIZE];
        size_t n_takers;
};

/* "NAME=VALUE", both names (sv_name_ok)? SV_FORMAT "broker.label". */
int sv_label_check(const char *label, struct sv_err *err);
/* Adds the label, which was checked; one of that name goes. SV_USAGE "broker.label.limit". */
int sv_settings_add_label(struct sv_settings *s, const char *label, struct sv_err *err);
/* The one of this name goes; without one nothing happens. */
void sv_settings_remove_label(struct sv_settings *s, const char *name);
/* So many from now on; 0: any number. */
void sv_settings_count(struct sv_settings *s, int64_t most);
/* Adds "labels", "provision" (bytes), "releases" and "released" where there are some. */
void sv_settings_note(const struct sv_settings *s, struct sv_json *row);
