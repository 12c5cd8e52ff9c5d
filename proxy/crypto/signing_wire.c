#include "proxy/crypto/signing_wire.h"

#include <string.h>

/* Stands before the input, or before the signature; without holes. */
struct ask_head {
    uint64_t key;
    uint32_t id;
    uint16_t scheme;
    uint16_t urgent_and_len; /* the highest bit is `urgent`, the rest the length */
};

struct answer_head {
    uint32_t id;
    uint32_t len;
};

enum { URGENT = 0x8000 };

static bool put(struct signing_writer *w, const void *head, size_t head_len,
    const unsigned char *tail, size_t tail_len)
{
    if (head_len + tail_len > sizeof(w->bytes) - w->len)
        return false;
    memcpy(w->bytes + w->len, head, head_len);
    if (tail_len > 0)
        memcpy(w->bytes + w->len + head_len, tail, tail_len);
    w->len += head_len + tail_len;
    w->count++;
    return true;
}

bool signing_put_ask(struct signing_writer *w, const struct signing_ask *ask)
{
    const struct ask_head head = {.key = ask->key,
        .id = ask->id,
        .scheme = ask->scheme,
        .urgent_and_len = (uint16_t)(ask->input_len | (ask->urgent ? URGENT : 0))};

    return ask->input_len <= SIGNING_INPUT_MAX && w->count < SIGNING_ASKS_MAX &&
        put(w, &head, sizeof(head), ask->input, ask->input_len);
}

bool signing_put_answer(struct signing_writer *w, const struct signing_answer *answer)
{
    const struct answer_head head = {.id = answer->id, .len = (uint32_t)answer->len};

    return answer->len <= SIGNING_ANSWER_MAX &&
        put(w, &head, sizeof(head), answer->signature, answer->len);
}

/* Takes a head if there is one; false at the end, too. */
static bool take_head(struct signing_reader *r, void *head, size_t len)
{
    if (r->left.len == 0)
        return false;
    r->failed = r->failed || !bytes_copy(&r->left, head, len);
    return !r->failed;
}

/* Returns the bytes behind a head; NULL if they are too long, or cut short. */
static const unsigned char *take_tail(struct signing_reader *r, size_t len, size_t most)
{
    struct bytes tail;

    r->failed = len > most || !bytes_take(&r->left, len, &tail);
    return r->failed ? NULL : tail.at;
}

bool signing_get_ask(struct signing_reader *r, struct signing_ask *ask)
{
    struct ask_head head;

    if (!take_head(r, &head, sizeof(head)))
        return false;
    *ask = (struct signing_ask){.key = head.key,
        .id = head.id,
        .scheme = head.scheme,
        .urgent = (head.urgent_and_len & URGENT) != 0,
        .input_len = head.urgent_and_len & (URGENT - 1)};
    ask->input = take_tail(r, ask->input_len, SIGNING_INPUT_MAX);
    return !r->failed;
}

bool signing_get_answer(struct signing_reader *r, struct signing_answer *answer)
{
    struct answer_head head;

    if (!take_head(r, &head, sizeof(head)))
        return false;
    *answer = (struct signing_answer){.id = head.id, .len = head.len};
    answer->signature = take_tail(r, answer->len, SIGNING_ANSWER_MAX);
    return !r->failed;
}
