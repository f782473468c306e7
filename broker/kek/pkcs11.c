/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/kek/pkcs11.h"

#include <string.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/crypto/crypto.h"
#include "broker/kek/pkcs11-load.h"

#define IV_SIZE  12
#define TAG_BITS 128
#define KEY_SIZE 32
#define FILE_URI "file:"

/* Bound to what is wrapped, so that the token's other uses of the key cannot be taken for it. */
static const char purpose[] = "secure-vm kek v1";

struct token {
        P11KitUri *uri;
        CK_FUNCTION_LIST *module;
        CK_SLOT_ID slot;
        CK_SESSION_HANDLE session;
        CK_OBJECT_HANDLE key;
        bool open;
};

static void end_token(struct token *t)
{
        if (t->open) {
                t->module->C_Logout(t->session);
                t->module->C_CloseSession(t->session);
        }
        if (t->uri)
                sv_p11.uri_free(t->uri);
}
#define TOKEN __attribute__((cleanup(end_token))) struct token

static int fail_token(struct sv_err *err, const char *check, const char *what, CK_RV rv)
{
        return sv_fail(err, SV_SYSTEM, check, "%s: the token's library says 0x%lx (%s)", what, rv,
                       sv_p11.strerror(rv));
}

/* --- the URI --- */

static const char *find_pin_file(const struct token *t)
{
        const char *source = sv_p11.uri_get_pin_source(t->uri);

        if (source && !strncmp(source, FILE_URI, strlen(FILE_URI)))
                source += strlen(FILE_URI);
        if (source && !strncmp(source, "//", 2))
                source += 2;
        return source;
}

static int check_parts(const struct token *t, struct sv_err *err)
{
        const CK_ATTRIBUTE *class = sv_p11.uri_get_attribute(t->uri, CKA_CLASS);
        const char *pin = find_pin_file(t);

        if (sv_p11.uri_any_unrecognized(t->uri))
                return sv_fail(err, SV_USAGE, "broker.kek.uri",
                               "the URI has an attribute that nobody knows");
        if (sv_p11.uri_get_pin_value(t->uri))
                return sv_fail(err, SV_USAGE, "broker.kek.uri",
                               "a PIN does not stand in the URI, where others see it: write it "
                               "into a file of mode 0600, and name that with pin-source=file:/…");
        if (!pin || *pin != '/')
                return sv_fail(err, SV_USAGE, "broker.kek.uri",
                               "the URI must end with ?pin-source=file:/… (the absolute path of "
                               "a file with the PIN), found \"%s\"",
                               pin ? pin : "none");
        if (!sv_p11.uri_get_attribute(t->uri, CKA_LABEL) &&
            !sv_p11.uri_get_attribute(t->uri, CKA_ID))
                return sv_fail(err, SV_USAGE, "broker.kek.uri",
                               "the URI must name the key that wraps, with object= or id=");
        if (class && *(const CK_OBJECT_CLASS *)class->pValue != CKO_SECRET_KEY)
                return sv_fail(err, SV_USAGE, "broker.kek.uri",
                               "the key that wraps is an AES key: type=secret-key, or no type");
        return 0;
}

static int read_uri(const char *text, struct token *t, struct sv_err *err)
{
        int rc;

        if (sv_p11_load(err) < 0)
                return -1;
        t->uri = sv_p11.uri_new();
        if (!t->uri)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a URI");
        rc = sv_p11.uri_parse(text, P11_KIT_URI_FOR_ANY, t->uri);
        if (rc != P11_KIT_URI_OK)
                return sv_fail(err, SV_USAGE, "broker.kek.uri",
                               "expected a PKCS#11 URI (RFC 7512), found one with a fault: %s",
                               sv_p11.uri_message(rc));
        return check_parts(t, err);
}

int sv_token_check_uri(const char *uri, struct sv_err *err)
{
        TOKEN t = {.open = false};

        return read_uri(uri, &t, err);
}

/* --- the token --- */

/* How many tokens of the module the URI means; the last is kept. */
static int count_tokens(struct token *t, CK_FUNCTION_LIST *module, unsigned *n, struct sv_err *err)
{
        CK_SLOT_ID slots[SV_TOKEN_SLOTS_MAX];
        CK_ULONG count = SV_TOKEN_SLOTS_MAX;
        CK_RV rv = module->C_GetSlotList(CK_TRUE, slots, &count);
        CK_TOKEN_INFO info;

        if (rv != CKR_OK)
                return fail_token(err, "broker.kek.module", "listing tokens", rv);
        for (CK_ULONG i = 0; i < count; i++) {
                if (module->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
                    sv_p11.uri_match_token_info(t->uri, &info) != 1)
                        continue;
                t->module = module;
                t->slot = slots[i];
                (*n)++;
        }
        return 0;
}

static int search_modules(struct token *t, unsigned *n, struct sv_err *err)
{
        const char *path = sv_p11.uri_get_module_path(t->uri);
        CK_FUNCTION_LIST *one[2] = {NULL, NULL}, **all = one;

        if (path)
                one[0] = sv_p11.module_load(path, P11_KIT_MODULE_CRITICAL);
        else
                all = sv_p11.modules_load(NULL, 0);
        if (!all || (path && !one[0]))
                return sv_fail(err, SV_SYSTEM, "broker.kek.module",
                               "%s cannot be loaded: is the token's library installed, and "
                               "does module-path name it?",
                               path ? path : "the configured PKCS#11 libraries");
        for (size_t i = 0; all[i]; i++) {
                CK_RV rv = sv_p11.module_initialize(all[i]);

                if (rv != CKR_OK && path)
                        return fail_token(err, "broker.kek.module", path, rv);
                if (rv == CKR_OK && count_tokens(t, all[i], n, err) < 0 && path)
                        return -1;
        }
        return 0;
}

/* A PIN is said to one token only: each one that hears a wrong one counts it. */
static int find_single_token(struct token *t, struct sv_err *err)
{
        unsigned n = 0;

        if (search_modules(t, &n, err) < 0)
                return -1;
        if (n == 1)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.kek.token",
                       n ? "%u tokens are what the URI names: add serial=, or another attribute"
                         : "none of the tokens that are here is what the URI names (%u): is it "
                           "plugged in, and its service running?",
                       n);
}

static int fail_pin(struct sv_err *err, const char *file, CK_RV rv)
{
        if (rv == CKR_PIN_LOCKED)
                return sv_fail(err, SV_USAGE, "broker.kek.pin",
                               "the token's PIN is locked: it was wrong too often; its security "
                               "officer unlocks it");
        return sv_fail(err, SV_USAGE, "broker.kek.pin",
                       "the token refuses the PIN in %s (0x%lx): correct it before another try, "
                       "since tokens lock themselves",
                       file, rv);
}

static int log_in(struct token *t, struct sv_err *err)
{
        const char *file = find_pin_file(t);
        SV_BUF pin = SV_BUF_NULL;
        CK_TOKEN_INFO info;
        CK_RV rv = t->module->C_GetTokenInfo(t->slot, &info);

        if (rv != CKR_OK)
                return fail_token(err, "broker.kek.token", "asking the token", rv);
        /* A service that is started anew would use the last try. */
        if (info.flags & (CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED))
                return sv_fail(err, SV_USAGE, "broker.kek.pin",
                               "the token has %s: log in with the right PIN by other means first",
                               info.flags & CKF_USER_PIN_LOCKED ? "locked its PIN"
                                                                : "one try of its PIN left");
        if (sv_file_read_private(file, SV_PIN_MAX + 1, &pin, "broker.kek.pin", "broker.key.mode",
                                 err) < 0)
                return -1;
        if (pin.n && pin.p[pin.n - 1] == '\n')
                pin.n--;
        rv = t->module->C_Login(t->session, CKU_USER, pin.p, pin.n);
        return rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN ? 0 : fail_pin(err, file, rv);
}

static int open_token_session(const char *uri, bool to_write, struct token *t, struct sv_err *err)
{
        CK_FLAGS flags = CKF_SERIAL_SESSION | (to_write ? CKF_RW_SESSION : 0);
        CK_RV rv;

        if (read_uri(uri, t, err) < 0 || find_single_token(t, err) < 0)
                return -1;
        rv = t->module->C_OpenSession(t->slot, flags, NULL, NULL, &t->session);
        if (rv != CKR_OK)
                return fail_token(err, "broker.kek.token", "opening a session", rv);
        t->open = true;
        return log_in(t, err);
}

/* --- the key that wraps --- */

static CK_ULONG put_name(const struct token *t, CK_ATTRIBUTE *list)
{
        const CK_ATTRIBUTE *label = sv_p11.uri_get_attribute(t->uri, CKA_LABEL);
        const CK_ATTRIBUTE *id = sv_p11.uri_get_attribute(t->uri, CKA_ID);
        CK_ULONG n = 0;

        if (label)
                list[n++] = *label;
        if (id)
                list[n++] = *id;
        return n;
}

static int count_keys(struct token *t, CK_ULONG *n, struct sv_err *err)
{
        CK_OBJECT_CLASS class = CKO_SECRET_KEY;
        CK_KEY_TYPE type = CKK_AES;
        CK_ATTRIBUTE list[4] = {{CKA_CLASS, &class, sizeof(class)},
                                {CKA_KEY_TYPE, &type, sizeof(type)}};
        CK_OBJECT_HANDLE found[2];
        CK_RV rv = t->module->C_FindObjectsInit(t->session, list, 2 + put_name(t, list + 2));

        if (rv == CKR_OK)
                rv = t->module->C_FindObjects(t->session, found, 2, n);
        t->module->C_FindObjectsFinal(t->session);
        if (rv != CKR_OK)
                return fail_token(err, "broker.kek.object", "looking for the key", rv);
        t->key = found[0];
        return 0;
}

/* One that nobody can take out, the token's officer neither. */
static int make_wrapping_key(struct token *t, struct sv_err *err)
{
        CK_MECHANISM how = {CKM_AES_KEY_GEN, NULL, 0};
        CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
        CK_ULONG size = KEY_SIZE;
        CK_ATTRIBUTE list[9] = {
                {CKA_TOKEN, &yes, sizeof(yes)},      {CKA_PRIVATE, &yes, sizeof(yes)},
                {CKA_SENSITIVE, &yes, sizeof(yes)},  {CKA_EXTRACTABLE, &no, sizeof(no)},
                {CKA_ENCRYPT, &yes, sizeof(yes)},    {CKA_DECRYPT, &yes, sizeof(yes)},
                {CKA_VALUE_LEN, &size, sizeof(size)}};
        CK_RV rv = t->module->C_GenerateKey(t->session, &how, list, 7 + put_name(t, list + 7),
                                            &t->key);

        return rv == CKR_OK ? 0 : fail_token(err, "broker.kek.object", "making a key", rv);
}

static int find_wrapping_key(struct token *t, bool make, struct sv_err *err)
{
        CK_ULONG n = 0;

        if (count_keys(t, &n, err) < 0)
                return -1;
        if (n == 1)
                return 0;
        if (n)
                return sv_fail(err, SV_USAGE, "broker.kek.object",
                               "the token has several AES keys that the URI names: add id=, or "
                               "another attribute");
        if (make)
                return make_wrapping_key(t, err);
        return sv_fail(err, SV_USAGE, "broker.kek.object",
                       "the token has no AES key that the URI names; \"kek seal --make-key\" makes "
                       "one");
}

static CK_GCM_PARAMS gcm_of(uint8_t *iv)
{
        return (CK_GCM_PARAMS){.pIv = iv,
                               .ulIvLen = IV_SIZE,
                               .ulIvBits = 8 * IV_SIZE,
                               .pAAD = (CK_BYTE *)purpose,
                               .ulAADLen = sizeof(purpose) - 1,
                               .ulTagBits = TAG_BITS};
}

int sv_token_wrap(const char *uri, bool make, struct sv_bytes key, struct sv_buf *iv,
                  struct sv_buf *wrapped, struct sv_err *err)
{
        uint8_t nonce[IV_SIZE], out[SV_KEK_WRAPPED_MAX];
        CK_GCM_PARAMS gcm = gcm_of(nonce);
        CK_MECHANISM how = {CKM_AES_GCM, &gcm, sizeof(gcm)};
        CK_ULONG n = sizeof(out);
        TOKEN t = {.open = false};
        CK_RV rv;

        if (open_token_session(uri, make, &t, err) < 0 || find_wrapping_key(&t, make, err) < 0 ||
            sv_random(nonce, sizeof(nonce), err) < 0)
                return -1;
        rv = t.module->C_EncryptInit(t.session, &how, t.key);
        if (rv == CKR_OK)
                rv = t.module->C_Encrypt(t.session, (CK_BYTE *)key.p, key.n, out, &n);
        if (rv != CKR_OK)
                return fail_token(err, "broker.kek.object", "wrapping with AES-GCM", rv);
        sv_buf_put(iv, sv_bytes(nonce, sizeof(nonce)));
        sv_buf_put(wrapped, sv_bytes(out, n));
        return sv_buf_ok(iv, "a nonce", err) < 0 ? -1 : sv_buf_ok(wrapped, "a wrapped key", err);
}

struct sv_secret *sv_token_unwrap(const char *uri, struct sv_bytes iv, struct sv_bytes wrapped,
                                  struct sv_err *err)
{
        uint8_t nonce[IV_SIZE];
        CK_GCM_PARAMS gcm = gcm_of(nonce);
        CK_MECHANISM how = {CKM_AES_GCM, &gcm, sizeof(gcm)};
        SV_SECRET *out = sv_secret_new(SV_KEK_WRAPPED_MAX, err);
        CK_ULONG n = SV_KEK_WRAPPED_MAX;
        TOKEN t = {.open = false};
        struct sv_secret *kek;
        CK_RV rv;

        if (!out || open_token_session(uri, false, &t, err) < 0 ||
            find_wrapping_key(&t, false, err) < 0)
                return NULL;
        if (iv.n != IV_SIZE || wrapped.n > SV_KEK_WRAPPED_MAX) {
                sv_fail(err, SV_FORMAT, "broker.kek.form",
                        "what is wrapped has a nonce of %zu bytes and %zu, expected %d and at most "
                        "%d",
                        iv.n, wrapped.n, IV_SIZE, SV_KEK_WRAPPED_MAX);
                return NULL;
        }
        memcpy(nonce, iv.p, IV_SIZE);
        rv = t.module->C_DecryptInit(t.session, &how, t.key);
        if (rv != CKR_OK) {
                fail_token(err, "broker.kek.object", "unwrapping with AES-GCM", rv);
                return NULL;
        }
        rv = t.module->C_Decrypt(t.session, (CK_BYTE *)wrapped.p, wrapped.n, sv_secret_reveal(out),
                                 &n);
        if (rv != CKR_OK || !n || n > SV_KEK_WRAPPED_MAX) {
                sv_fail(err, SV_PROOF, "broker.kek.other",
                        "the token's key did not wrap this, or it was changed (0x%lx: %s): another "
                        "token's key has the same name",
                        rv, sv_p11.strerror(rv));
                return NULL;
        }
        sv_secret_shrink(out, n);
        kek = out;
        out = NULL;
        return kek;
}
