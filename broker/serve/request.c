/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/request.h"

const char *sv_request_bearer(const struct sv_request *r)
{
        const char *v = sv_http_field(r->msg, "Authorization");

        return v && !strncmp(v, "Bearer ", 7) && v[7] ? v + 7 : NULL;
}
