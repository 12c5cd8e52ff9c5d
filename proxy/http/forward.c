#include "proxy/http/forward.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "proxy/base/buffer.h"
#include "proxy/http/chars.h"
#include "proxy/http/date.h"
#include "proxy/http/field_name.h"
#include "proxy/http/scan.h"

/* Writes bytes into room that was reserved for the worst case. */
struct pen {
    char *at, *end;
};

static void write_span(struct pen *pen, struct span span)
{
    assert(span.len <= (size_t)(pen->end - pen->at));
    if (span.len > 0)
        memcpy(pen->at, span.text, span.len);
    pen->at += span.len;
}

#define LITERAL(text) ((struct span){"" text, sizeof(text) - 1})
#define WRITE(pen, text) write_span(pen, LITERAL(text))

static struct span as_span(const char *text)
{
    return (struct span){text, strlen(text)};
}

static void write_field(struct pen *pen, struct span name, struct span value)
{
    write_span(pen, name);
    WRITE(pen, ": ");
    write_span(pen, value);
    WRITE(pen, "\r\n");
}

static void write_number(struct pen *pen, uint64_t number)
{
    char digits[20];
    size_t first = sizeof(digits);

    do
        digits[--first] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    write_span(pen, (struct span){digits + first, sizeof(digits) - first});
}

static void write_length(struct pen *pen, uint64_t length)
{
    WRITE(pen, "Content-Length: ");
    write_number(pen, length);
    WRITE(pen, "\r\n");
}

static bool is_named(const struct field *field, const char *name)
{
    return field->name.len == strlen(name) &&
        strncasecmp(field->name.text, name, field->name.len) == 0;
}

/* The fields of a trusted proxy that are believed. Other such fields it may have passed
 * on from its client unchecked. */
static bool is_kept(const struct field *field)
{
    return is_named(field, "X-Forwarded-Proto") || is_named(field, "X-Forwarded-Host") ||
        is_named(field, "X-Forwarded-Port");
}

static void write_request_fields(
    struct pen *pen, const struct head *head, enum forward_facts facts)
{
    unsigned dropped = TRAIT_HOP | TRAIT_CERT;

    if (facts != FORWARD_AS_IT_CAME)
        dropped |= TRAIT_FORWARDED;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];

        if ((field->traits & dropped) == 0 || (facts == FORWARD_BOTH && is_kept(field)))
            write_field(pen, field->name, field->value);
    }
}

static void write_fields(struct pen *pen, const struct head *head, unsigned dropped)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];
        if ((field->traits & dropped) == 0)
            write_field(pen, field->name, field->value);
    }
}

/* "192.0.2.7" or "2001:db8::1", without a zone, which means nothing on another
 * machine. */
static struct span client_address(const char *ip)
{
    return (struct span){ip, strcspn(ip, "%")};
}

/* Lists the values of all fields of this name in the head, with a comma after them: our
 * own value comes last (RFC 9110, 5.3). */
static void begin_list(struct pen *pen, const struct head *head,
    const struct forward_request *how, const char *name)
{
    write_span(pen, as_span(name));
    WRITE(pen, ": ");
    for (size_t i = 0; how->facts == FORWARD_BOTH && i < head->field_count; i++) {
        const struct field *field = &head->fields[i];

        if (!is_named(field, name) || field->value.len == 0)
            continue;
        write_span(pen, field->value);
        WRITE(pen, ", ");
    }
}

/* Writes our own value unless a trusted proxy has sent one. */
static void write_unless_told(struct pen *pen, const struct head *head,
    const struct forward_request *how, const char *name, struct span value)
{
    if (how->facts != FORWARD_BOTH || head_find(head, name).text == NULL)
        write_field(pen, as_span(name), value);
}

/* RFC 7239, 4: host contains no character that a quoted string would have to escape, see
 * authority.h. */
static void write_forwarded(struct pen *pen, const struct head *head,
    const struct forward_request *how, struct span client)
{
    bool ipv6 = memchr(client.text, ':', client.len) != NULL;

    begin_list(pen, head, how, "X-Forwarded-For");
    write_span(pen, client);
    WRITE(pen, "\r\n");
    write_unless_told(pen, head, how, "X-Forwarded-Proto", LITERAL("https"));
    if (head->host.text != NULL)
        write_unless_told(pen, head, how, "X-Forwarded-Host", head->host);
    begin_list(pen, head, how, "Forwarded");
    WRITE(pen, "for=");
    write_span(pen, ipv6 ? LITERAL("\"[") : LITERAL(""));
    write_span(pen, client);
    write_span(pen, ipv6 ? LITERAL("]\"") : LITERAL(""));
    if (head->host.text != NULL) {
        WRITE(pen, ";host=\"");
        write_span(pen, head->host);
        WRITE(pen, "\"");
    }
    WRITE(pen, ";proto=https\r\n");
    if (how->request_id != NULL)
        write_field(pen, LITERAL("X-Request-Id"), as_span(how->request_id));
    write_span(pen,
        head->minor == 0 ? LITERAL("Via: 1.0 wlbproxy\r\n")
                         : LITERAL("Via: 1.1 wlbproxy\r\n"));
}

/* A subject may contain any byte. Those that are not allowed in a field are written in
 * hexadecimal, as in RFC 4514. */
static void write_subject(struct pen *pen, const char *subject)
{
    static const char digits[] = "0123456789abcdef";

    WRITE(pen, "X-Client-Cert-Subject: ");
    for (const char *c = subject; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        char escaped[] = {'\\', digits[byte >> 4], digits[byte & 15]};
        bool plain = byte == ' ' || char_is(*c, CHAR_VISIBLE);
        write_span(pen, plain ? (struct span){c, 1} : (struct span){escaped, 3});
    }
    WRITE(pen, "\r\n");
}

static void write_certificate(struct pen *pen, const struct forward_request *how)
{
    bool verified = how->cert_subject != NULL;

    write_field(pen, LITERAL("X-Client-Cert-Verify"),
        verified ? LITERAL("SUCCESS") : LITERAL("NONE"));
    if (verified)
        write_subject(pen, how->cert_subject);
    if (how->cert_sha256 != NULL)
        write_field(pen, LITERAL("X-Client-Cert-SHA256"), as_span(how->cert_sha256));
}

/* A request of HTTP/1.0 without Host keeps its version: in 1.1 it would need a Host, and
 * we have none to give. */
static void write_request_line(struct pen *pen, const struct head *head)
{
    write_span(pen, head->method);
    WRITE(pen, " ");
    write_span(pen, head->target);
    write_span(pen,
        head->host.text != NULL ? LITERAL(" HTTP/1.1\r\n") : LITERAL(" HTTP/1.0\r\n"));
    if (head->host.text != NULL && head_find(head, "Host").text == NULL)
        write_field(pen, LITERAL("Host"), head->host);
}

/* RFC 9110, 8.6: without content these say so; IIS and others would answer 411. */
static bool expects_content(struct span method)
{
    return span_is(method, "POST") || span_is(method, "PUT") || span_is(method, "PATCH");
}

static void write_request_framing(struct pen *pen, const struct head *head)
{
    if (head->body == BODY_CHUNKED)
        WRITE(pen, "Transfer-Encoding: chunked\r\n");
    else if (head->has_length || expects_content(head->method))
        write_length(pen, head->length);
}

static void write_request_connection(
    struct pen *pen, const struct head *head, const struct forward_request *how)
{
    if (how->upgrade && head->upgrade)
        WRITE(pen, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    else if (!how->keep_alive)
        WRITE(pen, "Connection: close\r\n");
    else if (head->host.text == NULL)
        WRITE(pen, "Connection: keep-alive\r\n");
}

static size_t text_len(const char *text)
{
    return text == NULL ? 0 : strlen(text);
}

/* Returns the most bytes that all fields of a head can take with ": " and CRLF. */
static size_t fields_room(const struct head *head)
{
    size_t room = 0;

    for (size_t i = 0; i < head->field_count; i++)
        room += head->fields[i].name.len + head->fields[i].value.len + 4;
    return room;
}

enum { OWN_FIELDS_ROOM = 512 }; /* start line and our own fields, without their values */

static struct pen begin(struct buffer *out, size_t room)
{
    char *at = buffer_reserve(out, room);

    return (struct pen){at, at + room};
}

/* Checks our own head by our own rules: its only empty line is the last one, and it has
 * no stray control character. */
static void finish(struct pen *pen, struct buffer *out, const char *start)
{
    struct scan scan = {0};
    size_t len = (size_t)(pen->at - start), used = 0;
    enum refusal refusal = scan_bytes(&scan, start, len, &used);

    assert(refusal == ACCEPTED && scan.complete && used == len);
    buffer_commit(out, len);
}

struct framing forward_request(
    const struct head *head, const struct forward_request *how, struct buffer *out)
{
    struct span client = client_address(how->client_ip);
    size_t room = OWN_FIELDS_ROOM + head->method.len + head->target.len +
        fields_room(head) + 3 * head->host.len + 2 * client.len +
        text_len(how->request_id) + 3 * text_len(how->cert_subject) +
        text_len(how->cert_sha256);
    struct pen pen = begin(out, room);
    const char *start = pen.at;

    write_request_line(&pen, head);
    write_request_fields(&pen, head, how->facts);
    write_request_framing(&pen, head);
    if (how->facts != FORWARD_AS_IT_CAME)
        write_forwarded(&pen, head, how, client);
    if (how->cert_asked)
        write_certificate(&pen, how);
    write_request_connection(&pen, head, how);
    WRITE(&pen, "\r\n");
    finish(&pen, out, start);
    return (struct framing){head->body, head->length};
}

static struct framing response_framing(
    const struct head *head, const struct forward_response *how)
{
    bool chunks = how->client_keep_alive && how->client_minor > 0;

    switch (head->body) {
    case BODY_CHUNKED:
    case BODY_TO_END:
        return (struct framing){chunks ? BODY_CHUNKED : BODY_TO_END, 0};
    default:
        return (struct framing){head->body, head->length};
    }
}

/* RFC 9110, 8.6: no Content-Length in 1xx and 204. In a reply to HEAD and in 304 it is
 * the length that was not sent. */
static void write_response_framing(
    struct pen *pen, const struct head *head, const struct framing *framing)
{
    if (framing->kind == BODY_CHUNKED)
        WRITE(pen, "Transfer-Encoding: chunked\r\n");
    else if (head->has_length && head->status >= 200 && head->status != 204)
        write_length(pen, head->length);
}

/* RFC 9110, 6.6.1: a recipient that forwards a reply without Date adds the time it
 * came. */
static void write_date(struct pen *pen, const struct head *head, time_t now)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (head->fields[i].id == FIELD_DATE)
            return;
    }
    write_field(pen, LITERAL("Date"), as_span(date_text(now)));
}

static void write_response_connection(
    struct pen *pen, const struct forward_response *how, bool tunnel, bool closes)
{
    if (tunnel)
        WRITE(pen, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    else if (closes)
        WRITE(pen, "Connection: close\r\n");
    else if (how->client_minor == 0)
        WRITE(pen, "Connection: keep-alive\r\n");
}

struct framing forward_response(const struct head *head,
    const struct forward_response *how, struct buffer *out, bool *closes)
{
    struct framing framing = response_framing(head, how);
    struct pen pen = begin(out, OWN_FIELDS_ROOM + head->reason.len + fields_room(head));
    const char *start = pen.at;
    bool tunnel = how->upgrade && head->upgrade;

    if (how->to_head)
        framing = (struct framing){BODY_NONE, 0};
    *closes = !tunnel && (!how->client_keep_alive || framing.kind == BODY_TO_END);
    WRITE(&pen, "HTTP/1.1 ");
    write_number(&pen, head->status);
    WRITE(&pen, " ");
    write_span(&pen, head->reason);
    WRITE(&pen, "\r\n");
    write_fields(&pen, head, TRAIT_HOP);
    if (!tunnel)
        write_date(&pen, head, how->now);
    write_response_framing(&pen, head, &framing);
    write_response_connection(&pen, how, tunnel, *closes);
    WRITE(&pen, "\r\n");
    finish(&pen, out, start);
    return framing;
}
