/*
 * bogo_flags.h - what BoringSSL's test runner asks of a shim on its command line.
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

/* Of one connection; NULL, 0 and false: not said. */
struct bogo_flags {
    bool is_server, ipv6, is_handshaker_supported;
    const char *shim_id;
    unsigned port, resume_count;

    /* How the service is set up. */
    const char *engine; /* -engine, ours: it is in the runner's -shim-extra-flags */
    struct bogo_credential credentials[BOGO_CREDENTIALS_MAX];
    size_t credential_count;
    struct bogo_numbers curves, signing_prefs, verify_prefs;
    unsigned min_version, max_version;
    bool no_tls13, no_tls12, no_tls11, no_tls1, no_ticket;
    const char *cipher, *trust_cert;
    bool require_any_client_certificate, verify_peer, verify_fail;
    bool decline_alpn, reject_alpn;

    /* What the shim does. */
    bool async, shim_writes_first, shim_shuts_down, check_close_notify;
    bool write_different_record_sizes;

    /* What must have come of the handshake. */
    unsigned expect_version, expect_cipher, expect_curve_id;
    unsigned expect_peer_signature_algorithm;
    const char *expect_server_name, *expect_peer_cert_file;
    bool expect_session_miss, expect_hrr, expect_no_hrr;
    bool expect_extended_master_secret, expect_no_peer_cert;
};

/* Fills both; ends the process with BOGO_UNIMPLEMENTED at a flag that it does not know,
 * and notes the flag in the file that BOGO_UNIMPLEMENTED names. */
void bogo_flags_parse(char **argv, struct bogo_flags *initial, struct bogo_flags *resume);

/* The end of this process where something is asked that we do not have. */
_Noreturn void bogo_unimplemented(const char *what);

#endif
