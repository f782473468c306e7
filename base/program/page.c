/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/page.h"

#include <string.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/terminal.h"

const char sv_page_style[] =
        ":root{color-scheme:light dark;--page:#f5f6f8;--card:#fff;--ink:#1b2130;--dim:#616c80;"
        "--line:#e4e8ee;--good:#14784a;--bad:#b9261f;--warn:#8a5a00;--bar:#5b7fe0}"
        "@media(prefers-color-scheme:dark){:root{--page:#12151c;--card:#1a1f29;--ink:#e4e8f0;"
        "--dim:#98a3b8;--line:#2b3240;--good:#58c78f;--bad:#ff8078;--warn:#e3b04b;--bar:#7f9df0}}"
        "*{box-sizing:border-box}"
        "body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
        "main{max-width:72rem;margin:0 auto;padding:2.5rem 1.25rem}"
        "h1{font-size:1.7rem;line-height:1.25;margin:0;overflow-wrap:anywhere}"
        "header p,footer{color:var(--dim);margin:.3rem 0 0;overflow-wrap:anywhere}"
        "footer{margin-top:1.5rem;font-size:.85rem}"
        "section{background:var(--card);border:1px solid var(--line);border-radius:12px;"
        "margin-top:1.25rem;overflow-x:auto;padding:1.15rem 1.4rem}"
        "h2{font-size:1rem;margin:0 0 .7rem}"
        "dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.75rem;margin:0}"
        "dt{color:var(--dim)}dd{margin:0;min-width:0;overflow-wrap:anywhere;unicode-bidi:isolate}"
        "code{font:.86em/1.5 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere;"
        "unicode-bidi:isolate}"
        "table{border-collapse:collapse;width:100%}"
        "th{color:var(--dim);font-size:.82rem;font-weight:600;text-align:left;white-space:nowrap}"
        "td,th{border-bottom:1px solid var(--line);padding:.4rem 1.25rem .4rem 0;"
        "vertical-align:top;overflow-wrap:break-word;unicode-bidi:isolate}td.short{white-space:"
        "nowrap}"
        "td:last-child,th:last-child{padding-right:0}tr:last-child td{border-bottom:0}"
        ".badge{border:1px solid;border-radius:99px;display:inline-block;font-size:.8rem;"
        "font-weight:600;line-height:1.35;padding:.05rem .65rem;white-space:nowrap}"
        ".good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}"
        ".plain{color:var(--dim)}"
        "p.note{border-left:3px solid;margin:.4rem 0;padding:.1rem 0 .1rem .8rem;"
        "overflow-wrap:anywhere}p.note span{color:var(--ink)}"
        "svg.bar{display:block;height:.8rem;margin-top:.35rem;min-width:9rem;width:100%}"
        "svg.bar .rail{fill:var(--line)}svg.bar .plain{fill:var(--bar)}svg.bar .good{fill:"
        "var(--good)}svg.bar .bad{fill:var(--bad)}svg.bar .warn{fill:var(--warn)}"
        "svg.figure{display:block;margin:.3rem 0 .9rem;max-width:100%}svg.figure rect{fill:"
        "var(--line);stroke:var(--dim);stroke-width:.5}svg.figure .good{fill:var(--good)}"
        "svg.figure .bad{fill:var(--bad)}svg.figure .warn{fill:var(--warn)}svg.figure .frame{fill:"
        "none}svg.figure text{fill:var(--ink);font:11px system-ui,sans-serif}"
        "details{border-bottom:1px solid var(--line);padding:.55rem 0}"
        "details:last-child{border-bottom:0}details details{border:0;padding:.2rem 0}"
        "summary{cursor:pointer}summary b{font-weight:600;margin-right:.9rem}"
        "summary code{color:var(--dim)}td summary b{font-weight:400;margin:0}"
        "td details,td details:last-child{border:0;padding:0}"
        "details>table,details>dl{margin:.5rem 0 .4rem;padding-left:1.1rem}"
        "details>dl{padding-left:1.1rem}"
        "@media(max-width:40rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}"
        "main{padding:1.25rem .75rem}section{padding:1rem}}"
        "@media print{:root{color-scheme:light;--page:#fff;--card:#fff;--ink:#000;--dim:#444;"
        "--line:#bbb;--good:#0b5c36;--bad:#991b15;--warn:#6d4700;--bar:#3c5fc0}"
        "body{font-size:9.5pt}main{max-width:none;padding:0}section{border:0;border-top:1px solid "
        "var(--line);border-radius:0;padding:.8rem 0}tr,dt,dd,p.note{break-inside:avoid}"
        "h2{break-after:avoid}svg.bar,svg.figure{print-color-adjust:exact}"
        "details::details-content{block-size:auto;content-visibility:visible}}";

static const char *const moods[] = {"plain", "good", "bad", "warn"};

static void put_page_text(struct sv_buf *p, const char *text)
{
        SV_STR clean = sv_copy_visible(text);

        for (const char *c = clean; *c; c++)
                switch (*c) {
                case '&':
                        sv_buf_puts(p, "&amp;");
                        break;
                case '<':
                        sv_buf_puts(p, "&lt;");
                        break;
                case '>':
                        sv_buf_puts(p, "&gt;");
                        break;
                case '"':
                        sv_buf_puts(p, "&quot;");
                        break;
                case '\'':
                        sv_buf_puts(p, "&#39;");
                        break;
                default:
                        sv_buf_u8(p, (uint8_t)*c);
                }
}

static void put_between(struct sv_buf *p, const char *before, const char *text, const char *after)
{
        sv_buf_puts(p, before);
        put_page_text(p, text);
        sv_buf_puts(p, after);
}

void sv_page_begin(struct sv_buf *p, const char *title, const char *about)
{
        sv_buf_printf(p,
                      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                      "style-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"referrer\" content=\"no-referrer\">\n",
                      SV_PAGE_STYLE_SHA256);
        put_between(p, "<title>", title, "</title>\n<style>");
        sv_buf_puts(p, sv_page_style);
        put_between(p, "</style>\n</head>\n<body>\n<main>\n<header>\n<h1>", title, "</h1>\n");
        if (about)
                put_between(p, "<p>", about, "</p>\n");
        sv_buf_puts(p, "</header>\n");
}

void sv_page_end(struct sv_buf *p, const char *program, int64_t time)
{
        char when[32];

        put_between(p, "<footer>", program, " " SV_VERSION ", ");
        put_between(p, "", sv_format_time(time, when), "</footer>\n</main>\n</body>\n</html>\n");
}

void sv_page_section_begin(struct sv_buf *p, const char *heading)
{
        put_between(p, "<section>\n<h2>", heading, "</h2>\n");
}

void sv_page_section_end(struct sv_buf *p)
{
        sv_buf_puts(p, "</section>\n");
}

void sv_page_note(struct sv_buf *p, enum sv_mood mood, const char *text)
{
        sv_buf_printf(p, "<p class=\"note %s\">", moods[mood]);
        put_between(p, "<span>", text, "</span></p>\n");
}

void sv_page_facts_begin(struct sv_buf *p)
{
        sv_buf_puts(p, "<dl>\n");
}

void sv_page_fact(struct sv_buf *p, const char *name, const char *value)
{
        if (!value)
                return;
        put_between(p, "<dt>", name, "</dt>");
        put_between(p, "<dd>", value, "</dd>\n");
}

void sv_page_fact_code(struct sv_buf *p, const char *name, const char *value)
{
        if (!value)
                return;
        put_between(p, "<dt>", name, "</dt>");
        put_between(p, "<dd><code>", value, "</code></dd>\n");
}

static void put_badge(struct sv_buf *p, enum sv_mood mood, const char *text)
{
        sv_buf_printf(p, "<span class=\"badge %s\">", moods[mood]);
        put_between(p, "", text, "</span>");
}

void sv_page_fact_badge(struct sv_buf *p, const char *name, enum sv_mood mood, const char *value)
{
        if (!value)
                return;
        put_between(p, "<dt>", name, "</dt><dd>");
        put_badge(p, mood, value);
        sv_buf_puts(p, "</dd>\n");
}

void sv_page_facts_end(struct sv_buf *p)
{
        sv_buf_puts(p, "</dl>\n");
}

void sv_page_table_begin(struct sv_buf *p, const char *const *heads)
{
        sv_buf_puts(p, "<table>\n<thead><tr>");
        for (; *heads; heads++)
                put_between(p, "<th>", *heads, "</th>");
        sv_buf_puts(p, "</tr></thead>\n<tbody>\n");
}

void sv_page_row_begin(struct sv_buf *p)
{
        sv_buf_puts(p, "<tr>");
}

void sv_page_cell(struct sv_buf *p, const char *text)
{
        put_between(p, "<td>", text, "</td>");
}

void sv_page_cell_short(struct sv_buf *p, const char *text)
{
        put_between(p, "<td class=\"short\">", text, "</td>");
}

void sv_page_cell_begin(struct sv_buf *p)
{
        sv_buf_puts(p, "<td>");
}

void sv_page_cell_end(struct sv_buf *p)
{
        sv_buf_puts(p, "</td>");
}

void sv_page_cell_code(struct sv_buf *p, const char *text)
{
        put_between(p, "<td><code>", text, "</code></td>");
}

void sv_page_cell_badge(struct sv_buf *p, enum sv_mood mood, const char *text)
{
        sv_buf_puts(p, "<td>");
        put_badge(p, mood, text);
        sv_buf_puts(p, "</td>");
}

/* In thousandths of the whole; what is shorter is still to be seen. */
void sv_page_cell_bar(struct sv_buf *p, enum sv_mood mood, uint64_t at, uint64_t length,
                      uint64_t whole)
{
        uint64_t x = whole ? (at < whole ? at : whole) * 1000 / whole : 0;
        uint64_t n = whole ? (length < whole ? length : whole) * 1000 / whole : 0;

        if (n < 4)
                n = 4;
        if (x > 1000 - n)
                x = 1000 - n;
        sv_buf_printf(p,
                      "<td><svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
                      "role=\"img\"><rect class=\"rail\" y=\"4.5\" width=\"1000\" height=\"1\"/>"
                      "<rect class=\"%s\" x=\"%llu\" width=\"%llu\" height=\"10\"/></svg></td>",
                      moods[mood], (unsigned long long)x, (unsigned long long)n);
}

void sv_page_figure_begin(struct sv_buf *p, unsigned width, unsigned height)
{
        sv_buf_printf(p,
                      "<svg class=\"figure\" width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\" "
                      "role=\"img\">\n",
                      width, height, width, height);
}

void sv_page_figure_box(struct sv_buf *p, const enum sv_mood *mood, const struct sv_page_box *box,
                        const char *text)
{
        sv_buf_printf(p, "<rect class=\"%s\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\">",
                      mood ? moods[*mood] : "frame", box->x, box->y, box->width, box->height);
        put_between(p, "<title>", text, "</title></rect>\n");
}

void sv_page_figure_text(struct sv_buf *p, unsigned x, unsigned y, const char *text)
{
        sv_buf_printf(p, "<text x=\"%u\" y=\"%u\">", x, y);
        put_between(p, "", text, "</text>\n");
}

void sv_page_figure_end(struct sv_buf *p)
{
        sv_buf_puts(p, "</svg>\n");
}

void sv_page_row_end(struct sv_buf *p)
{
        sv_buf_puts(p, "</tr>\n");
}

void sv_page_table_end(struct sv_buf *p)
{
        sv_buf_puts(p, "</tbody>\n</table>\n");
}

void sv_page_fold_begin(struct sv_buf *p, const char *text, const char *code, bool open)
{
        put_between(p, open ? "<details open><summary><b>" : "<details><summary><b>", text, "</b>");
        if (code)
                put_between(p, "<code>", code, "</code>");
        sv_buf_puts(p, "</summary>\n");
}

void sv_page_fold_end(struct sv_buf *p)
{
        sv_buf_puts(p, "</details>\n");
}

int sv_page_write(const char *path, unsigned mode, struct sv_buf *p, struct sv_err *err)
{
        if (sv_buf_ok(p, "the page", err) < 0)
                return -1;
        return sv_output_write(path, mode, sv_buf_bytes(p), err);
}
