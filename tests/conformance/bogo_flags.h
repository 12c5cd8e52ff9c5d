/*
 * bogo_flags.h - the command line on which BoringSSL's test runner tells a shim what to
 * do.
 *
 * A flag holds for every connection, unless it begins with -on-initial (the first one) or
 * -on-resume (all others).
 */
#ifndef WLBPROXY_TESTS_BOGO_FLAGS_H
#define WLBPROXY_TESTS_BOGO_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BOGO_NUMBERS_MAX = 16, BOGO_CREDENTIALS_MAX = 4 };

/* The runner's word for "not implemented". */
enum { BOGO_UNIMPLEMENTED = 89 };

struct bogo_numbers {
    size_t count;
    unsigned at[BOGO_NUMBERS_MAX];
};

struct bogo_credential {
    const char *cert_file, *key_file;
};

/* The flags of one connection; NULL, 0 and false: not given. */
struct bogo_flags {
    bool is_server, ipv6, is_handshaker_supported;
    const char *shim_id;
    unsigned port, resume_count;

    /* The setup of the service. */
    const char *engine; /* -engine, ours: it is in the runner's -shim-extra-flags */
    struct bogo_credential credentials[BOGO_CREDENTIALS_MAX];
    size_t credential_count;
    struct bogo_numbers curves, signing_prefs, verify_prefs;
    unsigned min_version, max_version;
    bool no_tls13, no_tls12, no_tls11, no_tls1, no_ticket;
    const char *cipher, *trust_cert;
    bool require_any_client_certificate, verify_peer, verify_fail;
    bool decline_alpn, reject_alpn;

    /* The actions of the shim. */
    bool async, shim_writes_first, shim_shuts_down, check_close_notify;
    bool write_different_record_sizes;

    /* The expected result of the handshake. */
    unsigned expect_version, expect_cipher, expect_curve_id;
    unsigned expect_peer_signature_algorithm;
    const char *expect_server_name, *expect_peer_cert_file;
    bool expect_session_miss, expect_hrr, expect_no_hrr;
    bool expect_extended_master_secret, expect_no_peer_cert;
};

/* Fills both. At an unknown flag it ends the process with BOGO_UNIMPLEMENTED, and writes
 * the flag into the file that the variable BOGO_UNIMPLEMENTED names. */
void bogo_flags_parse(char **argv, struct bogo_flags *initial, struct bogo_flags *resume);

/* Ends the process because the runner asks for something that we do not have. */
_Noreturn void bogo_unimplemented(const char *what);

#endif
