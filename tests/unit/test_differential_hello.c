/* ClientHellos with changed bytes, other headers and suites, and in records of all kinds,
 * against OpenSSL's handshake and ours: both answer the same. */
#include "tests/unit/hello_rig.h"

/* A sanitizer checks the code's use of memory: it is shown each fifth change, which is
 * one of most bytes, by each of the values in turn. */
#ifdef WLB_SANITIZE
enum { EACH_CHANGE = 5 };
#else
enum { EACH_CHANGE = 1 };
#endif

static void every_byte_changed(void)
{
    unsigned char copy[HELLO_MAX];
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        const struct recorded *r = &recorded[k];

        try(kinds[k].name, r->record, r->len);
        for (size_t i = 0; i < 4 * r->len; i += EACH_CHANGE) {
            const unsigned char was = r->record[i / 4];
            const unsigned char values[] = {was ^ 1, was ^ 0x80, 0, 0xff};

            memcpy(copy, r->record, r->len);
            copy[i / 4] = values[i % 4];
            (void)snprintf(name, sizeof(name), "%s: byte %zu %02x -> %02x", kinds[k].name,
                i / 4, was, values[i % 4]);
            try(name, copy, r->len);
        }
    }
}

static const struct octets suite_lists[] = {
    BYTES(""),
    BYTES("\x13\1"),
    BYTES("\x13\2"),
    BYTES("\x13\3"),
    BYTES("\x13\4"),
    BYTES("\x13\3\x13\1"),
    BYTES("\x13\1\x13\3"),
    BYTES("\x0a\x0a\x13\3\x13\1\x13\2"), /* GREASE, then ChaCha20 */
    BYTES("\x0a\x0a\x13\1\x13\3\xcc\xa8\xc0\x2f"),
    BYTES("\xcc\xa8\xc0\x2f\xc0\x30"),
    BYTES("\xcc\xa9\xc0\x2b"),
    BYTES("\x1a\x1a\xcc\xa9\xc0\x2b"),
    BYTES("\x12\x34\xcc\xa9\xc0\x2b"),
    BYTES("\xc0\x2b"),
    BYTES("\xc0\x2c"),
    BYTES("\xc0\x2f"),
    BYTES("\xc0\x30"),
    BYTES("\xc0\x2f\xc0\x2b\xc0\x30\xc0\x2c"),
    BYTES("\0\x9d\0\x3d\0\x35"), /* RSA key exchange */
    BYTES("\xc0\x14\xc0\x0a"), /* CBC */
    BYTES("\xc0\x30\x56\0"), /* fallback SCSV */
    BYTES("\x13\1\x56\0"),
    BYTES("\xc0\x30\0\xff"), /* renegotiation SCSV */
    BYTES("\x13\1\0\xff"),
    BYTES("\xc0\x30\xc0\x30\xc0"),
    BYTES("\xc0\x30\xc0\x2f\xcc\xa8\x13\1"),
};

static void suites_of_all_kinds(void)
{
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < sizeof(suite_lists) / sizeof(suite_lists[0]); i++) {
            struct parts parts = take_apart(&recorded[k]);

            buffer_clear(&parts.suites);
            buffer_append(&parts.suites, suite_lists[i].at, suite_lists[i].len);
            (void)snprintf(name, sizeof(name), "%s: suites, case %zu", kinds[k].name, i);
            try_parts(name, &parts);
            free_parts(&parts);
        }
    }
}

static void heads_of_all_kinds(void)
{
    static const struct octets compressions[] = {
        BYTES(""), BYTES("\0"), BYTES("\1"), BYTES("\1\0"), BYTES("\0\1"), BYTES("\0\0")};
    static const unsigned char versions[][2] = {{3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 4},
        {3, 5}, {2, 3}, {4, 3}, {0, 0}, {0xff, 0xff}};
    static const size_t ids[] = {0, 1, 31, 32, 33, 255};
    static const struct octets only_12 = BYTES("\0\x2b\2\3\3");
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < 6 + 10 + 6 + 10; i++) {
            struct parts parts = take_apart(&recorded[k]);

            if (i < 6) {
                buffer_clear(&parts.compressions);
                buffer_append(
                    &parts.compressions, compressions[i].at, compressions[i].len);
            } else if (i < 16) {
                memcpy(parts.version, versions[i - 6], 2);
            } else if (i >= 22) {
                memcpy(parts.version, versions[i - 22], 2);
                put_in(&parts, only_12);
            } else {
                buffer_clear(&parts.id);
                while (buffer_len(&parts.id) < ids[i - 16])
                    buffer_append(&parts.id, "i", 1);
            }
            (void)snprintf(name, sizeof(name), "%s: head, case %zu", kinds[k].name, i);
            try_parts(name, &parts);
            free_parts(&parts);
        }
    }
}

/* Cut short, in two records, with more behind. */
static void records_of_all_kinds(void)
{
    unsigned char copy[2 * HELLO_MAX];
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        const struct recorded *r = &recorded[k];

        try(kinds[k].name, r->record, r->len);
        for (size_t i = 1; i < r->len - RECORD_HEADER; i += 1 + i / 7) {
            (void)snprintf(name, sizeof(name), "%s: cut after %zu", kinds[k].name, i);
            try(name, r->record, i);
            (void)snprintf(name, sizeof(name), "%s: split at %zu", kinds[k].name, i);
            memcpy(copy, r->record, RECORD_HEADER + i);
            copy[3] = (unsigned char)(i >> 8);
            copy[4] = (unsigned char)i;
            memcpy(copy + RECORD_HEADER + i, r->record, 3);
            copy[RECORD_HEADER + i + 3] =
                (unsigned char)((r->len - RECORD_HEADER - i) >> 8);
            copy[RECORD_HEADER + i + 4] = (unsigned char)(r->len - RECORD_HEADER - i);
            memcpy(copy + 2 * RECORD_HEADER + i, r->record + RECORD_HEADER + i,
                r->len - RECORD_HEADER - i);
            try(name, copy, r->len + RECORD_HEADER);
        }
        memcpy(copy, r->record, r->len);
        memcpy(copy + r->len, r->record, r->len);
        (void)snprintf(name, sizeof(name), "%s: twice", kinds[k].name);
        try(name, copy, 2 * r->len);
    }
}

/* Without a session id the client does not need compatibility with middleboxes. OpenSSL
 * sends the ChangeCipherSpec for them all the same; we do not (RFC 8446, D.4). */
static const struct meant no_middlebox[] = {
    {"usual: head, case 16", NULL, NULL}, {"named: head, case 16", NULL, NULL}, {0}};

DIFFERENTIAL_TEST(every_byte_changed_mean_the_same, every_byte_changed, nothing)
DIFFERENTIAL_TEST(suites_of_all_kinds_mean_the_same, suites_of_all_kinds, nothing)
DIFFERENTIAL_TEST(heads_of_all_kinds_mean_the_same, heads_of_all_kinds, no_middlebox)
DIFFERENTIAL_TEST(records_of_all_kinds_mean_the_same, records_of_all_kinds, nothing)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_changed_mean_the_same),
        cmocka_unit_test(suites_of_all_kinds_mean_the_same),
        cmocka_unit_test(heads_of_all_kinds_mean_the_same),
        cmocka_unit_test(records_of_all_kinds_mean_the_same),
    };

    return cmocka_run_group_tests(tests, record_hellos, free_service_keys);
}
