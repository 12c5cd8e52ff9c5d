#include "proxy/http/rules.h"

#include "proxy/http/authority.h"
#include "proxy/http/chars.h"
#include "proxy/http/connection.h"
#include "proxy/http/field_name.h"
#include "proxy/http/lines.h"
#include "proxy/http/second_opinion.h"
#include "proxy/http/target.h"

enum { LENGTH_DIGITS_MAX = 19 };

/* A head that is being judged: the findings so far. */
struct trial {
    struct head *head;
    char *text; /* the whole head; the rules write only to a request's */
    size_t len;
    struct question question; /* replies */
    struct field *first[FIELD_IDS];
    unsigned count[FIELD_IDS];
    bool framing_alias;
    struct connection_options options;
    struct authority host;
};

typedef enum refusal rule(struct trial *t);

static enum refusal judge(struct trial *t, rule *const rules[])
{
    enum refusal refusal = ACCEPTED;

    for (size_t i = 0; rules[i] != NULL && refusal == ACCEPTED; i++)
        refusal = rules[i](t);
    return refusal;
}

static enum refusal split_request(struct trial *t)
{
    t->head->status = 0;
    t->head->reason = (struct span){NULL, 0};
    return lines_split_request(t->head, (struct span){t->text, t->len});
}

static enum refusal split_response(struct trial *t)
{
    struct head *head = t->head;

    head->method = head->target = head->host = (struct span){NULL, 0};
    head->expect_continue = false;
    return lines_split_response(head, (struct span){t->text, t->len});
}

static enum refusal judge_method(struct trial *t)
{
    return span_is(t->head->method, "CONNECT") ? REFUSE_CONNECT : ACCEPTED;
}

static enum refusal index_fields(struct trial *t)
{
    const uint8_t framing_alias = TRAIT_FRAMING | TRAIT_ALIAS;

    for (size_t i = 0; i < t->head->field_count; i++) {
        struct field *field = &t->head->fields[i];
        if (t->count[field->id]++ == 0)
            t->first[field->id] = field;
        if ((field->traits & framing_alias) == framing_alias)
            t->framing_alias = true;
    }
    return ACCEPTED;
}

static bool read_length(uint64_t *length, struct span value)
{
    *length = 0;
    if (value.len == 0 || value.len > LENGTH_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (!char_is(value.text[i], CHAR_DIGIT))
            return false;
        *length = *length * 10 + (uint64_t)(value.text[i] - '0');
    }
    return *length <= INT64_MAX;
}

/* Equal lengths in a request are refused like different ones: RFC 9112, 6.3, allows it,
 * nginx does so, and no honest client repeats itself. For replies see
 * judge_reply_lengths(). */
static enum refusal judge_request_lengths(struct trial *t)
{
    return t->count[FIELD_CONTENT_LENGTH] > 1 ? REFUSE_LENGTH_TWICE : ACCEPTED;
}

/* A field that determines the end of the body may appear once, in one spelling. */
static enum refusal judge_framing_fields(struct trial *t)
{
    if (t->framing_alias)
        return REFUSE_FIELD_ALIAS;
    if (t->first[FIELD_CONTENT_LENGTH] != NULL &&
        t->first[FIELD_TRANSFER_ENCODING] != NULL)
        return REFUSE_LENGTH_AND_CODING;
    return t->count[FIELD_TRANSFER_ENCODING] > 1 ? REFUSE_CODING_TWICE : ACCEPTED;
}

/* Equal lengths in several fields are one length (RFC 9112, 6.3): every reader of such a
 * reply finds the same end. A list in one field is refused, because some readers ignore
 * it. */
static enum refusal judge_reply_lengths(struct trial *t)
{
    uint64_t first = 0, length;

    for (size_t i = 0, seen = 0; seen < t->count[FIELD_CONTENT_LENGTH]; i++) {
        const struct field *field = &t->head->fields[i];

        if (field->id != FIELD_CONTENT_LENGTH)
            continue;
        if (!read_length(&length, field->value))
            return REFUSE_LENGTH;
        if (seen++ == 0)
            first = length;
        else if (length != first)
            return REFUSE_LENGTHS_DIFFER;
    }
    return ACCEPTED;
}

/* The old name of "no coding" (RFC 2616, 3.6). Alone in a reply it can only mean what RFC
 * 9112, 6.3, says of every coding but chunked: the body lasts until the connection
 * ends. */
static bool names_no_coding(const struct trial *t)
{
    return t->head->status != 0 &&
        span_is_token(t->first[FIELD_TRANSFER_ENCODING]->value, "identity");
}

static enum refusal judge_framing(struct trial *t)
{
    struct head *head = t->head;
    const struct field *length = t->first[FIELD_CONTENT_LENGTH];
    const struct field *coding = t->first[FIELD_TRANSFER_ENCODING];

    head->has_length = length != NULL;
    head->length = 0;
    head->body = BODY_NONE;
    if (length != NULL && !read_length(&head->length, length->value))
        return REFUSE_LENGTH;
    if (coding != NULL && head->minor == 0)
        return REFUSE_CODING_1_0;
    if (coding != NULL && span_is_token(coding->value, "chunked"))
        head->body = BODY_CHUNKED;
    else if (coding != NULL && names_no_coding(t))
        head->body = BODY_TO_END;
    else if (coding != NULL)
        return REFUSE_CODING;
    else if (head->length > 0)
        head->body = BODY_LENGTH;
    return ACCEPTED;
}

static enum refusal judge_host(struct trial *t)
{
    struct field *field = t->first[FIELD_HOST];

    t->head->host = (struct span){NULL, 0};
    if (t->count[FIELD_HOST] > 1)
        return REFUSE_HOST_TWICE;
    if (field == NULL)
        return t->head->minor > 0 ? REFUSE_HOST_MISSING : ACCEPTED;
    if (!authority_parse(&t->host, field->value))
        return REFUSE_HOST;
    t->head->host = field->value = t->host.written;
    return ACCEPTED;
}

static enum refusal judge_single_fields(struct trial *t)
{
    for (size_t i = 0; i < t->head->field_count; i++) {
        const struct field *field = &t->head->fields[i];
        if ((field->traits & TRAIT_ONCE) != 0 && t->count[field->id] > 1)
            return REFUSE_FIELD_TWICE;
    }
    return ACCEPTED;
}

static enum refusal judge_connection(struct trial *t)
{
    enum refusal refusal = ACCEPTED;

    if (t->count[FIELD_CONNECTION] > 0)
        refusal = connection_read(&t->options, t->head);
    t->head->keep_alive =
        !t->options.close && (t->head->minor > 0 || t->options.keep_alive);
    return refusal;
}

static enum refusal judge_expect(struct trial *t)
{
    const struct field *expect = t->first[FIELD_EXPECT];

    t->head->expect_continue = false;
    /* RFC 9110, 10.1.1: in HTTP/1.0 it is ignored. */
    if (expect == NULL || t->head->minor == 0)
        return ACCEPTED;
    if (!span_is_token(expect->value, "100-continue"))
        return REFUSE_EXPECT;
    t->head->expect_continue = t->head->body != BODY_NONE;
    return ACCEPTED;
}

static enum refusal ask_llhttp_request(struct trial *t)
{
    return second_opinion_request(t->head, t->text, t->len);
}

static enum refusal ask_llhttp_response(struct trial *t)
{
    return second_opinion_response(t->head, t->text, t->len);
}

static bool names_websocket(const struct trial *t)
{
    return t->options.upgrade && t->count[FIELD_UPGRADE] == 1 &&
        span_is_token(t->first[FIELD_UPGRADE]->value, "websocket");
}

/* RFC 6455, 4.1. Any other Upgrade is ignored, as RFC 9110, 7.8, allows. */
static enum refusal judge_upgrade_asked(struct trial *t)
{
    t->head->upgrade = names_websocket(t) && t->head->minor > 0 &&
        t->head->body == BODY_NONE && span_is(t->head->method, "GET");
    return ACCEPTED;
}

static enum refusal judge_upgrade_agreed(struct trial *t)
{
    bool switched = t->head->status == 101;

    t->head->upgrade = switched && t->question.upgrade && names_websocket(t);
    return switched && !t->head->upgrade ? REFUSE_SWITCHED : ACCEPTED;
}

static enum refusal judge_target(struct trial *t)
{
    return target_judge(t->head, t->text, &t->host);
}

/* RFC 9112, 6.3: replies that have no body, whatever their fields say. A 1xx that
 * announces a body is refused: another head follows it, and its beginning would be a
 * guess. After a 204 the connection is not used again. */
static enum refusal judge_reply_body(struct trial *t)
{
    struct head *head = t->head;

    if (head->status < 200 && head->body != BODY_NONE)
        return REFUSE_BODY_FORBIDDEN;
    if (head->status < 200 || head->status == 204 || head->status == 304 ||
        t->question.is_head)
        head->body = BODY_NONE;
    else if (head->body == BODY_NONE && !head->has_length)
        head->body = BODY_TO_END;
    if (head->body == BODY_TO_END)
        head->keep_alive = false;
    return ACCEPTED;
}

/* The order matters: a rule may rely on those before it. */
static rule *const request_rules[] = {split_request, judge_method, index_fields,
    judge_framing_fields, judge_request_lengths, judge_framing, judge_host,
    judge_single_fields, judge_connection, judge_expect, ask_llhttp_request,
    judge_upgrade_asked, judge_target, NULL};

static rule *const response_rules[] = {split_response, index_fields, judge_framing_fields,
    judge_reply_lengths, judge_framing, judge_connection, ask_llhttp_response,
    judge_upgrade_agreed, judge_reply_body, NULL};

enum refusal rules_judge_request(struct head *head, char *text, size_t len)
{
    struct trial trial = {.head = head, .text = text, .len = len};

    return judge(&trial, request_rules);
}

enum refusal rules_judge_response(
    struct head *head, char *text, size_t len, struct question question)
{
    struct trial trial = {.head = head, .text = text, .len = len, .question = question};

    return judge(&trial, response_rules);
}
