#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "proxy/session/balancer.h"

static struct endpoint endpoint(uint16_t port)
{
    struct endpoint e = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&e.address;

    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    endpoint_describe(&e);
    return e;
}

#define LINE(number) (&(struct balancer_line){.connect = (number), .weight = 1})

/* One address a `connect` line, ports from 1. */
static struct balancer *balanced(enum balance balance, uint16_t count)
{
    struct balancer *balancer = balancer_new(balance, 0);

    for (uint16_t i = 0; i < count; i++) {
        struct endpoint e = endpoint((uint16_t)(i + 1));

        assert_true(balancer_set_addresses(balancer, LINE(i), &e, 1));
    }
    return balancer;
}

static struct balancer *balancer_of(uint16_t count)
{
    return balanced(BALANCE_FIRST, count);
}

static int port_of(const struct backend_address *address)
{
    return address == NULL
        ? 0
        : ntohs(((const struct sockaddr_in *)&address->endpoint.address)->sin_port);
}

static struct backend_address *choose(struct balancer *balancer, uint64_t now)
{
    struct balancer_tried tried = {0};
    bool trial;

    return balancer_choose(balancer, &tried, 0, now, &trial);
}

static void backends_are_tried_in_order_each_once(void **state)
{
    struct balancer *balancer = balancer_of(3), *none = balancer_new(BALANCE_FIRST, 0);
    struct balancer_tried tried = {0};
    bool trial;

    (void)state;
    for (int port = 1; port <= 3; port++)
        assert_int_equal(port_of(balancer_choose(balancer, &tried, 0, 0, &trial)), port);
    assert_null(balancer_choose(balancer, &tried, 0, 0, &trial));
    assert_null(choose(none, 0));
    balancer_free(balancer);
    balancer_free(none);
}

static void a_failed_backend_is_the_last_resort_until_a_probe_connects(void **state)
{
    struct balancer *balancer = balancer_of(2);
    struct backend_address *first = balancer_at(balancer, 0);
    struct balancer_tried tried = {0};
    bool trial;

    (void)state;
    assert_true(balancer_failed(first, FAULT_NOT_CONNECTED, "down", 5000, 100));
    assert_int_equal(port_of(balancer_choose(balancer, &tried, 0, 101, &trial)), 2);
    assert_ptr_equal(balancer_choose(balancer, &tried, 0, 101, &trial), first);
    assert_false(trial);
    assert_null(balancer_next_probe(balancer, 5099));
    assert_ptr_equal(balancer_next_probe(balancer, 5100), first);
    assert_null(balancer_next_probe(balancer, 5100)); /* one at a time */
    assert_int_equal(port_of(choose(balancer, 5100)), 2);
    assert_false(balancer_failed(first, FAULT_NOT_CONNECTED, "down", 5000, 10000));
    assert_null(balancer_next_probe(balancer, 14999));
    assert_ptr_equal(balancer_next_probe(balancer, 15000), first);
    assert_true(balancer_connected(first, 0));
    assert_ptr_equal(choose(balancer, 15000), first);
    balancer_free(balancer);
}

static void a_backend_that_closed_without_a_reply_gets_one_request_as_its_trial(
    void **state)
{
    struct balancer *balancer = balancer_of(2);
    struct backend_address *first = balancer_at(balancer, 0);
    struct balancer_tried tried = {0};
    bool trial;

    (void)state;
    assert_true(balancer_failed(first, FAULT_NO_REPLY, "down", 5000, 0));
    assert_false(balancer_connected(first, 0)); /* a connection proves nothing */
    assert_int_equal(port_of(choose(balancer, 4999)), 2);
    assert_null(balancer_next_probe(balancer, 5000));
    assert_ptr_equal(balancer_choose(balancer, &tried, 0, 5000, &trial), first);
    assert_true(trial);
    assert_int_equal(port_of(choose(balancer, 5000)), 2);
    balancer_trial_ended(first, 6000); /* its client went away */
    assert_ptr_equal(choose(balancer, 6000), first);
    assert_false(balancer_failed(first, FAULT_NO_REPLY, "down", 5000, 7000));
    assert_int_equal(port_of(choose(balancer, 11999)), 2);
    assert_ptr_equal(choose(balancer, 12000), first);
    assert_true(balancer_replied(first, 0));
    assert_false(balancer_replied(first, 0));
    balancer_free(balancer);
}

static void only_all_backends_down_is_all_down(void **state)
{
    struct balancer *balancer = balancer_of(2);
    struct balancer_tried tried = {0};

    (void)state;
    balancer_failed(balancer_at(balancer, 0), FAULT_NO_REPLY, "down", 5000, 0);
    assert_false(balancer_all_down(balancer));
    assert_true(balancer_has_choice(balancer, &tried));
    balancer_failed(balancer_at(balancer, 1), FAULT_NOT_CONNECTED, "down", 5000, 0);
    assert_true(balancer_all_down(balancer));
    assert_null(balancer_next_probe(balancer, 5000)); /* requests try them all */
    assert_false(balancer_has_choice(balancer, &tried));
    balancer_free(balancer);
}

static void new_addresses_take_the_place_of_their_line(void **state)
{
    struct balancer *balancer = balancer_of(3);
    struct endpoint fresh[] = {endpoint(7), endpoint(2), endpoint(7)};
    struct balancer_tried tried = {0};
    struct backend_address *gone = balancer_at(balancer, 0);
    bool trial;

    (void)state;
    backend_address_ref(gone); /* like a connection */
    balancer_failed(balancer_at(balancer, 1), FAULT_NOT_CONNECTED, "down", 5000, 0);
    (void)balancer_choose(balancer, &tried, 0, 0, &trial);
    assert_true(balancer_set_addresses(balancer, LINE(1), fresh, 3));
    assert_int_equal(balancer_count(balancer), 4);
    assert_int_equal(port_of(balancer_at(balancer, 0)), 1);
    assert_int_equal(port_of(balancer_at(balancer, 1)), 7);
    assert_int_equal(port_of(balancer_at(balancer, 2)), 2);
    assert_false(balancer_is_up(balancer_at(balancer, 2))); /* its health is kept */
    assert_int_equal(port_of(balancer_at(balancer, 3)), 3);
    assert_int_equal(port_of(balancer_choose(balancer, &tried, 0, 0, &trial)), 1);
    assert_true(balancer_set_addresses(balancer, LINE(0), NULL, 0));
    assert_int_equal(port_of(balancer_at(balancer, 0)), 7);
    assert_int_equal(port_of(gone), 1);
    backend_address_unref(gone);
    balancer_free(balancer);
}

static void too_many_addresses_are_told_and_left_out(void **state)
{
    struct endpoint many[BALANCER_BACKENDS_MAX + 1];
    struct balancer *balancer = balancer_new(BALANCE_FIRST, 0);

    (void)state;
    for (uint16_t i = 0; i <= BALANCER_BACKENDS_MAX; i++)
        many[i] = endpoint((uint16_t)(i + 1));
    assert_true(balancer_set_addresses(balancer, LINE(0), many, BALANCER_BACKENDS_MAX));
    assert_false(
        balancer_set_addresses(balancer, LINE(0), many, BALANCER_BACKENDS_MAX + 1));
    assert_int_equal(balancer_count(balancer), BALANCER_BACKENDS_MAX);
    balancer_free(balancer);
}

static void a_reload_keeps_what_is_known_of_an_address(void **state)
{
    struct balancer *old = balancer_of(2), *fresh = balancer_of(3);

    (void)state;
    balancer_failed(balancer_at(old, 1), FAULT_NOT_CONNECTED, "down", 5000, 0);
    (void)balancer_next_probe(old, 5000);
    balancer_inherit(fresh, old);
    assert_true(balancer_is_up(balancer_at(fresh, 0)));
    assert_false(balancer_is_up(balancer_at(fresh, 1)));
    assert_true(balancer_is_up(balancer_at(fresh, 2)));
    assert_ptr_equal(balancer_next_probe(fresh, 5000), balancer_at(fresh, 1));
    balancer_free(old);
    balancer_free(fresh);
}

/* ---- balance ---- */

static int chosen(struct balancer *balancer, uint64_t source)
{
    struct balancer_tried tried = {0};
    bool trial;

    return port_of(balancer_choose(balancer, &tried, source, 0, &trial));
}

static void weigh(struct balancer *balancer, uint32_t line, uint32_t weight, bool backup)
{
    struct endpoint e = endpoint((uint16_t)(line + 1));
    struct balancer_line how = {line, weight, backup};

    balancer_set_addresses(balancer, &how, NULL, 0);
    balancer_set_addresses(balancer, &how, &e, 1);
}

static void turns_are_smooth_and_weighted(void **state)
{
    static const int expected[] = {1, 2, 3, 1, 1, 2, 3, 1}; /* not 1 1 2 3 */
    struct balancer *balancer = balanced(BALANCE_ROUNDROBIN, 3);

    (void)state;
    weigh(balancer, 0, 2, false);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_int_equal(chosen(balancer, 0), expected[i]);
    balancer_failed(balancer_at(balancer, 0), FAULT_NOT_CONNECTED, "down", 5000, 0);
    for (int i = 0; i < 10; i++)
        assert_int_not_equal(chosen(balancer, 0), 1);
    balancer_free(balancer);
}

static void the_least_busy_for_its_weight_is_next(void **state)
{
    struct balancer *balancer = balanced(BALANCE_LEASTCONN, 3);

    (void)state;
    weigh(balancer, 2, 10, false);
    balancer_at(balancer, 0)->active = 1;
    balancer_at(balancer, 1)->active = 2;
    balancer_at(balancer, 2)->active = 9;
    assert_int_equal(chosen(balancer, 0), 3);
    balancer_at(balancer, 2)->active = 11;
    assert_int_equal(chosen(balancer, 0), 1);
    balancer_at(balancer, 1)->active = 1;
    assert_int_not_equal(chosen(balancer, 0), chosen(balancer, 0)); /* equal backends
                                                                     * alternate */
    balancer_free(balancer);
}

static void a_client_stays_with_its_backend_whatever_happens_to_others(void **state)
{
    struct balancer *balancer = balanced(BALANCE_SOURCE, 3);
    int before[300], count[4] = {0};

    (void)state;
    weigh(balancer, 2, 2, false);
    for (uint64_t i = 0; i < 300; i++)
        count[before[i] = chosen(balancer, i * 977)]++;
    assert_in_range(count[1], 45, 105);
    assert_in_range(count[2], 45, 105);
    assert_in_range(count[3], 110, 190);
    balancer_failed(balancer_at(balancer, 1), FAULT_NOT_CONNECTED, "down", 5000, 0);
    for (uint64_t i = 0; i < 300; i++) {
        int now = chosen(balancer, i * 977);

        assert_true(before[i] == 2 ? now != 2 : now == before[i]);
    }
    balancer_free(balancer);
}

static void a_backup_serves_while_no_other_is_up(void **state)
{
    struct balancer *balancer = balancer_of(3);
    struct balancer_tried tried = {0};
    bool trial;

    (void)state;
    weigh(balancer, 0, 1, true);
    assert_int_equal(chosen(balancer, 0), 2);
    balancer_failed(balancer_at(balancer, 1), FAULT_NOT_CONNECTED, "down", 5000, 0);
    assert_int_equal(chosen(balancer, 0), 3);
    balancer_failed(balancer_at(balancer, 2), FAULT_NOT_CONNECTED, "down", 5000, 0);
    assert_int_equal(chosen(balancer, 0), 1);
    (void)balancer_choose(balancer, &tried, 0, 0, &trial);
    assert_int_equal(port_of(balancer_choose(balancer, &tried, 0, 0, &trial)), 2);
    balancer_free(balancer);
}

static void a_backend_that_is_not_open_is_nobodys_last_resort(void **state)
{
    struct balancer *balancer = balancer_of(2);

    (void)state;
    condition_drain(balancer_at(balancer, 0)->condition, true, 1);
    assert_int_equal(chosen(balancer, 0), 2);
    balancer_failed(balancer_at(balancer, 1), FAULT_NOT_CONNECTED, "down", 5000, 0);
    assert_int_equal(chosen(balancer, 0), 2); /* perhaps it is back */
    assert_true(balancer_all_down(balancer));
    condition_drain(balancer_at(balancer, 1)->condition, true, 1);
    assert_int_equal(chosen(balancer, 0), 0);
    condition_drain(balancer_at(balancer, 0)->condition, false, 1);
    assert_int_equal(chosen(balancer, 0), 1);
    balancer_free(balancer);
}

static void generations_share_what_checks_found(void **state)
{
    struct balancer *old = balancer_of(2), *fresh = balancer_of(2);
    const struct check_rules rules = {2, 2};

    (void)state;
    condition_take_check(balancer_at(old, 0)->condition, "status 500", rules, 1);
    balancer_inherit(fresh, old);
    assert_int_equal(chosen(fresh, 0), 2);
    condition_take_check(balancer_at(fresh, 0)->condition, NULL, rules, 2);
    condition_take_check(balancer_at(fresh, 0)->condition, NULL, rules, 3);
    assert_int_equal(chosen(old, 0), 1);
    balancer_free(old);
    assert_int_equal(chosen(fresh, 0), 1);
    balancer_free(fresh);
}

/* Its part of 256 requests, a quarter of slow_start after it came back. */
static int gets_when_back(enum balance balance)
{
    struct balancer *balancer = balancer_new(balance, 40000);
    struct balancer_tried tried;
    int count = 0;
    bool trial;

    for (uint16_t i = 0; i < 2; i++) {
        struct endpoint e = endpoint((uint16_t)(i + 1));

        balancer_set_addresses(balancer, LINE(i), &e, 1);
    }
    balancer_failed(balancer_at(balancer, 0), FAULT_NOT_CONNECTED, "down", 5000, 0);
    balancer_connected(balancer_at(balancer, 0), 1000);
    for (uint64_t i = 0; i < 256; i++) {
        tried = (struct balancer_tried){0};
        count += port_of(balancer_choose(balancer, &tried, i * 977, 11000, &trial)) == 1;
    }
    balancer_free(balancer);
    return count;
}

static void a_backend_that_is_back_starts_slowly_in_each_mode(void **state)
{
    (void)state;
    assert_int_equal(gets_when_back(BALANCE_FIRST), 64);
    assert_in_range(gets_when_back(BALANCE_ROUNDROBIN), 30, 64);
    assert_in_range(gets_when_back(BALANCE_LEASTCONN), 30, 64);
    assert_in_range(gets_when_back(BALANCE_SOURCE), 16, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backends_are_tried_in_order_each_once),
        cmocka_unit_test(a_failed_backend_is_the_last_resort_until_a_probe_connects),
        cmocka_unit_test(
            a_backend_that_closed_without_a_reply_gets_one_request_as_its_trial),
        cmocka_unit_test(only_all_backends_down_is_all_down),
        cmocka_unit_test(new_addresses_take_the_place_of_their_line),
        cmocka_unit_test(too_many_addresses_are_told_and_left_out),
        cmocka_unit_test(turns_are_smooth_and_weighted),
        cmocka_unit_test(the_least_busy_for_its_weight_is_next),
        cmocka_unit_test(a_client_stays_with_its_backend_whatever_happens_to_others),
        cmocka_unit_test(a_backup_serves_while_no_other_is_up),
        cmocka_unit_test(a_reload_keeps_what_is_known_of_an_address),
        cmocka_unit_test(a_backend_that_is_not_open_is_nobodys_last_resort),
        cmocka_unit_test(generations_share_what_checks_found),
        cmocka_unit_test(a_backend_that_is_back_starts_slowly_in_each_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
