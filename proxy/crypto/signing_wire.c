#include "proxy/crypto/signing_wire.h"

#include <string.h>

/* In front of the input, or of the signature; without holes. */
struct ask_head {
    uint64_t key;
    uint32_t id;
    uint16_t scheme;
    uint16_t urgent_and_len; /* the highest bit, and the rest */
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

static const unsigned char *take(struct signing_reader *r, size_t len)
{
    const unsigned char *here = r->bytes;

    if (r->failed || len > r->left) {
        r->failed = true;
        return NULL;
    }
    r->bytes += len;
    r->left -= len;
    return here;
}

static bool take_head(struct signing_reader *r, void *head, size_t len)
{
    const unsigned char *here = r->left > 0 ? take(r, len) : NULL;

    if (here != NULL)
        memcpy(head, here, len);
    return here != NULL;
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
    if (ask->input_len > SIGNING_INPUT_MAX)
        r->failed = true;
    ask->input = take(r, ask->input_len);
    return !r->failed;
}

bool signing_get_answer(struct signing_reader *r, struct signing_answer *answer)
{
    struct answer_head head;

    if (!take_head(r, &head, sizeof(head)))
        return false;
    *answer = (struct signing_answer){.id = head.id, .len = head.len};
    if (answer->len > SIGNING_ANSWER_MAX)
        r->failed = true;
    answer->signature = take(r, answer->len);
    return !r->failed;
}
