/* SPDX-License-Identifier: Apache-2.0 */
/* What a server answers, before anything of it is kept: the body in each form, and a chain in a
 * header. The first byte says which. */
#include "attest/fetch/form.h"
#include "base/core/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const rows[] = {
        "{\"form\":\"cert\"}",
        "{\"form\":\"certs\"}",
        "{\"form\":\"crl\"}",
        "{\"form\":\"json\",\"next_update\":\"/tcbInfo/nextUpdate\"}",
        "{}",
};

static void header(const uint8_t *data, size_t size)
{
        SV_JSON *row = NULL;
        SV_JSON *got = sv_json_object();
        SV_ENTRY e = {.url = sv_asprintf("https://maker.example/doc")};
        SV_STR text = sv_asprintf("%.*s", (int)size, (const char *)data);

        if (sv_json_parse(sv_bytes_str("{\"headers\":{\"Chain\":\"chain\"}}"), "fuzz", &row, NULL) <
            0)
                return;
        sv_json_set_str(got, "chain", text);
        (void)sv_fetch_headers(row, got, &e, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_JSON *row = NULL;
        SV_ENTRY e = {.url = sv_asprintf("https://maker.example/doc"), .kind = "doc"};
        size_t n = sizeof(rows) / sizeof(rows[0]);

        if (!size)
                return 0;
        if (data[0] % (n + 1) == n) {
                header(data + 1, size - 1);
                return 0;
        }
        if (sv_json_parse(sv_bytes_str(rows[data[0] % (n + 1)]), "fuzz", &row, NULL) < 0)
                return 0;
        sv_buf_put(&e.body, sv_bytes(data + 1, size - 1));
        (void)sv_fetch_form(row, &e, NULL);
        return 0;
}
