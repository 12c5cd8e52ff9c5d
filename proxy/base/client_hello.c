#include "proxy/base/client_hello.h"

enum { HOST_NAME = 0 /* the only type of a name (RFC 6066, 3) */ };

/* `body`: the message without its header of four bytes. */
static bool read_body(struct client_hello *hello, struct bytes body)
{
    uint32_t version;
    bool whole = bytes_number(&body, 2, &version);

    hello->legacy_version = (uint16_t)version;
    whole &= bytes_take(&body, CLIENT_HELLO_RANDOM, &hello->random);
    whole &= bytes_vector(&body, 1, &hello->session_id);
    whole &= bytes_vector(&body, 2, &hello->suites);
    whole &= bytes_vector(&body, 1, &hello->compressions);
    whole &= bytes_vector(&body, 2, &hello->extensions);
    hello->rest = body;
    return whole;
}

bool client_hello_read_message(struct client_hello *hello, struct bytes message)
{
    uint32_t type;
    struct bytes body;
    bool whole = bytes_number(&message, 1, &type) && type == CLIENT_HELLO_TYPE;

    if (!whole) {
        *hello = (struct client_hello){0};
        return false;
    }
    whole = bytes_vector(&message, 3, &body);
    return read_body(hello, body) && whole;
}

bool client_hello_next_extension(struct bytes *rest, uint16_t *type, struct bytes *body)
{
    uint32_t number;
    bool whole = bytes_number(rest, 2, &number);

    *type = (uint16_t)number;
    return bytes_vector(rest, 2, body) && whole;
}

bool client_hello_host_name(struct bytes body, struct bytes *name)
{
    struct bytes list;
    uint32_t type;

    return bytes_are_vector(body, 2, &list) && bytes_number(&list, 1, &type) &&
        type == HOST_NAME && bytes_are_vector(list, 2, name) &&
        name->len <= CLIENT_HELLO_NAME_MAX && !bytes_have(*name, '\0');
}

bool client_hello_is_grease(uint32_t value)
{
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}
