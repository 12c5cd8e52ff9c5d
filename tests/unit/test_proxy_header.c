/*
 * The PROXY protocol's header, read and written: examples of the specification, each way
 * in which it can be wrong, and every length at which it can be cut.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/net/proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static const char *text_of(const struct sockaddr_storage *address)
{
    static char text[INET6_ADDRSTRLEN + 8];
    char host[INET6_ADDRSTRLEN];
    const struct sockaddr_in *four = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;

    if (address->ss_family == AF_INET) {
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
        snprintf(text, sizeof(text), "%s %u", host, ntohs(four->sin_port));
    } else {
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
        snprintf(text, sizeof(text), "%s %u", host, ntohs(six->sin6_port));
    }
    return text;
}

static struct sockaddr_storage address_of(const char *host, uint16_t port)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in *four = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;

    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
    } else {
        assert_int_equal(inet_pton(AF_INET6, host, &six->sin6_addr), 1);
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
    }
    return address;
}

/* Complete at its length, and partial at every shorter one but 0. */
static struct proxy_header read_whole(const void *bytes, size_t len, unsigned versions)
{
    struct proxy_header header;

    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(
            proxy_header_read(bytes, cut, versions, &header), PROXY_HEADER_PARTIAL);
    assert_int_equal(
        proxy_header_read(bytes, len, versions, &header), PROXY_HEADER_WHOLE);
    assert_int_equal(header.len, len);
    return header;
}

static void read_invalid(
    const void *bytes, size_t len, unsigned versions, const char *why)
{
    struct proxy_header header;

    assert_int_equal(
        proxy_header_read(bytes, len, versions, &header), PROXY_HEADER_INVALID);
    if (strstr(header.error, why) == NULL)
        fail_msg("%.*s: %s", (int)len, (const char *)bytes, header.error);
}

static void lines_are_read(void **state)
{
    static const char four[] = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n";
    static const char six[] = "PROXY TCP6 2001:db8::1 ::1 0 65535\r\n";
    static const char unknown[] = "PROXY UNKNOWN ffff::1 whatever it says\r\n";
    static const char nothing[] = "PROXY UNKNOWN\r\n";
    struct proxy_header header;

    (void)state;
    header = read_whole(four, sizeof(four) - 1, PROXY_VERSION_1);
    assert_true(header.has_client);
    assert_string_equal(text_of(&header.client), "192.168.0.1 56324");
    header = read_whole(six, sizeof(six) - 1, PROXY_VERSION_ANY);
    assert_string_equal(text_of(&header.client), "2001:db8::1 0");
    assert_false(read_whole(unknown, sizeof(unknown) - 1, PROXY_VERSION_1).has_client);
    assert_false(read_whole(nothing, sizeof(nothing) - 1, PROXY_VERSION_1).has_client);
}

static void lines_that_are_wrong_are_refused(void **state)
{
    static const struct {
        const char *line, *why;
    } lines[] = {
        {"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "family"},
        {"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "family"},
        {"PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", "family"},
        {"PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", "two addresses"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "two addresses"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "two addresses"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "two addresses"},
        {"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "two addresses"},
        {"PROXY TCP4 1.2.3.4 1.2.3 1 2\r\n", "two addresses"},
        {"PROXY TCP4 ::1 ::1 1 2\r\n", "two addresses"},
        {"PROXY TCP6 1.2.3.4 ::1 1 2\r\n", "two addresses"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "two addresses"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999999999\r\n", "two addresses"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "two addresses"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "two addresses"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 +2\r\n", "two addresses"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "bare LF"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rX", "CRLF"},
        {"PROXY TCP4 1.2.3.4\t1.2.3.4 1 2\r\n", "two addresses"},
        {"PROXY UNKNOWN "
         "456789012345678901234567890123456789012345678901234567890123456789"
         "01234567890123456789012345678901234567\r\n",
            "longer than 107"},
        {"PROXYTCP4 ", "none of a version"},
        {"proxy TCP4 ", "none of a version"},
        {"GET / HTTP/1.1\r\n", "none of a version"},
    };
    static const char nul[] = "PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n";

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        read_invalid(lines[i].line, strlen(lines[i].line), PROXY_VERSION_1, lines[i].why);
    read_invalid(nul, sizeof(nul) - 1, PROXY_VERSION_1, "NUL");
}

static void the_longest_line_is_read(void **state)
{
    static const char line[] = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    static const char unknown[] =
        "PROXY UNKNOWN "
        "4567890123456789012345678901234567890123456789012345678901234567890"
        "123456789012345678901234\r\n";

    (void)state;
    assert_true(read_whole(line, sizeof(line) - 1, PROXY_VERSION_1).has_client);
    (void)read_whole(unknown, sizeof(unknown) - 1, PROXY_VERSION_1);
}

static void only_a_version_that_may_come_is_read(void **state)
{
    static const char line[] = "PROXY UNKNOWN\r\n";
    static const char binary[] = SIGNATURE "\x20\x00\x00\x00";

    (void)state;
    read_invalid(line, 1, PROXY_VERSION_2, "none of a version");
    read_invalid(line, sizeof(line) - 1, PROXY_VERSION_NONE, "none of a version");
    read_invalid(binary, 1, PROXY_VERSION_1, "none of a version");
    (void)read_whole(binary, sizeof(binary) - 1, PROXY_VERSION_ANY);
}

static void binary_headers_are_read(void **state)
{
    static const char four[] =
        SIGNATURE "\x21\x11\x00\x0c\x0a\x00\x00\x01\x0a\x00\x00\x02\x30\x39\x01\xbb";
    static const char six[] =
        SIGNATURE "\x21\x21\x00\x2b"
                  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50\x01\xbb"
                  "\xee\x00\x04what";
    static const char local[] = SIGNATURE "\x20\x99\x00\x03xyz";
    static const char datagrams[] =
        SIGNATURE "\x21\x12\x00\x0c\x0a\x00\x00\x01\x0a\x00\x00\x02\x30\x39\x01\xbb";
    static const char unspecified[] = SIGNATURE "\x21\x00\x00\x00";
    struct proxy_header header;

    (void)state;
    header = read_whole(four, sizeof(four) - 1, PROXY_VERSION_2);
    assert_string_equal(text_of(&header.client), "10.0.0.1 12345");
    header = read_whole(six, sizeof(six) - 1, PROXY_VERSION_2);
    assert_string_equal(text_of(&header.client), "2001:db8::1 80");
    assert_false(read_whole(local, sizeof(local) - 1, PROXY_VERSION_2).has_client);
    assert_false(
        read_whole(datagrams, sizeof(datagrams) - 1, PROXY_VERSION_2).has_client);
    assert_false(
        read_whole(unspecified, sizeof(unspecified) - 1, PROXY_VERSION_2).has_client);
}

static void binary_headers_that_are_wrong_are_refused(void **state)
{
    static const char version[] = SIGNATURE "\x11\x11\x00\x0c";
    static const char command[] = SIGNATURE "\x22\x11\x00\x0c";
    static const char family[] = SIGNATURE "\x21\x41\x00\x0c";
    static const char protocol[] = SIGNATURE "\x21\x13\x00\x0c";
    static const char too_long[] = SIGNATURE "\x21\x11\x0f\xf1";
    static const char short_4[] = SIGNATURE "\x21\x11\x00\x0b"
                                            "12345678901";
    static const char short_6[] = SIGNATURE "\x21\x21\x00\x0c"
                                            "123456789012";
    static const char tlv_cut[] = SIGNATURE "\x21\x00\x00\x02\x04\x00";
    static const char tlv_beyond[] = SIGNATURE "\x21\x00\x00\x04\x04\x00\x02x";
    static const char checksum[] = SIGNATURE "\x21\x00\x00\x07\x03\x00\x04\0\0\0\0";
    static const char checksum_len[] = SIGNATURE "\x21\x00\x00\x05\x03\x00\x02\0\0";
    static const char almost[] = "\r\n\r\n\0\r\nQUIT\r";

    (void)state;
    read_invalid(version, sizeof(version) - 1, PROXY_VERSION_2, "version or command");
    read_invalid(command, sizeof(command) - 1, PROXY_VERSION_2, "version or command");
    read_invalid(family, sizeof(family) - 1, PROXY_VERSION_2, "family or protocol");
    read_invalid(protocol, sizeof(protocol) - 1, PROXY_VERSION_2, "family or protocol");
    read_invalid(too_long, sizeof(too_long) - 1, PROXY_VERSION_2, "longer than 4096");
    read_invalid(short_4, sizeof(short_4) - 1, PROXY_VERSION_2, "shorter than its");
    read_invalid(short_6, sizeof(short_6) - 1, PROXY_VERSION_2, "shorter than its");
    read_invalid(tlv_cut, sizeof(tlv_cut) - 1, PROXY_VERSION_2, "beyond the header");
    read_invalid(
        tlv_beyond, sizeof(tlv_beyond) - 1, PROXY_VERSION_2, "beyond the header");
    read_invalid(checksum, sizeof(checksum) - 1, PROXY_VERSION_2, "checksum");
    read_invalid(checksum_len, sizeof(checksum_len) - 1, PROXY_VERSION_2, "checksum");
    read_invalid(almost, sizeof(almost) - 1, PROXY_VERSION_2, "none of a version");
}

static void a_written_header_is_read_again(void **state)
{
    static const struct {
        const char *client, *local, *line;
    } pairs[] = {
        {"192.0.2.1", "192.0.2.2", "PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n"},
        {"::ffff:192.0.2.1", "192.0.2.2", "PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n"},
        {"2001:db8::1", "::1", "PROXY TCP6 2001:db8::1 ::1 1000 443\r\n"},
        {"2001:db8::1", "10.0.0.1",
            "PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 1000 443\r\n"},
    };
    unsigned char out[PROXY_HEADER_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct sockaddr_storage client = address_of(pairs[i].client, 1000);
        struct sockaddr_storage local = address_of(pairs[i].local, 443);
        struct proxy_header_facts facts = {.client = &client,
            .local = &local,
            .tls_version = "TLSv1.3",
            .cipher = "TLS_AES_256_GCM_SHA384",
            .server_name = "wlb.example.com",
            .client_cn = "pool",
            .client_certificate = true};
        size_t len = proxy_header_write(out, PROXY_VERSION_1, &facts);
        struct proxy_header one = read_whole(out, len, PROXY_VERSION_1), two;

        assert_int_equal(len, strlen(pairs[i].line));
        assert_memory_equal(out, pairs[i].line, len);
        len = proxy_header_write(out, PROXY_VERSION_2, &facts);
        two = read_whole(out, len, PROXY_VERSION_2);
        assert_memory_equal(&one.client, &two.client, sizeof(one.client));
        out[len - 30] ^= 1; /* the checksum detects it */
        assert_int_equal(
            proxy_header_read(out, len, PROXY_VERSION_2, &two), PROXY_HEADER_INVALID);
    }
}

static void the_facts_of_tls_are_told_in_their_tlvs(void **state)
{
    struct sockaddr_storage client = address_of("192.0.2.1", 1000);
    struct proxy_header_facts facts = {.client = &client,
        .local = &client,
        .tls_version = "TLSv1.2",
        .alpn = "h2",
        .client_cn = "pool",
        .client_certificate = true,
        .resumed = true};
    static const unsigned char tlvs[] =
        "\x01\0\2h2\x20\0\x16\4\0\0\0\0\x21\0\7TLSv1.2\x22\0\4pool";
    unsigned char out[PROXY_HEADER_MAX], expected[sizeof(tlvs)];

    (void)state;
    memcpy(expected, tlvs, sizeof(tlvs));
    expected[8] = 0x01 | 0x04; /* TLS; a certificate in this session, not on this
                                * connection */
    assert_int_equal(
        proxy_header_write(out, PROXY_VERSION_2, &facts), 28 + sizeof(tlvs) - 1 + 7);
    assert_memory_equal(out + 28, expected, sizeof(tlvs) - 1);
    facts.resumed = false;
    (void)proxy_header_write(out, PROXY_VERSION_2, &facts);
    assert_int_equal(out[28 + 8], 0x01 | 0x02 | 0x04);
    facts.client_certificate = false;
    (void)proxy_header_write(out, PROXY_VERSION_2, &facts);
    assert_int_equal(out[28 + 8], 0x01);
    assert_int_equal(out[28 + 12], 1); /* nothing was verified */
}

static void a_text_that_is_too_long_is_left_out(void **state)
{
    struct sockaddr_storage client = address_of("192.0.2.1", 1000);
    char text[400];
    struct proxy_header_facts facts = {
        .client = &client, .local = &client, .server_name = text};
    unsigned char out[PROXY_HEADER_MAX];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[256] = '\0';
    assert_int_equal(proxy_header_write(out, PROXY_VERSION_2, &facts), 28 + 7);
    text[255] = '\0';
    assert_int_equal(proxy_header_write(out, PROXY_VERSION_2, &facts), 28 + 3 + 255 + 7);
}

static void without_addresses_none_are_told(void **state)
{
    struct proxy_header_facts facts = {.tls_version = "TLSv1.3"};
    unsigned char out[PROXY_HEADER_MAX];
    size_t len = proxy_header_write(out, PROXY_VERSION_1, &facts);

    (void)state;
    assert_memory_equal(out, "PROXY UNKNOWN\r\n", len);
    len = proxy_header_write(out, PROXY_VERSION_2, &facts);
    assert_false(read_whole(out, len, PROXY_VERSION_2).has_client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(lines_that_are_wrong_are_refused),
        cmocka_unit_test(the_longest_line_is_read),
        cmocka_unit_test(only_a_version_that_may_come_is_read),
        cmocka_unit_test(binary_headers_are_read),
        cmocka_unit_test(binary_headers_that_are_wrong_are_refused),
        cmocka_unit_test(a_written_header_is_read_again),
        cmocka_unit_test(the_facts_of_tls_are_told_in_their_tlvs),
        cmocka_unit_test(a_text_that_is_too_long_is_left_out),
        cmocka_unit_test(without_addresses_none_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
