#include "proxy/net/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const unsigned char SIGNATURE[12] = "\r\n\r\n\0\r\nQUIT\n";

/* Version 1: one line. Version 2: a fixed part, addresses, TLVs (sections 2.1 and 2.2).
 */
enum { LINE_MAX_1 = 107, FIXED_2 = 16, TLV_FIXED = 3, TLS_FIXED = 5, TEXT_MAX = 255 };

enum command { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };
enum family {
    FAMILY_UNSPEC = 0x00,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21,
    FAMILY_LAST = 0x32
};
enum { ADDRESSES_4 = 12, ADDRESSES_6 = 36, ADDRESSES_UNIX = 216 };

enum tlv {
    TLV_ALPN = 0x01,
    TLV_AUTHORITY = 0x02,
    TLV_CRC32C = 0x03,
    TLV_TLS = 0x20,
    TLV_TLS_VERSION = 0x21,
    TLV_TLS_CN = 0x22,
    TLV_TLS_CIPHER = 0x23,
};

enum tls_bit { TLS_USED = 0x01, TLS_CERT_CONNECTION = 0x02, TLS_CERT_SESSION = 0x04 };

/* Castagnoli's polynomial, reflected (RFC 3309). */
static uint32_t crc32c(const unsigned char *bytes, size_t len)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static uint32_t number_at(const unsigned char *bytes, size_t len)
{
    uint32_t n = 0;

    for (size_t i = 0; i < len; i++)
        n = n << 8 | bytes[i];
    return n;
}

static void put_number(unsigned char *bytes, size_t len, uint32_t n)
{
    for (size_t i = len; i > 0; i--, n >>= 8)
        bytes[i - 1] = (unsigned char)n;
}

static enum proxy_header_status invalid(struct proxy_header *header, const char *error)
{
    header->error = error;
    return PROXY_HEADER_INVALID;
}

static void take_ipv4(struct sockaddr_storage *out, const void *address, uint16_t port)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;

    memset(out, 0, sizeof(*out));
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    memcpy(&four->sin_addr, address, sizeof(four->sin_addr));
}

static void take_ipv6(struct sockaddr_storage *out, const void *address, uint16_t port)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof(*out));
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    memcpy(&six->sin6_addr, address, sizeof(six->sin6_addr));
}

/* ---- version 1 ---- */

/* The line's next word, which ends at one blank or the end; NULL when there is none. */
static char *next_word(char **rest)
{
    char *word = *rest;
    char *blank;

    if (word == NULL || *word == '\0' || *word == ' ')
        return NULL;
    blank = strchr(word, ' ');
    if (blank != NULL)
        *blank = '\0';
    *rest = blank != NULL ? blank + 1 : NULL;
    return word;
}

/* 0 to 65535 without leading zeroes; -1 for anything else. */
static int port_of(const char *word)
{
    size_t len = word != NULL ? strspn(word, "0123456789") : 0;
    int port = 0;

    if (len == 0 || len > 5 || word[len] != '\0' || (word[0] == '0' && len > 1))
        return -1;
    for (size_t i = 0; i < len; i++)
        port = port * 10 + word[i] - '0';
    return port <= UINT16_MAX ? port : -1;
}

static bool take_address(
    struct sockaddr_storage *out, int family, const char *word, int port)
{
    unsigned char address[16];

    if (word == NULL || port < 0 || inet_pton(family, word, address) != 1)
        return false;
    if (family == AF_INET)
        take_ipv4(out, address, (uint16_t)port);
    else
        take_ipv6(out, address, (uint16_t)port);
    return true;
}

/* "PROXY TCP4 SOURCE DESTINATION PORT PORT", without its CRLF. */
static enum proxy_header_status read_line(char *line, struct proxy_header *header)
{
    char *rest = line + strlen("PROXY ");
    const char *family = next_word(&rest);
    const char *source, *destination;
    struct sockaddr_storage unused;
    int source_port, destination_port, af;

    if (family != NULL && strcmp(family, "UNKNOWN") == 0)
        return PROXY_HEADER_WHOLE; /* the rest of the line is ignored */
    if (family == NULL || (strcmp(family, "TCP4") != 0 && strcmp(family, "TCP6") != 0))
        return invalid(header, "its family is not TCP4, TCP6 or UNKNOWN");
    af = family[3] == '4' ? AF_INET : AF_INET6;
    source = next_word(&rest);
    destination = next_word(&rest);
    source_port = port_of(next_word(&rest));
    destination_port = port_of(next_word(&rest));
    if (rest != NULL || !take_address(&header->client, af, source, source_port) ||
        !take_address(&unused, af, destination, destination_port))
        return invalid(header, "it has not two addresses and two ports of its family");
    header->has_client = true;
    return PROXY_HEADER_WHOLE;
}

static enum proxy_header_status read_version_1(
    const char *bytes, size_t len, struct proxy_header *header)
{
    char line[LINE_MAX_1 + 1];
    size_t seen = len < LINE_MAX_1 ? len : LINE_MAX_1;
    const char *end = memchr(bytes, '\r', seen);
    size_t text = end != NULL ? (size_t)(end - bytes) : seen;

    if (memchr(bytes, '\0', text) != NULL || memchr(bytes, '\n', text) != NULL)
        return invalid(header, "its line has a NUL or a bare LF");
    if (end == NULL || text + 1 == seen)
        return seen < LINE_MAX_1 ? PROXY_HEADER_PARTIAL
                                 : invalid(header, "its line is longer than 107 octets");
    if (end[1] != '\n')
        return invalid(header, "its line does not end with CRLF");
    memcpy(line, bytes, text);
    line[text] = '\0';
    header->len = text + 2;
    return read_line(line, header);
}

/* ---- version 2 ---- */

/* The checksum covers the whole header, with its own value as zero. */
static bool checksum_is_right(const unsigned char *header, size_t len, size_t value_at)
{
    unsigned char copy[PROXY_HEADER_MAX];

    memcpy(copy, header, len);
    memset(copy + value_at, 0, 4);
    return crc32c(copy, len) == number_at(header + value_at, 4);
}

static enum proxy_header_status read_tlvs(
    const unsigned char *bytes, size_t at, struct proxy_header *header)
{
    while (at < header->len) {
        size_t left = header->len - at;
        size_t len = left >= TLV_FIXED ? number_at(bytes + at + 1, 2) : 0;

        if (left < TLV_FIXED || len > left - TLV_FIXED)
            return invalid(header, "a TLV reaches beyond the header");
        if (bytes[at] == TLV_CRC32C &&
            (len != 4 || !checksum_is_right(bytes, header->len, at + TLV_FIXED)))
            return invalid(header, "its checksum is wrong");
        at += TLV_FIXED + len;
    }
    return PROXY_HEADER_WHOLE;
}

/* Octets that the addresses of a family take; 0 for an undefined one. */
static size_t addresses_len(unsigned family)
{
    static const size_t lens[] = {0, ADDRESSES_4, ADDRESSES_6, ADDRESSES_UNIX};

    return lens[family >> 4];
}

static bool family_is_defined(unsigned family)
{
    return family >> 4 <= FAMILY_LAST >> 4 && (family & 0x0f) <= (FAMILY_LAST & 0x0f);
}

static enum proxy_header_status read_whole_2(
    const unsigned char *bytes, struct proxy_header *header)
{
    unsigned family = bytes[13];
    size_t addresses;

    if (bytes[12] == COMMAND_LOCAL) /* addresses and family are to be ignored */
        return PROXY_HEADER_WHOLE;
    addresses = addresses_len(family);
    if (header->len < FIXED_2 + addresses)
        return invalid(header, "it is shorter than its addresses");
    if (family == FAMILY_TCP4)
        take_ipv4(&header->client, bytes + FIXED_2,
            (uint16_t)number_at(bytes + FIXED_2 + 8, 2));
    else if (family == FAMILY_TCP6)
        take_ipv6(&header->client, bytes + FIXED_2,
            (uint16_t)number_at(bytes + FIXED_2 + 32, 2));
    header->has_client = family == FAMILY_TCP4 || family == FAMILY_TCP6;
    return read_tlvs(bytes, FIXED_2 + addresses, header);
}

static enum proxy_header_status read_version_2(
    const unsigned char *bytes, size_t len, struct proxy_header *header)
{
    if (len > 12 && bytes[12] != COMMAND_LOCAL && bytes[12] != COMMAND_PROXY)
        return invalid(header, "its version or command is unknown");
    if (len > 13 && bytes[12] == COMMAND_PROXY && !family_is_defined(bytes[13]))
        return invalid(header, "its family or protocol is unknown");
    if (len < FIXED_2)
        return PROXY_HEADER_PARTIAL;
    header->len = FIXED_2 + number_at(bytes + 14, 2);
    if (header->len > PROXY_HEADER_MAX)
        return invalid(header, "it is longer than 4096 octets");
    return len < header->len ? PROXY_HEADER_PARTIAL : read_whole_2(bytes, header);
}

static bool begins_as(const void *bytes, size_t len, const void *start, size_t start_len)
{
    return memcmp(bytes, start, len < start_len ? len : start_len) == 0;
}

enum proxy_header_status proxy_header_read(
    const void *bytes, size_t len, unsigned versions, struct proxy_header *header)
{
    *header = (struct proxy_header){0};
    if (versions & PROXY_VERSION_1 && begins_as(bytes, len, "PROXY ", 6))
        return read_version_1(bytes, len, header);
    if (versions & PROXY_VERSION_2 && begins_as(bytes, len, SIGNATURE, sizeof(SIGNATURE)))
        return read_version_2(bytes, len, header);
    return invalid(header, "there is none of a version that may come");
}

/* ---- writing ---- */

static uint16_t port_number(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET
        ? ntohs(((const struct sockaddr_in *)address)->sin_port)
        : ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
}

/* As IPv6, an IPv4 address as ::ffff:a.b.c.d. */
static void as_ipv6(const struct sockaddr_storage *address, unsigned char out[16])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (address->ss_family == AF_INET) {
        memcpy(out, mapped, sizeof(mapped));
        memcpy(out + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
    } else {
        memcpy(out, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    }
}

static bool is_inet(const struct sockaddr_storage *address)
{
    return address != NULL &&
        (address->ss_family == AF_INET || address->ss_family == AF_INET6);
}

/* Both addresses as IPv6; true when both are IPv4 in that form. */
static bool take_both(const struct proxy_header_facts *facts, unsigned char client[16],
    unsigned char local[16])
{
    as_ipv6(facts->client, client);
    as_ipv6(facts->local, local);
    return IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)client) &&
        IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)local);
}

static size_t write_version_1(unsigned char *out, const struct proxy_header_facts *facts)
{
    char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
    unsigned char client[16] __attribute__((aligned(4)));
    unsigned char local[16] __attribute__((aligned(4)));
    bool four;
    int af, n;

    if (!is_inet(facts->client) || !is_inet(facts->local))
        return (size_t)snprintf((char *)out, LINE_MAX_1 + 1, "PROXY UNKNOWN\r\n");
    four = take_both(facts, client, local);
    af = four ? AF_INET : AF_INET6;
    inet_ntop(af, client + (four ? 12 : 0), from, sizeof(from));
    inet_ntop(af, local + (four ? 12 : 0), to, sizeof(to));
    n = snprintf((char *)out, LINE_MAX_1 + 1, "PROXY TCP%c %s %s %u %u\r\n",
        four ? '4' : '6', from, to, port_number(facts->client),
        port_number(facts->local));
    return (size_t)n;
}

static size_t put_tlv(unsigned char *out, enum tlv type, const void *value, size_t len)
{
    out[0] = (unsigned char)type;
    put_number(out + 1, 2, (uint32_t)len);
    memcpy(out + TLV_FIXED, value, len);
    return TLV_FIXED + len;
}

static size_t put_text(unsigned char *out, enum tlv type, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    return len > 0 && len <= TEXT_MAX ? put_tlv(out, type, text, len) : 0;
}

static size_t put_tls(unsigned char *out, const struct proxy_header_facts *facts)
{
    unsigned char value[TLS_FIXED + 3 * (TLV_FIXED + TEXT_MAX)] = {TLS_USED};
    size_t len = TLS_FIXED; /* the bits, and 0: the certificate is valid */

    if (facts->client_certificate)
        value[0] |=
            facts->resumed ? TLS_CERT_SESSION : TLS_CERT_CONNECTION | TLS_CERT_SESSION;
    else
        put_number(value + 1, 4, 1);
    len += put_text(value + len, TLV_TLS_VERSION, facts->tls_version);
    len += put_text(value + len, TLV_TLS_CN, facts->client_cn);
    len += put_text(value + len, TLV_TLS_CIPHER, facts->cipher);
    return put_tlv(out, TLV_TLS, value, len);
}

static size_t put_addresses(unsigned char *out, const struct proxy_header_facts *facts)
{
    unsigned char client[16] __attribute__((aligned(4)));
    unsigned char local[16] __attribute__((aligned(4)));
    bool four = take_both(facts, client, local);
    size_t size = four ? 4 : 16, from = four ? 12 : 0;

    memcpy(out, client + from, size);
    memcpy(out + size, local + from, size);
    put_number(out + 2 * size, 2, port_number(facts->client));
    put_number(out + 2 * size + 2, 2, port_number(facts->local));
    return 2 * size + 4;
}

static size_t write_version_2(unsigned char *out, const struct proxy_header_facts *facts)
{
    size_t len = FIXED_2;

    memcpy(out, SIGNATURE, sizeof(SIGNATURE));
    out[12] = facts->client != NULL ? COMMAND_PROXY : COMMAND_LOCAL;
    out[13] = FAMILY_UNSPEC;
    if (is_inet(facts->client) && is_inet(facts->local)) {
        len += put_addresses(out + len, facts);
        out[13] = len == FIXED_2 + ADDRESSES_4 ? FAMILY_TCP4 : FAMILY_TCP6;
    }
    len += put_text(out + len, TLV_ALPN, facts->alpn);
    len += put_text(out + len, TLV_AUTHORITY, facts->server_name);
    if (facts->tls_version != NULL)
        len += put_tls(out + len, facts);
    len += put_tlv(out + len, TLV_CRC32C, "\0\0\0", 4);
    put_number(out + 14, 2, (uint32_t)(len - FIXED_2));
    put_number(out + len - 4, 4, crc32c(out, len));
    return len;
}

size_t proxy_header_write(unsigned char out[PROXY_HEADER_MAX], enum proxy_version version,
    const struct proxy_header_facts *facts)
{
    return version == PROXY_VERSION_1 ? write_version_1(out, facts)
                                      : write_version_2(out, facts);
}
