/* SPDX-License-Identifier: Apache-2.0 */
/* Writing XML: printf whose texts are escaped. Reading is libvirt's, but for the text of one
 * element that libvirt hands out. */
#pragma once

#include "base/core/buf.h"

/* Knows %s (escaped for text and attributes), %u, %llu and %%. */
void sv_xml_printf(struct sv_buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The text of an element that holds nothing else. SV_FORMAT "virt.element" for what is no such
 * element. */
int sv_xml_read_text(const char *element, struct sv_buf *out, struct sv_err *err);
