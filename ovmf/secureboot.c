/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/secureboot.h"

#include "base/core/buf.h"

const uint8_t sv_guid_global[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                    0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
const uint8_t sv_guid_security[16] = {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
                                      0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f};
/* gEfiSecureBootEnableDisableGuid */
static const uint8_t enable[16] = {0xac, 0x7b, 0xa3, 0xf0, 0x08, 0xaf, 0x56, 0x45,
                                   0x99, 0xc4, 0x00, 0x10, 0x09, 0xc9, 0x3a, 0x44};

bool sv_secure_boot_on(const struct sv_varstore *s)
{
        const struct sv_variable *on = sv_varstore_get(s, enable, "SecureBootEnable");

        return sv_varstore_get(s, sv_guid_global, "PK") &&
               (!on || (on->data.n == 1 && on->data.p[0] == 1));
}

int sv_event_variable(struct sv_prediction *p, unsigned reg, uint32_t type, const uint8_t guid[16],
                      const char *name, struct sv_bytes data, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        sv_buf_put(&b, sv_bytes(guid, 16));
        sv_buf_u64le(&b, strlen(name));
        sv_buf_u64le(&b, data.n);
        for (const char *c = name; *c; c++)
                sv_buf_u16le(&b, (uint8_t)*c);
        sv_buf_put(&b, data);
        if (sv_buf_ok(&b, "a variable", err) < 0)
                return -1;
        return sv_event_data(p, reg, type, sv_buf_bytes(&b), err, "variable %s, %zu bytes", name,
                             data.n);
}

int sv_event_secure_boot(struct sv_prediction *p, unsigned reg, const struct sv_varstore *s,
                         bool built_in, struct sv_err *err)
{
        static const struct {
                const uint8_t *guid;
                const char *name;
        } variables[] = {{sv_guid_global, "PK"},
                         {sv_guid_global, "KEK"},
                         {sv_guid_security, "db"},
                         {sv_guid_security, "dbx"}};
        uint8_t state = sv_secure_boot_on(s);

        if (sv_event_variable(p, reg, SV_EV_EFI_VARIABLE_DRIVER_CONFIG, sv_guid_global,
                              "SecureBoot", sv_bytes(&state, built_in), err) < 0)
                return -1;
        for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
                const struct sv_variable *v =
                        sv_varstore_get(s, variables[i].guid, variables[i].name);

                if (sv_event_variable(p, reg, SV_EV_EFI_VARIABLE_DRIVER_CONFIG, variables[i].guid,
                                      variables[i].name, v ? v->data : SV_BYTES_NULL, err) < 0)
                        return -1;
        }
        return 0;
}
