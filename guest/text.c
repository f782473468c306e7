/* SPDX-License-Identifier: Apache-2.0 */
/* What the texts of a guest file may be. */
#include <ctype.h>

#include "base/core/address.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/core/verity.h"
#include "base/json/member.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

static bool is_made_of(const char *s, const char *set, size_t max)
{
        size_t n = strlen(s);

        return n && n <= max && strspn(s, set) == n;
}

bool sv_m_is_one_of(const char *s, const char *const *list)
{
        for (; *list; list++)
                if (!strcmp(s, *list))
                        return true;
        return false;
}

bool sv_m_disk_id(const char *s)
{
        return is_made_of(s, LETTERS DIGITS "_-", SV_DISK_ID_MAX);
}

bool sv_m_verity(const char *s)
{
        struct sv_verity v;

        return sv_verity_parse(sv_bytes_str(s), &v, NULL) == 0;
}

bool sv_m_nic_type(const char *s)
{
        return sv_m_is_one_of(
                s, (const char *const[]){"user", "bridge", "network", "vf", "vdpa", NULL});
}

bool sv_m_protocol(const char *s)
{
        return sv_m_is_one_of(s, (const char *const[]){"tcp", "udp", NULL});
}

bool sv_m_ipv4(const char *s)
{
        struct sv_address a;

        return sv_address_read(sv_bytes_str(s), false, &a) && a.family == 4;
}

bool sv_m_source(const char *s)
{
        return is_made_of(s, LETTERS DIGITS "_.-", SV_NAME_MAX);
}

bool sv_m_mac(const char *s)
{
        uint8_t mac[6];

        return sv_mac_read(sv_bytes_str(s), mac);
}

/* It becomes a word of the kernel's command line: no blanks, quotes or anything else that ends a
 * word. */
bool sv_m_url(const char *s)
{
        return strlen(s) <= SV_URL_MAX && !strncmp(s, "https://", 8) &&
               isalnum((unsigned char)s[8 + (s[8] == '[')]) &&
               is_made_of(s + 8, LETTERS DIGITS "_.:/~%[]-", SV_URL_MAX - 8);
}

bool sv_m_pin(const char *s)
{
        return !strncmp(s, "sha256:", 7) && strlen(s) == 71 && strspn(s + 7, DIGITS "abcdef") == 64;
}

bool sv_m_resource(const char *s)
{
        return sv_resource_ok(sv_bytes_str(s));
}

bool sv_m_model(const char *s)
{
        return sv_m_is_one_of(s, (const char *const[]){"selinux", "apparmor", NULL});
}

/* Which TEEs there are is for the program's table to say (launcher/choose.h). */
bool sv_m_tee(const char *s)
{
        return is_made_of(s, "abcdefghijklmnopqrstuvwxyz" DIGITS "-", 31);
}

bool sv_m_cpu(const char *s)
{
        return is_made_of(s, LETTERS DIGITS "_.-", SV_NAME_MAX);
}

bool sv_m_line(const char *s)
{
        for (; *s; s++)
                if (iscntrl((unsigned char)*s))
                        return false;
        return true;
}
