/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/visible.h"
#include "lib/types.h"

#include <stdlib.h>

SECUREVM_API const char *securevm_version(void)
{
        return SV_VERSION;
}

SECUREVM_API const char *securevm_tee(size_t i)
{
        for (size_t n = 0; sv_tees_verify[n]; n++)
                if (n == i)
                        return sv_tees_verify[n]->id->name;
        return NULL;
}

SECUREVM_API void securevm_free(void *text)
{
        free(text);
}

SECUREVM_API securevm_error *securevm_error_new(void)
{
        return calloc(1, sizeof(securevm_error));
}

SECUREVM_API void securevm_error_free(securevm_error *err)
{
        free(err);
}

SECUREVM_API int securevm_error_status(const securevm_error *err)
{
        return err ? (int)err->e.class : SECUREVM_OK;
}

SECUREVM_API const char *securevm_error_check(const securevm_error *err)
{
        return err ? err->e.check : "";
}

SECUREVM_API const char *securevm_error_message(const securevm_error *err)
{
        return err ? err->e.msg : "";
}

void sv_call_begin(void)
{
        sv_json_ok(NULL);
}

int sv_call_end(int r, const struct sv_err *why, securevm_error *err)
{
        static const struct sv_err none;

        if (err) {
                err->e = r < 0 ? *why : none;
                /* It may quote what a stranger sent, and end within a character of it. */
                sv_make_visible(err->e.msg, strlen(err->e.msg), false);
        }
        return r < 0 ? (int)why->class : SECUREVM_OK;
}

int sv_call_refuse(struct sv_err *why, const char *what)
{
        return sv_fail(why, SV_USAGE, "lib.argument", "%s was expected, found NULL", what);
}

int sv_call_print(const struct sv_json *json, char **out, struct sv_err *why)
{
        struct sv_buf text = SV_BUF_NULL;

        if (sv_json_ok(why) < 0)
                return -1;
        /* json-c leaves out what it has no memory for, and says nothing. */
        sv_watch_memory();
        sv_json_print(json, &text);
        sv_buf_str(&text);
        if (sv_check_memory(sv_buf_ok(&text, "a text", why), why) < 0) {
                sv_buf_free(&text);
                return -1;
        }
        *out = (char *)text.p;
        return 0;
}

int sv_call_copy(const void *data, size_t size, size_t max, const char *check, struct sv_buf *out,
                 struct sv_err *why)
{
        if (!data && size)
                return sv_call_refuse(why, "bytes");
        if (size > max)
                return sv_fail(why, SV_FORMAT, check, "at most %zu bytes were expected, found %zu",
                               max, size);
        sv_buf_put(out, sv_bytes(data, size));
        return sv_buf_ok(out, "a copy of what was given", why);
}

int sv_call_find_tee(const char *name, const struct sv_tee_verify **out, struct sv_err *why)
{
        char names[SV_TEE_NAMES_SIZE];

        *out = name ? sv_tee_find_verify(name) : NULL;
        if (name && !*out)
                return sv_fail(why, SV_USAGE, "tee.name", "one of %s was expected, found %.40s",
                               sv_tee_list_verify(names), name);
        return 0;
}
