/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that describe the members of a JSON object that is written by hand, and the reader that
 * fills a structure from them. Used by guest/read.c, and by the TEEs for their own objects
 * (sv_guest_options). */
#pragma once

#include <stddef.h>

#include "base/json/json.h"

enum sv_member_kind {
        SV_M_IGNORE,   /* any text, not kept */
        SV_M_TEXT,     /* char * */
        SV_M_PATH,     /* char *, made absolute */
        SV_M_PATHS,    /* char **, with its count */
        SV_M_TEXTS,    /* the same of at most `max` texts, or one text */
        SV_M_BOOL,     /* bool */
        SV_M_SET,      /* unsigned: an array of some of `names`, each once; bit n for the n-th */
        SV_M_UNSIGNED, /* unsigned, min .. max */
        SV_M_SIZE,     /* uint64_t, bytes, min .. max */
        /* uint64_t: a number, or a text in decimal or 0x hexadecimal; min .. max */
        SV_M_U64,
        SV_M_UUID,       /* uint8_t[16] */
        SV_M_PART,       /* an object whose members lie in the same structure */
        SV_M_LIST,       /* an array of objects: pointer and count */
        SV_M_ANY_OBJECT, /* struct sv_json * */
};

struct sv_member {
        const char *name;
        enum sv_member_kind kind;
        size_t at;            /* offset in the structure */
        const char *expected; /* for people */
        bool (*ok)(const char *text);
        bool need;
        bool no_default; /* without it something else is missing */
        size_t count;    /* offset of the size_t */
        const struct sv_member *part;
        const char *element; /* of SV_M_LIST, for people: what each must be */
        size_t size;         /* of one element */
        uint64_t min, max;
        const char *const *names; /* up to 32, ends with NULL */
};

struct sv_member_reader {
        struct sv_bytes text;
        const char *file;
        const char *dir;
        const struct sv_json *root;
};

/* Fills `base` from the object at `pointer`. Class SV_USAGE, check "<check>.<member>"
 * ("<check>.unknown" for a name without a row). */
int sv_member_read(const struct sv_member_reader *r, const struct sv_json *obj, const char *pointer,
                   const char *check, const struct sv_member *rows, void *base, struct sv_err *err);
/* "FILE:LINE: POINTER: message"; the line is that of the nearest parent that exists. */
int sv_member_fail(const struct sv_member_reader *r, const char *pointer, const char *check,
                   struct sv_err *err, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* What texts may be. */
bool sv_m_disk_id(const char *s);
bool sv_m_verity(const char *s);
bool sv_m_nic_type(const char *s);
bool sv_m_protocol(const char *s);
bool sv_m_ipv4(const char *s);
bool sv_m_source(const char *s);
bool sv_m_mac(const char *s);
bool sv_m_url(const char *s);
bool sv_m_pin(const char *s);
bool sv_m_resource(const char *s);
bool sv_m_model(const char *s);
bool sv_m_tee(const char *s);
bool sv_m_cpu(const char *s);
bool sv_m_line(const char *s);
/* One of a list that ends with NULL. */
bool sv_m_is_one_of(const char *s, const char *const *list);
