/* The handshake's state machine: every cell of its table against the RFCs, and handshakes
 * in each state against the table, with every type of message. */
#include "tests/unit/handshake_case.h"

#include "proxy/tls/native/machine.h"

/* RFC 5246, 7.3, and 5077, 3.1; RFC 8446, 4 and A.2. For each state the inputs that are
 * allowed, and the next state; all others are refused. */
static const struct expectation {
    enum machine_state state;
    enum machine_input input;
    enum machine_action action;
    enum machine_state next;
} expectations[] = {
    /* A full handshake of TLS 1.2, in the order of its flights. */
    {MACHINE_TLS12_AWAIT_SIGNATURE, MACHINE_KEYS_READY, MACHINE_TAKE,
        MACHINE_TLS12_AWAIT_KEY_EXCHANGE},
    {MACHINE_TLS12_AWAIT_KEY_EXCHANGE, MACHINE_CLIENT_KEY_EXCHANGE, MACHINE_TAKE,
        MACHINE_TLS12_AWAIT_SECRET},
    {MACHINE_TLS12_AWAIT_SECRET, MACHINE_KEYS_READY, MACHINE_TAKE,
        MACHINE_TLS12_AWAIT_CHANGE_CIPHER_SPEC},
    {MACHINE_TLS12_AWAIT_CHANGE_CIPHER_SPEC, MACHINE_CHANGE_CIPHER_SPEC, MACHINE_TAKE,
        MACHINE_TLS12_AWAIT_FINISHED},
    {MACHINE_TLS12_AWAIT_FINISHED, MACHINE_FINISHED, MACHINE_TAKE, MACHINE_TLS12_OPEN},
    /* A resumed handshake of TLS 1.2. */
    {MACHINE_TLS12_AWAIT_SIGNATURE, MACHINE_SESSION_RESUMED, MACHINE_TAKE,
        MACHINE_TLS12_AWAIT_CHANGE_CIPHER_SPEC},
    /* TLS 1.3. */
    {MACHINE_TLS13_AWAIT_KEYS, MACHINE_KEYS_READY, MACHINE_TAKE,
        MACHINE_TLS13_AWAIT_FINISHED},
    {MACHINE_TLS13_AWAIT_FINISHED, MACHINE_CHANGE_CIPHER_SPEC, MACHINE_IGNORE,
        MACHINE_TLS13_AWAIT_FINISHED},
    {MACHINE_TLS13_AWAIT_FINISHED, MACHINE_FINISHED, MACHINE_TAKE, MACHINE_TLS13_OPEN},
    /* Open: data, a KeyUpdate of TLS 1.3, an attempt to renegotiate in TLS 1.2. */
    {MACHINE_TLS12_OPEN, MACHINE_APPLICATION_DATA, MACHINE_TAKE, MACHINE_TLS12_OPEN},
    {MACHINE_TLS12_OPEN, MACHINE_CLIENT_HELLO, MACHINE_DECLINE, MACHINE_TLS12_OPEN},
    {MACHINE_TLS13_OPEN, MACHINE_APPLICATION_DATA, MACHINE_TAKE, MACHINE_TLS13_OPEN},
    {MACHINE_TLS13_OPEN, MACHINE_KEY_UPDATE, MACHINE_TAKE, MACHINE_TLS13_OPEN},
};

/* An alert is accepted in every state that reads. */
static bool hears_alerts(enum machine_state state)
{
    return machine_awaits(state) != MACHINE_AWAITS_KEYS;
}

static const struct expectation *expected(
    enum machine_state state, enum machine_input input)
{
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        if (expectations[i].state == state && expectations[i].input == input)
            return &expectations[i];
    }
    return NULL;
}

static void each_cell_is_what_the_rfcs_say(void **state)
{
    (void)state;
    for (int s = 0; s < MACHINE_STATES_COUNT; s++) {
        for (int i = 0; i < MACHINE_INPUTS_COUNT; i++) {
            const struct expectation *e =
                expected((enum machine_state)s, (enum machine_input)i);
            enum machine_action action =
                machine_action((enum machine_state)s, (enum machine_input)i);

            if (i == MACHINE_ALERT && hears_alerts((enum machine_state)s)) {
                assert_int_equal(action, MACHINE_TAKE);
                assert_int_equal(machine_next((enum machine_state)s, MACHINE_ALERT), s);
                continue;
            }
            assert_int_equal(action, e != NULL ? e->action : MACHINE_REFUSE);
            if (e != NULL)
                assert_int_equal(
                    machine_next((enum machine_state)s, (enum machine_input)i), e->next);
        }
    }
}

static void types_are_told_apart(void **state)
{
    (void)state;
    for (int type = 0; type < 256; type++) {
        enum machine_input message = machine_message((unsigned char)type);
        enum machine_input record = machine_record(type);

        assert_int_equal(message,
            type == 1        ? MACHINE_CLIENT_HELLO
                : type == 16 ? MACHINE_CLIENT_KEY_EXCHANGE
                : type == 20 ? MACHINE_FINISHED
                : type == 24 ? MACHINE_KEY_UPDATE
                             : MACHINE_OTHER_MESSAGE);
        assert_int_equal(record,
            type == 20       ? MACHINE_CHANGE_CIPHER_SPEC
                : type == 21 ? MACHINE_ALERT
                : type == 23 ? MACHINE_APPLICATION_DATA
                             : MACHINE_OTHER_RECORD);
    }
}

/* A refused message changes nothing: the handshake may be asked again. */
static void ask_for_each_type(enum machine_state where)
{
    struct handshake *handshake = rig.handshake;

    assert_non_null(handshake);
    assert_int_equal(handshake->machine, where);
    assert_int_equal(handshake->state, HANDSHAKE_AWAITS_CLIENT);
    for (int type = 0; type < 256; type++) {
        bool taken =
            machine_action(where, machine_message((unsigned char)type)) == MACHINE_TAKE;

        assert_int_equal(handshake_expects(handshake, (unsigned char)type, 12), taken);
        if (taken)
            continue;
        assert_int_equal(handshake->state, HANDSHAKE_FAILED);
        assert_int_equal(handshake->alert, SSL_AD_UNEXPECTED_MESSAGE);
        handshake->state = HANDSHAKE_AWAITS_CLIENT;
    }
    if (machine_action(where, MACHINE_CHANGE_CIPHER_SPEC) != MACHINE_REFUSE)
        return;
    handshake_change_cipher_spec(handshake);
    assert_int_equal(handshake->state, HANDSHAKE_FAILED);
    assert_int_equal(handshake->alert, SSL_AD_UNEXPECTED_MESSAGE);
    handshake->state = HANDSHAKE_AWAITS_CLIENT;
}

/* handshake_expects() is asked before ClientKeyExchange, ChangeCipherSpec and
 * Finished. */
static void a_handshake_of_1_2_follows_the_table(void **state)
{
    static const enum machine_state route[] = {MACHINE_TLS12_AWAIT_KEY_EXCHANGE,
        MACHINE_TLS12_AWAIT_CHANGE_CIPHER_SPEC, MACHINE_TLS12_AWAIT_FINISHED};
    struct buffer bytes = {0};
    size_t at = 0;

    (void)state;
    await_key_exchange();
    run_client();
    take_from_client(&bytes);
    for (size_t step = 0; step < 3; step++) {
        unsigned char *record = (unsigned char *)bytes.bytes + bytes.start + at;
        size_t len = RECORD_HEADER + number(record + 3, 2);

        assert_true(at + len <= buffer_len(&bytes));
        ask_for_each_type(route[step]);
        deliver(record, len);
        at += len;
    }
    assert_int_equal(rig.handshake->machine, MACHINE_TLS12_OPEN);
    settle();
    assert_done();
    buffer_destroy(&bytes);
    end();
}

static bool take_messages(
    struct handshake_output *output, const unsigned char *bytes, size_t len)
{
    (void)output, (void)bytes;
    return len > 0;
}

static bool take_keys(struct handshake_output *output, const struct handshake_keys *keys)
{
    (void)output;
    return keys->secret != NULL;
}

/* The rig has records of TLS 1.2 only, so none are written. */
static void a_handshake_of_1_3_awaits_finished_alone(void **state)
{
    (void)state;
    rig.output.messages = take_messages;
    rig.output.keys_in = rig.output.keys_out = take_keys;
    SSL_CTX_set_max_proto_version(rig.clients, TLS1_3_VERSION);
    await_answer(NULL);
    ask_for_each_type(MACHINE_TLS13_AWAIT_FINISHED);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cell_is_what_the_rfcs_say),
        cmocka_unit_test(types_are_told_apart),
        TEST(a_handshake_of_1_2_follows_the_table),
        TEST(a_handshake_of_1_3_awaits_finished_alone),
    };

    return RUN_WITH_BOTH_ENGINES(tests);
}
