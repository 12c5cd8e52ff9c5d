#include "tests/fuzz/forging_hello.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned input_take(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

const uint8_t *input_take_bytes(struct input *input, size_t *len)
{
    const uint8_t *at = input->at;

    if (*len > (size_t)(input->end - input->at))
        *len = (size_t)(input->end - input->at);
    input->at += *len;
    return at;
}

static void put_number(struct buffer *to, uint64_t value, size_t len)
{
    while (len-- > 0) {
        unsigned char byte = (unsigned char)(value >> 8 * len);

        buffer_append(to, &byte, 1);
    }
}

static struct buffer *add(
    struct forging_hello *hello, uint16_t type, const char *body, size_t len)
{
    struct forging_extension *extension;

    if (hello->count == FORGING_EXTENSIONS_MAX)
        return NULL;
    extension = &hello->extensions[hello->count++];
    /* Its place may have been another's. */
    *extension = (struct forging_extension){.type = type};
    buffer_append(&extension->body, body, len);
    return &extension->body;
}
#define ADD(hello, type, text) add(hello, type, text, sizeof(text) - 1)

static void add_share(struct forging_hello *hello)
{
    const struct key_exchange_group *group = forging_group(hello->group);
    unsigned char public[KEY_EXCHANGE_PUBLIC_MAX];
    struct buffer *body = ADD(hello, 51, "");

    key_exchange_encode(group, forging_key(hello->group), public);
    put_number(body, group->public_len + 4, 2);
    put_number(body, hello->group, 2);
    put_number(body, group->public_len, 2);
    buffer_append(body, public, group->public_len);
}

/* Plans a valid hello. */
void forging_hello_plan(struct forging_hello *hello, struct input *input)
{
    static const uint16_t groups[] = {29, 23, 24, 29};
    static const char *const suites[] = {"\x13\1\xc0\x2f\xc0\x2b",
        "\x13\2\xc0\x30\xc0\x2c", "\x13\3\xcc\xa8\xcc\xa9", "\x13\2\xc0\x2b\xc0\x2f"};
    unsigned mode = input_take(input), more = input_take(input);

    memset(hello, 0, sizeof(*hello));
    hello->tls12 = mode & 1;
    hello->resumes = mode & 2;
    hello->group = groups[mode >> 2 & 3];
    buffer_append(&hello->suites, suites[mode >> 4 & 3], 6);
    hello->bytewise = mode & 0x40;
    hello->wrong_binder = mode & 0x80;
    hello->has_id = more & 2;
    if (more & 1)
        ADD(hello, 0, "\0\x0e\0\0\x0bwlb.example");
    ADD(hello, 10, "\0\6\0\x1d\0\x17\0\x18");
    if (more & 4)
        ADD(hello, 11, "\1\0");
    if (more & 8)
        ADD(hello, 13, "\0\x08\4\3\5\3\x08\4\4\1");
    else
        ADD(hello, 13, "\0\6\x08\4\x08\5\4\1");
    if (!(more & 0x10))
        ADD(hello, 23, "");
    if (more & 0x20)
        ADD(hello, 16, "\0\x09\x08http/1.1");
    if (more & 0x40)
        ADD(hello, 0xff01, "\0");
    if (hello->tls12) {
        ADD(hello, 35, "");
        return;
    }
    ADD(hello, 43, "\4\3\4\3\3");
    ADD(hello, 45, "\1\1");
    add_share(hello);
}

void forging_hello_destroy(struct forging_hello *hello)
{
    for (size_t i = 0; i < hello->count; i++)
        buffer_destroy(&hello->extensions[i].body);
    buffer_destroy(&hello->suites);
}

/* Changes it in one respect. */
void forging_hello_bend(struct forging_hello *hello, struct input *input)
{
    unsigned what = input_take(input) % 8, which = input_take(input),
             value = input_take(input);
    struct forging_extension *at =
        &hello->extensions[hello->count > 0 ? which % hello->count : 0];
    size_t len = value % 24;
    const uint8_t *bytes;

    if (hello->count == 0)
        return;
    switch (what) {
    case 0: /* a byte of a body */
        len = input_take(input);
        if (len < buffer_len(&at->body))
            ((char *)at->body.bytes)[at->body.start + len] = (char)value;
        break;
    case 1:
        buffer_destroy(&at->body);
        memmove(
            at, at + 1, (size_t)(hello->extensions + --hello->count - at) * sizeof(*at));
        break;
    case 2: /* twice */
        add(hello, at->type, buffer_data(&at->body), buffer_len(&at->body));
        break;
    case 3:
        which = which << 8 | input_take(input);
        bytes = input_take_bytes(input, &len);
        add(hello, (uint16_t)which, (const char *)bytes, len);
        break;
    case 4: { /* another place */
        struct forging_extension other = hello->extensions[value % hello->count];

        hello->extensions[value % hello->count] = *at;
        *at = other;
        break;
    }
    case 5: /* another body */
        bytes = input_take_bytes(input, &len);
        buffer_clear(&at->body);
        buffer_append(&at->body, bytes, len);
        break;
    case 6:
        bytes = input_take_bytes(input, &len);
        if (which & 1)
            buffer_clear(&hello->suites);
        buffer_append(&hello->suites, bytes, len & ~(size_t)1);
        break;
    default:
        put_number(&at->body, value, 1 + which % 3);
    }
}

bool forging_hello_may_resume(const struct forging_hello *hello)
{
    for (size_t i = 0; i < hello->count; i++) {
        const struct buffer *body = &hello->extensions[i].body;

        if (hello->extensions[i].type == 45 && buffer_len(body) > 1)
            return memchr(buffer_data(body) + 1, 1, buffer_len(body) - 1) != NULL;
    }
    return false;
}

static void put_ticket(struct buffer *to, const struct forging_session *session)
{
    size_t binder = forging_digest_len(session->suite);

    put_number(to, 41, 2);
    put_number(to, 2 + 2 + session->ticket_len + 4 + 2 + 1 + binder, 2);
    put_number(to, 2 + session->ticket_len + 4, 2);
    put_number(to, session->ticket_len, 2);
    buffer_append(to, session->ticket, session->ticket_len);
    put_number(to, session->age_add, 4);
    put_number(to, 1 + binder, 2);
    put_number(to, binder, 1);
    for (size_t i = 0; i < binder; i++)
        put_number(to, 0, 1);
}

static void put_extensions(struct buffer *to, const struct forging_hello *hello,
    const struct forging_session *session)
{
    for (size_t i = 0; i < hello->count; i++) {
        const struct forging_extension *extension = &hello->extensions[i];
        bool is_ticket = session != NULL && !session->tls13 && extension->type == 35;
        const void *body = is_ticket ? (const void *)session->ticket
                                     : (const void *)buffer_data(&extension->body);
        size_t len = is_ticket ? session->ticket_len : buffer_len(&extension->body);

        put_number(to, extension->type, 2);
        put_number(to, len, 2);
        buffer_append(to, body, len);
    }
    if (session != NULL && session->tls13)
        put_ticket(to, session);
}

static void set_number(struct buffer *in, size_t at, size_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)in->bytes)[in->start + at + i] =
            (unsigned char)(value >> 8 * (len - 1 - i));
}

void forging_hello_write(struct buffer *to, const struct forging_hello *hello,
    const struct forging_session *session)
{
    size_t extensions_at, binder, id = hello->has_id || session != NULL ? 32 : 0;

    put_number(to, 1, 1);
    put_number(to, 0, 3);
    put_number(to, 0x0303, 2);
    for (unsigned i = 0; i < RANDOM_12; i++)
        put_number(to, i, 1);
    put_number(to, id, 1);
    for (unsigned i = 0; i < id; i++)
        put_number(to, 0x40 + i, 1);
    put_number(to, buffer_len(&hello->suites), 2);
    buffer_append(to, buffer_data(&hello->suites), buffer_len(&hello->suites));
    put_number(to, 0x0100, 2);
    put_number(to, 0, 2);
    extensions_at = buffer_len(to);
    put_extensions(to, hello, session);
    set_number(to, extensions_at - 2, buffer_len(to) - extensions_at, 2);
    set_number(to, 1, buffer_len(to) - 4, 3);
    if (session == NULL || !session->tls13)
        return;
    binder = forging_digest_len(session->suite);
    forging_binder(session, (const unsigned char *)buffer_data(to),
        buffer_len(to) - binder - 3,
        (unsigned char *)to->bytes + to->start + buffer_len(to) - binder);
    if (hello->wrong_binder)
        ((unsigned char *)to->bytes)[to->start + buffer_len(to) - 1] ^= 1;
}
