#include "proxy/http/parser.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/memory.h"
#include "proxy/http/chars.h"
#include "proxy/http/chunked_decode.h"
#include "proxy/http/lines.h"
#include "proxy/http/message.h"
#include "proxy/http/rules.h"
#include "proxy/http/scan.h"

enum { INTERIM_MAX = 32 };

enum stage { AWAIT_HEAD, IN_BODY, FAILED };

struct parser {
    enum parser_kind kind;
    enum stage stage;
    enum refusal refusal;
    size_t max_head;
    struct message *message; /* from the first byte of a head to PARSE_DONE */
    struct scan scan;
    struct chunked chunked;
    uint64_t left; /* BODY_LENGTH: bytes still to come */
    uint8_t skipped; /* bytes of the one empty line that may precede a request */
    uint8_t interims;
    bool first_line_judged; /* a head in pieces: its first line is judged once */
    bool expecting; /* responses: a request waits for one */
    bool refused_says_head;
    struct question question;
};

struct parser *parser_new(enum parser_kind kind, const struct parser_limits *limits)
{
    struct parser *p = memory_new(sizeof(*p));

    p->kind = kind;
    p->max_head = limits->max_head;
    return p;
}

void parser_free(struct parser *p)
{
    if (p == NULL)
        return;
    message_release(p->message);
    free(p);
}

void parser_expect_response(struct parser *p, bool to_head_request, bool upgrade_asked)
{
    assert(p->kind == PARSER_RESPONSE && p->stage != IN_BODY);
    p->question = (struct question){to_head_request, upgrade_asked};
    p->expecting = true;
    p->interims = 0;
}

static bool says_head(const struct message *m)
{
    static const char method[] = "HEAD ";
    size_t len = sizeof(method) - 1;

    return m != NULL && m->len >= len && memcmp(m->text, method, len) == 0;
}

static enum parse_result refuse(struct parser *p, enum refusal refusal)
{
    if (p->stage == AWAIT_HEAD) {
        p->refused_says_head = says_head(p->message);
        message_release(p->message);
        p->message = NULL;
    }
    p->stage = FAILED;
    p->refusal = refusal;
    return PARSE_ERROR;
}

static void advance(const char **bytes, size_t *len, size_t used)
{
    *bytes += used;
    *len -= used;
}

/* RFC 9112, 2.2: one CRLF before a request is accepted, for old clients. */
static enum refusal skip_empty_line(struct parser *p, const char **bytes, size_t *len)
{
    static const char empty[] = "\r\n";

    while (*len > 0 && p->skipped < 2 && **bytes == empty[p->skipped]) {
        p->skipped++;
        advance(bytes, len, 1);
    }
    if (*len == 0 || (p->skipped != 1 && **bytes != '\r' && **bytes != '\n'))
        return ACCEPTED;
    if (p->skipped == 1)
        return REFUSE_BARE_CR;
    return p->skipped == 2 ? REFUSE_EMPTY_LINES : REFUSE_BARE_LF;
}

/* Refuses TLS, SSH and other binary data at the first byte, which no head begins with. */
static enum refusal begin_head(struct parser *p, const char **bytes, size_t *len)
{
    if (p->kind == PARSER_RESPONSE) {
        if (!p->expecting)
            return REFUSE_UNASKED;
        if (**bytes != 'H')
            return REFUSE_STATUS_LINE;
    } else {
        enum refusal refusal = skip_empty_line(p, bytes, len);
        if (refusal != ACCEPTED || *len == 0)
            return refusal;
        if (!char_is(**bytes, CHAR_TOKEN))
            return REFUSE_METHOD_SYNTAX;
    }
    p->message = message_acquire();
    p->scan = (struct scan){0};
    p->first_line_judged = false;
    return ACCEPTED;
}

static enum refusal too_long(const struct parser *p)
{
    const struct message *m = p->message;

    if (p->kind == PARSER_RESPONSE || memchr(m->text, '\n', m->len) != NULL)
        return REFUSE_HEAD_LONG;
    return memchr(m->text, ' ', m->len) != NULL ? REFUSE_TARGET_LONG
                                                : REFUSE_METHOD_SYNTAX;
}

/* Called before the rest has come: a client of HTTP/0.9 sends only this line, and a peer
 * without a status line may send for ever. */
static enum refusal judge_first_line(struct parser *p)
{
    struct message *m = p->message;

    if (memchr(m->text, '\n', m->len) == NULL)
        return ACCEPTED;
    p->first_line_judged = true;
    return lines_split_first(
        &m->head, p->kind == PARSER_REQUEST, (struct span){m->text, m->len});
}

/* Of a refused head, too, the beginning is kept: it may say HEAD. */
static enum refusal gather_head(struct parser *p, const char **bytes, size_t *len)
{
    struct message *m = p->message;
    size_t room = p->max_head - m->len, used = *len < room ? *len : room;
    enum refusal refusal = scan_bytes(&p->scan, *bytes, used, &used);

    message_append(m, *bytes, used);
    if (refusal != ACCEPTED)
        return refusal;
    advance(bytes, len, used);
    if (!p->scan.complete && !p->first_line_judged)
        refusal = judge_first_line(p);
    if (refusal != ACCEPTED)
        return refusal;
    return !p->scan.complete && m->len == p->max_head ? too_long(p) : ACCEPTED;
}

static enum refusal judge_head(struct parser *p)
{
    struct message *m = p->message;

    if (p->kind == PARSER_REQUEST)
        return rules_judge_request(&m->head, m->text, m->len);
    enum refusal refusal = rules_judge_response(&m->head, m->text, m->len, p->question);
    if (refusal != ACCEPTED || m->head.status >= 200 || m->head.status == 101)
        return refusal;
    return ++p->interims > INTERIM_MAX ? REFUSE_INTERIM : ACCEPTED;
}

static enum parse_result next_head(struct parser *p, const char **bytes, size_t *len)
{
    enum refusal refusal = ACCEPTED;

    if (*len == 0)
        return PARSE_NEED_INPUT;
    if (p->message == NULL)
        refusal = begin_head(p, bytes, len);
    if (refusal == ACCEPTED && p->message != NULL)
        refusal = gather_head(p, bytes, len);
    if (refusal != ACCEPTED)
        return refuse(p, refusal);
    if (p->message == NULL || !p->scan.complete)
        return PARSE_NEED_INPUT;

    refusal = judge_head(p);
    if (refusal != ACCEPTED)
        return refuse(p, refusal);
    p->stage = IN_BODY;
    p->left = p->message->head.length;
    chunked_init(&p->chunked);
    return PARSE_HEAD;
}

static enum parse_result end_message(struct parser *p)
{
    unsigned status = p->message->head.status;

    if (status >= 200 || status == 101)
        p->expecting = false;
    message_release(p->message);
    p->message = NULL;
    p->skipped = 0;
    p->stage = AWAIT_HEAD;
    return PARSE_DONE;
}

static enum parse_result next_plain(struct parser *p, uint64_t left, const char **bytes,
    size_t *len, const char **body, size_t *body_len)
{
    if (left == 0)
        return end_message(p);
    if (*len == 0)
        return PARSE_NEED_INPUT;
    *body = *bytes;
    *body_len = *len < left ? *len : (size_t)left;
    p->left = left - *body_len;
    advance(bytes, len, *body_len);
    return PARSE_BODY;
}

static enum parse_result next_chunked(struct parser *p, const char **bytes, size_t *len,
    const char **body, size_t *body_len)
{
    enum refusal refusal;

    switch (chunked_next(&p->chunked, bytes, len, body, body_len, &refusal)) {
    case CHUNKED_BODY:
        return PARSE_BODY;
    case CHUNKED_DONE:
        return end_message(p);
    case CHUNKED_REFUSED:
        return refuse(p, refusal);
    default:
        return PARSE_NEED_INPUT;
    }
}

static enum parse_result next_body(struct parser *p, const char **bytes, size_t *len,
    const char **body, size_t *body_len)
{
    assert(p->message != NULL);
    switch (p->message->head.body) {
    case BODY_LENGTH:
        return next_plain(p, p->left, bytes, len, body, body_len);
    case BODY_CHUNKED:
        return next_chunked(p, bytes, len, body, body_len);
    case BODY_TO_END:
        return next_plain(p, UINT64_MAX, bytes, len, body, body_len);
    default:
        return end_message(p);
    }
}

enum parse_result parser_next(struct parser *p, const char **bytes, size_t *len,
    const char **body, size_t *body_len)
{
    *body = NULL;
    *body_len = 0;
    switch (p->stage) {
    case AWAIT_HEAD:
        return next_head(p, bytes, len);
    case IN_BODY:
        return next_body(p, bytes, len, body, body_len);
    default:
        return PARSE_ERROR;
    }
}

static bool body_may_end(const struct parser *p)
{
    assert(p->message != NULL);
    switch (p->message->head.body) {
    case BODY_TO_END:
    case BODY_NONE:
        return true;
    case BODY_LENGTH:
        return p->left == 0;
    default:
        return p->chunked.state == CHUNKED_END;
    }
}

bool parser_is_idle(const struct parser *p)
{
    return p->stage == AWAIT_HEAD && p->message == NULL && p->skipped != 1;
}

enum parse_result parser_end(struct parser *p)
{
    if (p->stage == FAILED)
        return PARSE_ERROR;
    if (p->stage == IN_BODY)
        return body_may_end(p) ? end_message(p) : refuse(p, REFUSE_CUT);
    return parser_is_idle(p) ? PARSE_NEED_INPUT : refuse(p, REFUSE_CUT);
}

const struct head *parser_head(const struct parser *p)
{
    assert(p->message != NULL);
    return &p->message->head;
}

bool parser_says_head(const struct parser *p)
{
    return p->refused_says_head || says_head(p->message);
}

const char *parser_error(const struct parser *p)
{
    return refusal_text(p->refusal);
}

unsigned parser_error_status(const struct parser *p)
{
    return refusal_status(p->refusal);
}
