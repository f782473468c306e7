/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's qtest protocol (docs/devel/testing/qtest.rst): lines that read and write ports and memory
 * of a machine. */
#pragma once

#include <sys/types.h>

#include "base/core/buf.h"

struct sv_qtest {
        int fd;
        pid_t pid;
        int log; /* what QEMU prints */
        struct sv_buf in;
};

/* Starts argv with "-qtest" on a descriptor of this process. SV_SYSTEM "acpi.qemu". */
int sv_qtest_start(const char *const *argv, size_t n, struct sv_qtest *out, struct sv_err *err);
/* Ends QEMU. */
void sv_qtest_end(struct sv_qtest *q);
/* One line there, one back; *value what follows "OK 0x" as a number (may be NULL). SV_SYSTEM
 * "acpi.qemu" when QEMU is gone. */
int sv_qtest_ask(struct sv_qtest *q, uint64_t *value, struct sv_err *err, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
int sv_qtest_read(struct sv_qtest *q, uint64_t at, size_t n, struct sv_buf *out,
                  struct sv_err *err);
int sv_qtest_write(struct sv_qtest *q, uint64_t at, struct sv_bytes data, struct sv_err *err);
/* n bytes of an item of fw_cfg, through a piece of the machine's memory behind the first 64 MiB
 * that is written over. SV_SYSTEM "acpi.fw_cfg". */
int sv_qtest_read_item(struct sv_qtest *q, uint16_t key, size_t n, struct sv_buf *out,
                       struct sv_err *err);
