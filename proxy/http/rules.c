#include "proxy/http/rules.h"

#include <string.h>

#include "proxy/http/chars.h"
#include "proxy/http/connection.h"
#include "proxy/http/field_name.h"
#include "proxy/http/lines.h"
#include "proxy/http/second_opinion.h"
#include "proxy/http/target.h"

enum { LENGTH_DIGITS_MAX = 19 };

/* The fields that rules are about, found in one pass. */
struct index {
    const struct field *first[FIELD_IDS];
    unsigned count[FIELD_IDS];
    uint8_t traits; /* of any field */
};

static void index_fields(struct index *index, const struct head *head)
{
    *index = (struct index){0};
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];
        if (index->count[field->id]++ == 0)
            index->first[field->id] = field;
        if ((field->traits & TRAIT_ALIAS) != 0)
            index->traits |= field->traits;
    }
}

static bool repeats_single_field(const struct index *index)
{
    static const uint8_t single[] = {
        FIELD_AUTHORIZATION, FIELD_CONTENT_TYPE, FIELD_EXPECT, FIELD_SOAPACTION};

    for (size_t i = 0; i < sizeof(single); i++) {
        if (index->count[single[i]] > 1)
            return true;
    }
    return false;
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

/* RFC 9112, 6.1 to 6.3. Equal repeated lengths are refused like different ones. */
static enum refusal judge_framing(struct head *head, const struct index *index)
{
    const struct field *length = index->first[FIELD_CONTENT_LENGTH];
    const struct field *coding = index->first[FIELD_TRANSFER_ENCODING];

    head->has_length = length != NULL;
    head->length = 0;
    head->body = BODY_NONE;
    if ((index->traits & TRAIT_FRAMING) != 0)
        return REFUSE_FIELD_ALIAS;
    if (length != NULL && coding != NULL)
        return REFUSE_LENGTH_AND_CODING;
    if (index->count[FIELD_CONTENT_LENGTH] > 1)
        return REFUSE_LENGTH_TWICE;
    if (index->count[FIELD_TRANSFER_ENCODING] > 1)
        return REFUSE_CODING_TWICE;
    if (length != NULL && !read_length(&head->length, length->value))
        return REFUSE_LENGTH;
    if (coding != NULL && head->minor == 0)
        return REFUSE_CODING_1_0;
    if (coding != NULL && !span_is_token(coding->value, "chunked"))
        return REFUSE_CODING;
    if (coding != NULL)
        head->body = BODY_CHUNKED;
    else if (head->length > 0)
        head->body = BODY_LENGTH;
    return ACCEPTED;
}

static bool names_websocket(const struct index *index)
{
    return index->count[FIELD_UPGRADE] == 1 &&
        span_is_token(index->first[FIELD_UPGRADE]->value, "websocket");
}

static enum refusal judge_connection(
    struct head *head, const struct index *index, struct connection_options *options)
{
    enum refusal refusal = ACCEPTED;

    *options = (struct connection_options){0};
    if (index->count[FIELD_CONNECTION] > 0)
        refusal = connection_read(options, head);
    head->keep_alive = !options->close && (head->minor > 0 || options->keep_alive);
    return refusal;
}

static enum refusal judge_expect(struct head *head, const struct index *index)
{
    const struct field *expect = index->first[FIELD_EXPECT];

    head->expect_continue = false;
    /* RFC 9110, 10.1.1: one in HTTP/1.0 is ignored. */
    if (expect == NULL || head->minor == 0)
        return ACCEPTED;
    if (!span_is_token(expect->value, "100-continue"))
        return REFUSE_EXPECT;
    head->expect_continue = head->body != BODY_NONE;
    return ACCEPTED;
}

static enum refusal judge_host(
    struct head *head, const struct index *index, struct authority *host)
{
    const struct field *field = index->first[FIELD_HOST];

    head->host = (struct span){NULL, 0};
    if (index->count[FIELD_HOST] > 1)
        return REFUSE_HOST_TWICE;
    if (field == NULL)
        return head->minor > 0 ? REFUSE_HOST_MISSING : ACCEPTED;
    if (!authority_parse(host, field->value))
        return REFUSE_HOST;
    head->host = field->value;
    return ACCEPTED;
}

#define TRY(step)                                                                        \
    do {                                                                                 \
        enum refusal refusal_ = (step);                                                  \
        if (refusal_ != ACCEPTED)                                                        \
            return refusal_;                                                             \
    } while (0)

enum refusal rules_judge_request(struct head *head, char *text, size_t len)
{
    struct index index;
    struct connection_options options;
    struct authority host;

    TRY(lines_split_request(head, (struct span){text, len}));
    head->status = 0;
    head->reason = (struct span){NULL, 0};
    if (span_is(head->method, "CONNECT"))
        return REFUSE_CONNECT;
    index_fields(&index, head);
    TRY(judge_framing(head, &index));
    TRY(judge_host(head, &index, &host));
    if (repeats_single_field(&index))
        return REFUSE_FIELD_TWICE;
    TRY(judge_connection(head, &index, &options));
    TRY(judge_expect(head, &index));
    TRY(second_opinion_request(head, text, len));
    head->upgrade = options.upgrade && names_websocket(&index) && head->minor > 0 &&
        head->body == BODY_NONE && span_is(head->method, "GET");
    return target_judge(head, text, &host);
}

/* RFC 9112, 6.3: replies that have no body, whatever their fields say. One that announces
 * a body all the same is refused where HTTP forbids the announcement. */
static enum refusal judge_reply_body(struct head *head, const struct question *question)
{
    bool interim = head->status < 200;

    if ((interim || head->status == 204) && head->body != BODY_NONE)
        return REFUSE_BODY_FORBIDDEN;
    if (interim || head->status == 204 || head->status == 304 || question->is_head)
        head->body = BODY_NONE;
    else if (head->body == BODY_NONE && !head->has_length)
        head->body = BODY_TO_END;
    if (head->body == BODY_TO_END)
        head->keep_alive = false;
    return ACCEPTED;
}

enum refusal rules_judge_response(
    struct head *head, const char *text, size_t len, struct question question)
{
    struct index index;
    struct connection_options options;

    TRY(lines_split_response(head, (struct span){text, len}));
    head->method = head->target = head->host = (struct span){NULL, 0};
    head->expect_continue = false;
    index_fields(&index, head);
    TRY(judge_framing(head, &index));
    TRY(judge_connection(head, &index, &options));
    TRY(second_opinion_response(head, text, len));
    head->upgrade = head->status == 101 && question.upgrade && options.upgrade &&
        names_websocket(&index);
    if (head->status == 101 && !head->upgrade)
        return REFUSE_SWITCHED;
    return judge_reply_body(head, &question);
}
