/* SPDX-License-Identifier: Apache-2.0 */
/* Writing XML: printf whose texts are escaped. Reading is libvirt's. */
#pragma once

#include "base/core/buf.h"

/* Knows %s (escaped for text and attributes), %u, %llu and %%. */
void sv_xml_printf(struct sv_buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
