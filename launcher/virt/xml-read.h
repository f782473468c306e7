/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the XML that libvirt prints (a domain, a host's capabilities): elements by name, their
 * attributes and text. Views into the text; nothing is copied but what is asked for.
 *
 * Of XML 1.0 it knows elements, attributes in either quotes, the five named entities and decimal or
 * hexadecimal references, and steps over comments and processing instructions. A document type,
 * CDATA, a tag without its end or an end without its tag end the reading there: what follows is as
 * if it were not there. */
#pragma once

#include "base/core/bytes.h"

struct sv_xml {
        struct sv_bytes attributes; /* the rest of its tag */
        struct sv_bytes inner;      /* what is between its tags; empty for <name/> */
};

/* The next element `name` directly below the text `parent`, from *at on (0 at first). */
bool sv_xml_next(struct sv_bytes parent, const char *name, size_t *at, struct sv_xml *out);
/* "os/loader": the first such element, step by step. */
bool sv_xml_find(struct sv_bytes parent, const char *path, struct sv_xml *out);
/* An attribute's value; NULL when it has none of that name. The caller frees. */
char *sv_xml_attribute(const struct sv_xml *e, const char *name);
/* An element's text, the whole of it when it has no element inside. The caller frees. */
char *sv_xml_text(const struct sv_xml *e);
