#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/crypto.h>

#include "proxy/tls/native/schedule.h"

enum { LEN = 32 };

/* Parses 32 bytes of hexadecimal digits. */
static const unsigned char *bytes(const char *hex)
{
    static unsigned char room[4][LEN];
    static size_t next;
    unsigned char *at = room[next++ % 4];
    size_t len = 0;

    assert_int_equal(OPENSSL_hexstr2buf_ex(at, LEN, &len, hex, '\0'), 1);
    assert_int_equal(len, LEN);
    return at;
}

static void assert_derives(const struct schedule *schedule, const char *label,
    const char *messages, const char *expected)
{
    unsigned char derived[DIGEST_MAX];

    schedule_derive(schedule, label, bytes(messages), derived);
    assert_memory_equal(derived, bytes(expected), LEN);
}

/* RFC 8448, 3: transcripts up to ServerHello, the server's and the client's Finished. */
static const char after_hello[] =
    "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8";
static const char after_server[] =
    "9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13";
static const char after_client[] =
    "209145a96ee8e2a122ff810047cc952684658d6049e86429426db87c54ad143d";
static const char shared[] =
    "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d";
static const char resumption[] =
    "7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c";

static void secrets_are_the_published_ones(void **state)
{
    struct schedule schedule;

    (void)state;
    schedule_begin(&schedule, digest_find("SHA256"), NULL);
    schedule_enter(&schedule, bytes(shared), LEN);
    assert_derives(&schedule, "c hs traffic", after_hello,
        "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
    assert_derives(&schedule, "s hs traffic", after_hello,
        "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
    schedule_enter(&schedule, NULL, 0);
    assert_derives(&schedule, "c ap traffic", after_server,
        "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
    assert_derives(&schedule, "s ap traffic", after_server,
        "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
    assert_derives(&schedule, "res master", after_client, resumption);
    digest_key_wipe(&schedule.secret);
}

static void a_ticket_gives_the_published_psk(void **state)
{
    unsigned char psk[DIGEST_MAX];

    (void)state;
    schedule_psk(digest_find("SHA256"), bytes(resumption), (const void *)"\0", 2, psk);
    assert_memory_equal(psk,
        bytes("4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3"), LEN);
}

static int start(void **state)
{
    (void)state;
    digests_start();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_the_published_ones),
        cmocka_unit_test(a_ticket_gives_the_published_psk),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
