/* SPDX-License-Identifier: Apache-2.0 */
/* How a program ends without memory (base/program/memory.h). Nothing here allocates. */
#include "base/program/memory-fail.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/core/err.h"
#include "base/program/memory.h"

static bool print_json;
static void (*end_program)(void);
static bool is_answered;
static int answered_status;

void sv_memory_print_json(bool json)
{
        print_json = json;
}

void sv_memory_end_with(void (*end)(void))
{
        end_program = end;
}

void sv_memory_answered(int status)
{
        is_answered = true;
        answered_status = status;
}

static void write_text(int fd, const char *text)
{
        size_t n = strlen(text);

        while (n) {
                ssize_t done = write(fd, text, n);

                if (done <= 0)
                        return;
                text += done;
                n -= (size_t)done;
        }
}

/* Decimal, without the C library's printf, which may allocate. */
static const char *format_byte_count(size_t size, char out[24])
{
        char *at = out + 23;

        *at = 0;
        do
                *--at = (char)('0' + size % 10);
        while (size /= 10);
        return at;
}

_Noreturn void sv_memory_fail(size_t size)
{
        static const char *const json[] = {
                "{\"ok\":false,\"error\":{\"class\":\"system\",\"check\":\"base.memory\","
                "\"message\":\"no memory for ",
                " bytes: give the machine memory\"}}\n"};
        char digits[24];
        const char *n = format_byte_count(size, digits);

        if (is_answered)
                _exit(answered_status);
        write_text(2, program_invocation_short_name);
        write_text(2, ": error: no memory for ");
        write_text(2, n);
        write_text(2, " bytes: give the machine memory [base.memory]\n");
        if (print_json) {
                write_text(1, json[0]);
                write_text(1, n);
                write_text(1, json[1]);
        }
        if (end_program)
                end_program();
        _exit(SV_SYSTEM);
}
