#include "bench/origin/reply.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/origin/soap.h"

static bool has_no_body(uint64_t status)
{
    return status == 204 || status == 304 || status < 200;
}

void reply_start(
    struct reply *reply, const struct plan *plan, struct slice text, char *owned)
{
    *reply = (struct reply){.plan = *plan, .text = text, .owned = owned};
    reply->size = text.text != NULL ? text.len : plan->size;
    reply->keep_alive = plan->keep_alive && !plan->close && !plan->old && !plan->is_cut &&
        plan->framing != FRAMING_CLOSE;
    if (plan->head_only || has_no_body(plan->status))
        reply->ended = true;
}

static const char *reason(uint64_t status)
{
    return status == 200 ? "OK" : status == 401 ? "Unauthorized" : "Whatever";
}

static void make_head(struct reply *reply)
{
    const struct plan *plan = &reply->plan;
    char framing[64] = "";
    char first[64] = "";
    int len;

    if (plan->framing == FRAMING_LENGTH && !has_no_body(plan->status))
        snprintf(framing, sizeof(framing), "Content-Length: %llu\r\n",
            (unsigned long long)reply->size);
    else if (plan->framing == FRAMING_CHUNKED && !has_no_body(plan->status))
        snprintf(framing, sizeof(framing), "Transfer-Encoding: chunked\r\n");
    if (plan->first != 0)
        snprintf(first, sizeof(first), "HTTP/1.1 %llu Continue\r\n\r\n",
            (unsigned long long)plan->first);
    len = snprintf(reply->frame, sizeof(reply->frame),
        "%sHTTP/1.%d %llu %s\r\nServer: Mono-HTTPAPI/1.0\r\n"
        "Content-Type: text/xml; charset=utf-8\r\n%s%s%s\r\n",
        first, plan->old ? 0 : 1, (unsigned long long)plan->status, reason(plan->status),
        plan->status == 401 ? "WWW-Authenticate: Basic realm=\"wlb\"\r\n" : "", framing,
        reply->keep_alive ? "" : "Connection: close\r\n");
    reply->piece[0] = (struct iovec){reply->frame, (size_t)len};
    reply->piece_count = 1;
    reply->head_made = true;
}

static struct slice body_at(const struct reply *reply, uint64_t offset)
{
    if (reply->text.text != NULL)
        return (struct slice){
            reply->text.text + offset, reply->text.len - (size_t)offset};
    return soap_filler(reply->size, offset);
}

static size_t smaller(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

static struct slice next_content(struct reply *reply)
{
    struct slice slice = body_at(reply, reply->sent);

    slice.len = smaller(slice.len, reply->plan.piece);
    if (reply->plan.is_cut)
        slice.len = smaller(slice.len, reply->plan.cut - reply->sent);
    reply->sent += slice.len;
    return slice;
}

static void append(struct reply *reply, const char *text, size_t len)
{
    union {
        const char *text;
        void *base; /* writev() only reads */
    } bytes = {text};

    reply->piece[reply->piece_count++] = (struct iovec){bytes.base, len};
}

static void append_content(struct reply *reply)
{
    struct slice slice = next_content(reply);
    int len;

    if (slice.len > 0 && reply->plan.framing == FRAMING_CHUNKED) {
        len = snprintf(reply->frame, sizeof(reply->frame), "%zx\r\n", slice.len);
        append(reply, reply->frame, (size_t)len);
        append(reply, slice.text, slice.len);
        append(reply, "\r\n", 2);
    } else if (slice.len > 0) {
        append(reply, slice.text, slice.len);
    }
}

static bool is_in_pieces(const struct plan *plan)
{
    return plan->framing == FRAMING_CHUNKED || plan->pause > 0 ||
        plan->piece != UINT64_MAX;
}

static bool has_content(const struct reply *reply)
{
    return reply->sent < reply->size && !reply_is_cut(reply);
}

/* Appends as much as one write takes, unless pieces are asked for. */
static void append_contents(struct reply *reply)
{
    do {
        append_content(reply);
    } while (has_content(reply) && !is_in_pieces(&reply->plan) &&
        reply->piece_count < PIECE_IOVS);
}

bool reply_is_cut(const struct reply *reply)
{
    return reply->plan.is_cut && reply->sent >= reply->plan.cut;
}

/* Head and first content leave in one write, unless they are asked for separately. */
bool reply_next(struct reply *reply)
{
    reply->piece_count = 0;
    if (!reply->head_made) {
        make_head(reply);
        if (reply->ended || reply->plan.framing == FRAMING_CHUNKED ||
            reply->plan.pause > 0)
            return true;
    }
    if (!reply->ended && !reply_is_cut(reply)) {
        if (reply->sent < reply->size) {
            append_contents(reply);
        } else {
            reply->ended = true;
            if (reply->plan.framing == FRAMING_CHUNKED)
                append(reply, "0\r\n\r\n", 5);
        }
    }
    return reply->piece_count > 0;
}

bool reply_advance(struct reply *reply, size_t written)
{
    for (int i = 0; i < reply->piece_count; i++) {
        size_t gone = smaller(written, reply->piece[i].iov_len);

        reply->piece[i].iov_base = (char *)reply->piece[i].iov_base + gone;
        reply->piece[i].iov_len -= gone;
        written -= gone;
    }
    return reply->piece[reply->piece_count - 1].iov_len == 0;
}

void reply_end(struct reply *reply)
{
    free(reply->owned);
    reply->owned = NULL;
    reply->piece_count = 0;
}
