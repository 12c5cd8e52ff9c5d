#include "tests/conformance/bogo_flags.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum flag_kind { SWITCH, NUMBER, TEXT, NUMBERS, NEW_CREDENTIAL, CERT_FILE, KEY_FILE };

enum { NOWHERE = -1 }; /* such a flag changes nothing */

/* A flag without a place asks for something that our server always does, or names a
 * function of BoringSSL to use. */
static const struct flag {
    const char *name;
    enum flag_kind kind;
    long at;
} flags[] = {
#define FLAG(name, kind, field)                                                          \
    {                                                                                    \
        name, kind, (long)offsetof(struct bogo_flags, field)                             \
    }
    FLAG("-server", SWITCH, is_server),
    FLAG("-port", NUMBER, port),
    FLAG("-ipv6", SWITCH, ipv6),
    FLAG("-shim-id", TEXT, shim_id),
    FLAG("-resume-count", NUMBER, resume_count),
    FLAG("-is-handshaker-supported", SWITCH, is_handshaker_supported),
    FLAG("-engine", TEXT, engine),
    {"-new-x509-credential", NEW_CREDENTIAL, NOWHERE},
    {"-cert-file", CERT_FILE, NOWHERE},
    {"-key-file", KEY_FILE, NOWHERE},
    FLAG("-curves", NUMBERS, curves),
    FLAG("-signing-prefs", NUMBERS, signing_prefs),
    FLAG("-verify-prefs", NUMBERS, verify_prefs),
    FLAG("-min-version", NUMBER, min_version),
    FLAG("-max-version", NUMBER, max_version),
    FLAG("-no-tls13", SWITCH, no_tls13),
    FLAG("-no-tls12", SWITCH, no_tls12),
    FLAG("-no-tls11", SWITCH, no_tls11),
    FLAG("-no-tls1", SWITCH, no_tls1),
    FLAG("-no-ticket", SWITCH, no_ticket),
    FLAG("-cipher", TEXT, cipher),
    FLAG("-trust-cert", TEXT, trust_cert),
    FLAG("-require-any-client-certificate", SWITCH, require_any_client_certificate),
    FLAG("-verify-peer", SWITCH, verify_peer),
    FLAG("-verify-fail", SWITCH, verify_fail),
    FLAG("-decline-alpn", SWITCH, decline_alpn),
    FLAG("-reject-alpn", SWITCH, reject_alpn),
    FLAG("-async", SWITCH, async),
    FLAG("-shim-writes-first", SWITCH, shim_writes_first),
    FLAG("-shim-shuts-down", SWITCH, shim_shuts_down),
    FLAG("-check-close-notify", SWITCH, check_close_notify),
    FLAG("-write-different-record-sizes", SWITCH, write_different_record_sizes),
    FLAG("-expect-version", NUMBER, expect_version),
    FLAG("-expect-cipher", NUMBER, expect_cipher),
    FLAG("-expect-cipher-aes", NUMBER, expect_cipher),
    FLAG("-expect-curve-id", NUMBER, expect_curve_id),
    FLAG("-expect-peer-signature-algorithm", NUMBER, expect_peer_signature_algorithm),
    FLAG("-expect-server-name", TEXT, expect_server_name),
    FLAG("-expect-peer-cert-file", TEXT, expect_peer_cert_file),
    FLAG("-expect-no-peer-cert", SWITCH, expect_no_peer_cert),
    FLAG("-expect-session-miss", SWITCH, expect_session_miss),
    FLAG("-expect-hrr", SWITCH, expect_hrr),
    FLAG("-expect-no-hrr", SWITCH, expect_no_hrr),
    FLAG("-expect-extended-master-secret", SWITCH, expect_extended_master_secret),
    {"-expect-cipher-no-aes", NUMBER, NOWHERE}, /* every CPU that we run on has AES */
    {"-expect-verify-result", SWITCH, NOWHERE},
    {"-expect-reject-early-data", SWITCH, NOWHERE},
    {"-implicit-handshake", SWITCH, NOWHERE},
    {"-no-server-name-ack", SWITCH, NOWHERE},
    {"-server-preference", SWITCH, NOWHERE},
    {"-use-custom-verify-callback", SWITCH, NOWHERE},
    {"-use-early-callback", SWITCH, NOWHERE},
    {"-use-old-client-cert-callback", SWITCH, NOWHERE},
    {"-use-ticket-aead-callback", SWITCH, NOWHERE},
    {"-use-ticket-callback", SWITCH, NOWHERE},
#undef FLAG
};

void bogo_unimplemented(const char *what)
{
    const char *path = getenv("BOGO_UNIMPLEMENTED");
    char line[256];
    int fd = path != NULL ? open(path, O_WRONLY | O_APPEND | O_CREAT, 0644) : -1;
    int len = snprintf(line, sizeof(line), "%s\n", what);

    if (fd >= 0 && write(fd, line, (size_t)len) != len)
        perror(path);
    _exit(BOGO_UNIMPLEMENTED);
}

static const struct flag *find(const char *name)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(flags[i].name, name) == 0)
            return &flags[i];
    }
    bogo_unimplemented(name);
}

static bool take_prefix(const char **name, const char *prefix)
{
    size_t len = strlen(prefix);

    if (strncmp(*name, prefix, len) != 0 || (*name)[len] != '-')
        return false;
    *name += len;
    return true;
}

static struct bogo_credential *credential(struct bogo_flags *out, bool another)
{
    if (another || out->credential_count == 0)
        out->credential_count++;
    if (out->credential_count > BOGO_CREDENTIALS_MAX)
        bogo_unimplemented("-new-x509-credential");
    return &out->credentials[out->credential_count - 1];
}

static void set(struct bogo_flags *out, const struct flag *flag, const char *value)
{
    void *at = flag->at == NOWHERE ? NULL : (char *)out + flag->at;
    struct bogo_numbers *list = at;

    if (flag->kind == NEW_CREDENTIAL)
        (void)credential(out, true);
    else if (flag->kind == CERT_FILE)
        credential(out, false)->cert_file = value;
    else if (flag->kind == KEY_FILE)
        credential(out, false)->key_file = value;
    else if (at == NULL)
        return;
    else if (flag->kind == SWITCH)
        *(bool *)at = true;
    else if (flag->kind == NUMBER)
        *(unsigned *)at = (unsigned)strtoul(value, NULL, 10);
    else if (flag->kind == TEXT)
        *(const char **)at = value;
    else if (list->count == BOGO_NUMBERS_MAX)
        bogo_unimplemented(flag->name);
    else
        list->at[list->count++] = (unsigned)strtoul(value, NULL, 10);
}

void bogo_flags_parse(char **argv, struct bogo_flags *initial, struct bogo_flags *resume)
{
    while (*argv != NULL) {
        const char *name = *argv++, *value = NULL;
        bool on_initial = take_prefix(&name, "-on-initial");
        bool on_resume = !on_initial && take_prefix(&name, "-on-resume");
        const struct flag *flag = find(name);

        if (flag->kind != SWITCH && flag->kind != NEW_CREDENTIAL &&
            (value = *argv++) == NULL)
            bogo_unimplemented(name);
        if (!on_resume)
            set(initial, flag, value);
        if (!on_initial)
            set(resume, flag, value);
    }
}
