/* ClientHellos with changed extensions of all kinds, against OpenSSL's handshake and
 * ours: both answer the same. */
#include "tests/unit/hello_rig.h"

enum edit { DROP, TWICE, EMPTY, LAST, LONGER, SHORTER, UNKNOWN_TYPE, ALONE, EDITS };
static const char *const edit_names[EDITS] = {
    "dropped", "twice", "empty", "last", "longer", "shorter", "unknown", "alone"};

static void edit(struct parts *parts, size_t i, enum edit how)
{
    struct buffer *e = &parts->extensions[i], *end = &parts->extensions[parts->count];

    switch (how) {
    case DROP:
        swap_extensions(e, &parts->extensions[--parts->count]);
        break;
    case TWICE:
        buffer_append(end, buffer_data(e), buffer_len(e));
        parts->count++;
        break;
    case EMPTY:
        e->end = e->start + 2;
        break;
    case LAST:
        swap_extensions(e, &parts->extensions[parts->count - 1]);
        break;
    case LONGER:
        buffer_append(e, "", 1);
        break;
    case SHORTER:
        e->end -= buffer_len(e) > 2;
        break;
    case UNKNOWN_TYPE:
        e->bytes[e->start] = 0x7a;
        break;
    default:
        swap_extensions(e, &parts->extensions[0]);
        parts->count = 1;
    }
}

static void every_extension_edited(void)
{
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        for (size_t i = 0;; i++) {
            struct parts parts = take_apart(&recorded[k]);

            if (i == EDITS * parts.count) {
                parts.without = true;
                try_parts(kinds[k].name, &parts);
                free_parts(&parts);
                break;
            }
            (void)snprintf(name, sizeof(name), "%s: extension %zu %s", kinds[k].name,
                number(
                    (const unsigned char *)buffer_data(&parts.extensions[i / EDITS]), 2),
                edit_names[i % EDITS]);
            edit(&parts, i / EDITS, (enum edit)(i % EDITS));
            try_parts(name, &parts);
            free_parts(&parts);
        }
    }
}

/* Each replaces the extension of its type, or is added. */
static const struct octets extensions[] = {
    BYTES("\0\0\0\0"), /* server_name: empty list */
    BYTES("\0\0\0\4\0\0\1a"), /* usual */
    BYTES("\0\0\0\5\0\0\2a."), /* a dot behind */
    BYTES("\0\0\0\4\1\0\1a"), /* another type of name */
    BYTES("\0\0\0\x08\0\0\1a\0\0\1b"), /* two names */
    BYTES("\0\0\0\5\0\0\2a\0"), /* NUL within */
    BYTES("\0\0\0\3\0\0\0"), /* empty name */
    BYTES("\0\1\1"), /* max_fragment_length 512 */
    BYTES("\0\1\5"),
    BYTES("\0\5\1\0\0\0\0"), /* status_request */
    BYTES("\0\5\2\0\0\0\0"),
    BYTES("\0\5\1\0\2\0\0\0\0"),
    BYTES("\0\5\1\0\0\0\1"),
    BYTES("\0\x0a\0\2\0\x1d"), /* one group each */
    BYTES("\0\x0a\0\2\0\x17"),
    BYTES("\0\x0a\0\2\0\x18"),
    BYTES("\0\x0a\0\2\0\x19"),
    BYTES("\0\x0a\0\4\0\x19\0\x18"),
    BYTES("\0\x0a\0\4\x1a\x1a\0\x1d"), /* GREASE */
    BYTES("\0\x0a\0\2\x11\xec"), /* a hybrid */
    BYTES("\0\x0a\0\0"),
    BYTES("\0\x0a\0\3\0\x1d\0"),
    BYTES("\0\x0b\1\0"), /* point formats */
    BYTES("\0\x0b\1\1"),
    BYTES("\0\x0b\2\1\0"),
    BYTES("\0\x0b\0"),
    BYTES("\0\x0d\0\2\4\3"), /* one scheme each */
    BYTES("\0\x0d\0\2\5\3"),
    BYTES("\0\x0d\0\2\6\3"),
    BYTES("\0\x0d\0\2\x08\4"),
    BYTES("\0\x0d\0\2\x08\5"),
    BYTES("\0\x0d\0\2\x08\6"),
    BYTES("\0\x0d\0\2\4\1"),
    BYTES("\0\x0d\0\2\5\1"),
    BYTES("\0\x0d\0\2\6\1"),
    BYTES("\0\x0d\0\2\2\1"), /* SHA-1 */
    BYTES("\0\x0d\0\2\2\3"),
    BYTES("\0\x0d\0\2\x08\7"), /* Ed25519 */
    BYTES("\0\x0d\0\2\x08\x09"), /* rsa_pss_pss_sha256 */
    BYTES("\0\x0d\0\4\4\1\x08\4"),
    BYTES("\0\x0d\0\4\x08\4\4\3"),
    BYTES("\0\x0d\0\0"),
    BYTES("\0\x0f\1"), /* heartbeat */
    BYTES("\0\x10\0\3\2h2"), /* ALPN: nothing in common */
    BYTES("\0\x10\0\x09\x08http/1.0"),
    BYTES("\0\x10\0\x12\x08http/1.0\x08http/1.1"),
    BYTES("\0\x10\0\1\0"),
    BYTES("\0\x10\0\0"),
    BYTES("\0\x15\0\0\0\0"), /* padding */
    BYTES("\0\x16"), /* encrypt_then_mac */
    BYTES("\0\x1b\2\0\2"), /* compress_certificate */
    BYTES("\0\x1c\x40\0"), /* record_size_limit */
    BYTES("\0\x1c\0\1"),
    BYTES("\0\x23"), /* session_ticket */
    BYTES("\0\x23rubbish that is no ticket of anybody's but as long as one may be"),
    BYTES("\0\x29\0\7\0\1x\0\0\0\0\0\x21\x20"
          "01234567890123456789012345678901"), /* unknown pre_shared_key */
    BYTES("\0\x29\0\7\0\1x\0\0\0\0\0\1\0"),
    BYTES("\0\x2a"), /* early_data */
    BYTES("\0\x2b\2\3\4"), /* supported_versions */
    BYTES("\0\x2b\2\3\3"),
    BYTES("\0\x2b\4\3\4\3\3"),
    BYTES("\0\x2b\4\3\3\3\2"),
    BYTES("\0\x2b\2\3\2"),
    BYTES("\0\x2b\2\3\5"),
    BYTES("\0\x2b\4\x7f\x1c\3\3"),
    BYTES("\0\x2b\0"),
    BYTES("\0\x2b\3\3\4\3"),
    BYTES("\0\x2c\0\1x"), /* cookie */
    BYTES("\0\x2d\1\1"), /* psk_key_exchange_modes */
    BYTES("\0\x2d\1\0"),
    BYTES("\0\x2d\2\0\1"),
    BYTES("\0\x2d\0"),
    BYTES("\0\x2f\0\2\0\0"), /* certificate_authorities */
    BYTES("\0\x31"), /* post_handshake_auth */
    BYTES("\0\x32\0\2\4\3"), /* signature_algorithms_cert */
    BYTES("\0\x33\0\0"), /* key_share: none */
    BYTES("\0\x33\0\4\0\x1d\0\0"),
    BYTES("\0\x33\0\5\0\x1d\0\1x"),
    BYTES("\0\x33\0\x24\0\x1d\0\x20\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
          "\0\0\0\0\0\0"), /* the base point of X25519 */
    BYTES("\0\x33\0\x24\0\x1d\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
          "\0\0"
          "\0\0\0"), /* of low order */
    BYTES("\0\x33\0\x24\0\x1d\0\x20\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
          "\0\0"
          "\0\0\0"),
    BYTES("\x33\x74"), /* next protocol negotiation */
    BYTES("\xff\1\0"), /* renegotiation_info */
    BYTES("\xff\1\1x"),
    BYTES("\xff\1"),
    BYTES("\x5a\x5a"), /* GREASE */
    BYTES("\x12\x34rubbish"),
};

static void extensions_of_all_kinds(void)
{
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
            struct parts parts = take_apart(&recorded[k]);

            put_in(&parts, extensions[i]);
            (void)snprintf(name, sizeof(name), "%s: extension %zu, case %zu",
                kinds[k].name, number((const unsigned char *)extensions[i].at, 2), i);
            try_parts(name, &parts);
            free_parts(&parts);
        }
    }
}

DIFFERENTIAL_TEST(every_extension_edited_mean_the_same, every_extension_edited, nothing)
DIFFERENTIAL_TEST(extensions_of_all_kinds_mean_the_same, extensions_of_all_kinds, nothing)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_extension_edited_mean_the_same),
        cmocka_unit_test(extensions_of_all_kinds_mean_the_same),
    };

    return cmocka_run_group_tests(tests, record_hellos, free_service_keys);
}
