/* The parts of a ClientHello that are read, and hellos that are left to OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/base/buffer.h"
#include "proxy/tls/native/hello.h"

enum { FIRST_GROUP = 0x0100, GROUPS = 10, KEY_SHARES = 51 };

static void put(struct buffer *to, size_t value, size_t len)
{
    while (len-- > 0) {
        const unsigned char byte = (unsigned char)(value >> 8 * len);

        buffer_append(to, &byte, 1);
    }
}

static void put_vector(struct buffer *to, struct buffer *vector, size_t len_bytes)
{
    put(to, buffer_len(vector), len_bytes);
    buffer_append(to, buffer_data(vector), buffer_len(vector));
    buffer_destroy(vector);
}

static void put_extension(struct buffer *to, size_t type, struct buffer *list)
{
    put(to, type, 2);
    put(to, buffer_len(list) + 2, 2);
    put_vector(to, list, 2);
}

/* So many shares of one byte, each of a group of its own. */
static bool reads_shares(size_t count)
{
    struct buffer message = {0}, body = {0}, extensions = {0}, groups = {0}, shares = {0};
    struct hello hello;

    put(&body, 0x0303, 2);
    for (size_t i = 0; i < CLIENT_HELLO_RANDOM; i++)
        put(&body, i, 1);
    put(&body, 0, 1); /* session id */
    put(&body, 2, 2);
    put(&body, 0x1301, 2);
    put(&body, 0x0100, 2); /* no compression */
    for (size_t i = 0; i < count; i++) {
        put(&groups, FIRST_GROUP + i, 2);
        put(&shares, FIRST_GROUP + i, 2);
        put(&shares, 0x0001aa, 3);
    }
    put_extension(&extensions, GROUPS, &groups);
    put_extension(&extensions, KEY_SHARES, &shares);
    put_vector(&body, &extensions, 2);
    put(&message, 1, 1);
    put_vector(&message, &body, 3);
    bool read = hello_read(
        &hello, (const unsigned char *)buffer_data(&message), buffer_len(&message));
    buffer_destroy(&message);
    return read;
}

/* Each is compared with the groups and with earlier ones: for the 2,000 that fit into a
 * record that would take longer than a handshake. */
static void shares_are_few(void **state)
{
    (void)state;
    assert_true(reads_shares(1));
    assert_true(reads_shares(16));
    assert_false(reads_shares(17));
    assert_false(reads_shares(2000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
