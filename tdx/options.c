/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/text.h"
#include "tdx/options.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json/member.h"
#include "tdx/measure/firmware.h"
#include "tdx/measure/require.h"

static bool is_mr_hex(const char *s)
{
        return sv_is_hex(s, 96);
}

static bool is_service(const char *s)
{
        static const char plain[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-";
        unsigned cid, port;
        int end = 0;

        if (*s == '/') /* as it fits a socket's address, and needs no escapes anywhere */
                return strlen(s) < 108 && s[strspn(s, plain)] == 0;
        return !strcmp(s, "none") ||
               (sscanf(s, "vsock:%u:%u%n", &cid, &port, &end) == 2 && !s[end]);
}

static bool is_page_order(const char *s)
{
        return sv_tdx_monitor(s) != NULL;
}

const char *const sv_tdx_may_lack[] = {"rtmr0", "rtmr1", "rtmr2", NULL};

#define O(member) offsetof(struct sv_tdx_options, member)
static const struct sv_member members[] = {
        {"attributes", SV_M_U64, O(attributes), "TDATTRIBUTES as \"0x10000000\"",
         .max = UINT64_MAX},
        {"allow_debug", SV_M_BOOL, O(allow_debug), "true or false"},
        {"mrconfigid", SV_M_TEXT, O(mrconfigid), "96 lower-case hex digits", .ok = is_mr_hex},
        {"mrowner", SV_M_TEXT, O(mrowner), "96 lower-case hex digits", .ok = is_mr_hex},
        {"mrownerconfig", SV_M_TEXT, O(mrownerconfig), "96 lower-case hex digits", .ok = is_mr_hex},
        {"init_data", SV_M_PATH, O(init_data), "a path to an init-data file"},
        {"page_order", SV_M_TEXT, O(page_order), "\"mainline\" or \"two-pass\"",
         .ok = is_page_order},
        {"generation", SV_M_TEXT, O(generation),
         "the first release of EDK II that measures like this firmware",
         .ok = sv_tdx_generation_ok},
        {"acpi", SV_M_PATH, O(acpi), "a path to a folder with the guest's ACPI tables"},
        {"allow_unpredicted", SV_M_SET, O(allow_unpredicted),
         "an array of \"rtmr0\", \"rtmr1\", \"rtmr2\", each once", .names = sv_tdx_may_lack},
        {"allow_host_acpi", SV_M_BOOL, O(allow_host_acpi), "true or false"},
        {"test_root", SV_M_PATH, O(test_root), "a path to a root's certificate"},
        {"require", SV_M_ANY_OBJECT, O(require), "an object of what the platform must be"},
        {"quote_port", SV_M_U64, O(quote_port), "a vsock port from 1 (Intel's service: 4050)",
         .min = 1, .max = UINT32_MAX - 1},
        {"quote_service", SV_M_TEXT, O(quote_service),
         "the path of a socket, \"vsock:CID:PORT\", or \"none\"", .ok = is_service},
        {NULL},
};

static int check_tdx_options(const struct sv_tdx_options *o, struct sv_err *err)
{
        if (o->attributes & SV_TDX_ATTR_DEBUG && !o->allow_debug)
                return sv_fail(err, SV_USAGE, "guest.tdx.allow_debug",
                               "tdx attributes 0x%llx let the host read the guest (debug, bit 0); "
                               "clear it, or say \"allow_debug\": true as well",
                               (unsigned long long)o->attributes);
        if (o->allow_unpredicted & 1u && !o->allow_host_acpi)
                return sv_fail(err, SV_USAGE, "guest.tdx.allow_host_acpi",
                               "tdx: without RTMR0 nothing covers the ACPI tables, and code of the "
                               "host's in them runs in the guest: give \"acpi\" and predict RTMR0, "
                               "or say \"allow_host_acpi\": true as well");
        if (o->mrconfigid && o->init_data)
                return sv_fail(err, SV_USAGE, "guest.tdx.mrconfigid",
                               "tdx: either mrconfigid or init_data was expected, found both");
        return 0;
}

int sv_tdx_options_read(const struct sv_guest *g, struct sv_tdx_options *out, struct sv_err *err)
{
        SV_TDX_OPTIONS o = {.attributes = SV_TDX_ATTR_SEPT_VE_DISABLE};

        if (sv_guest_options(g, "tdx", members, &o, err) < 0 || check_tdx_options(&o, err) < 0)
                return -1;
        *out = o;
        o = (struct sv_tdx_options){0};
        return 0;
}

int sv_tdx_options_check(const struct sv_guest *g, struct sv_err *err)
{
        SV_JSON *rules = sv_json_array();
        SV_TDX_OPTIONS o = {0};

        return sv_tdx_options_read(g, &o, err) < 0 ? -1
                                                   : sv_tdx_require_rules(o.require, rules, err);
}

void sv_tdx_options_free(struct sv_tdx_options *o)
{
        char **texts[] = {&o->mrconfigid, &o->mrowner,    &o->mrownerconfig,
                          &o->init_data,  &o->page_order, &o->generation,
                          &o->acpi,       &o->test_root,  &o->quote_service};

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                free(*texts[i]);
        sv_json_free(o->require);
        *o = (struct sv_tdx_options){0};
}
