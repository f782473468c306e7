/* SPDX-License-Identifier: Apache-2.0 */
/* A page of HTML to attach to a ticket: one file, no script, nothing from elsewhere, and a policy
 * in it that has the browser keep to that. Every text is escaped here, so callers pass what others
 * wrote as it is. Calls nest as the names say; nothing is checked but by the tests. */
#pragma once

#include "base/core/buf.h"

enum sv_mood { SV_MOOD_PLAIN, SV_MOOD_GOOD, SV_MOOD_BAD, SV_MOOD_WARN };

/* `about`: a line below the title; NULL: none. */
void sv_page_begin(struct sv_buf *p, const char *title, const char *about);
/* Says what made the page (program and version) and when. */
void sv_page_end(struct sv_buf *p, const char *program, int64_t time);

void sv_page_section_begin(struct sv_buf *p, const char *heading);
void sv_page_section_end(struct sv_buf *p);
void sv_page_note(struct sv_buf *p, enum sv_mood mood, const char *text);

/* Names and values, one below the other. */
void sv_page_facts_begin(struct sv_buf *p);
void sv_page_fact(struct sv_buf *p, const char *name, const char *value); /* NULL value: nothing */
void sv_page_fact_code(struct sv_buf *p, const char *name, const char *value);
void sv_page_fact_badge(struct sv_buf *p, const char *name, enum sv_mood mood, const char *value);
void sv_page_facts_end(struct sv_buf *p);

/* `heads` ends with NULL. */
void sv_page_table_begin(struct sv_buf *p, const char *const *heads);
void sv_page_row_begin(struct sv_buf *p);
void sv_page_cell(struct sv_buf *p, const char *text);
void sv_page_cell_short(struct sv_buf *p, const char *text); /* never broken */
void sv_page_cell_begin(struct sv_buf *p);                   /* for a fold */
void sv_page_cell_end(struct sv_buf *p);
void sv_page_cell_code(struct sv_buf *p, const char *text);
void sv_page_cell_badge(struct sv_buf *p, enum sv_mood mood, const char *text);
/* A bar from `at` that is `length` long, of `whole`. */
void sv_page_cell_bar(struct sv_buf *p, enum sv_mood mood, uint64_t at, uint64_t length,
                      uint64_t whole);
void sv_page_row_end(struct sv_buf *p);
void sv_page_table_end(struct sv_buf *p);

/* A drawing, its parts in their own units, which are pixels where there is room. A box without a
 * mood is a frame; its text is shown when it is pointed at. */
struct sv_page_box {
        unsigned x, y, width, height;
};
void sv_page_figure_begin(struct sv_buf *p, unsigned width, unsigned height);
void sv_page_figure_box(struct sv_buf *p, const enum sv_mood *mood, const struct sv_page_box *box,
                        const char *text);
void sv_page_figure_text(struct sv_buf *p, unsigned x, unsigned y, const char *text);
void sv_page_figure_end(struct sv_buf *p);

/* What is shown when its line is opened; the line is a text and, in small, a code (NULL: none). */
void sv_page_fold_begin(struct sv_buf *p, const char *text, const char *code, bool open);
void sv_page_fold_end(struct sv_buf *p);

/* Writes the page where a command's user says (sv_output_write). */
int sv_page_write(const char *path, unsigned mode, struct sv_buf *p, struct sv_err *err);

/* The style of each page, which the policy names by its digest. */
extern const char sv_page_style[];
#define SV_PAGE_STYLE_SHA256 "OKCTNr4kkLv+9z+BxeeJmEAwg59oa+9+G2rxmGLzQ+k="
