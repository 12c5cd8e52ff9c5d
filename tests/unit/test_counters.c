/* The counters: sorted into few kinds, summed, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/base/counters.h"
#include "proxy/base/metrics.h"
#include "proxy/base/service_counts.h"

static void counters_add_up(void **state)
{
    static struct counters sum, one;
    uint64_t *field = (uint64_t *)(void *)&one;

    (void)state;
    for (size_t i = 0; i < sizeof(one) / sizeof(*field); i++)
        field[i] = i + 1;
    counters_add(&sum, &one);
    counters_add(&sum, &one);
    assert_int_equal(sum.accepted, 2);
    assert_int_equal(
        ((uint64_t *)(void *)&sum)[sizeof(sum) / 8 - 1], sizeof(sum) / 8 * 2);
}

static void a_latency_is_in_the_first_bucket_that_holds_it(void **state)
{
    struct latency latency = {{0}, 0};

    (void)state;
    latency_add(&latency, 0);
    latency_add(&latency, 1);
    latency_add(&latency, 3);
    latency_add(&latency, 600 * 1000);
    latency_add(&latency, UINT32_MAX);
    assert_int_equal(latency.counts[0], 2);
    assert_int_equal(latency.counts[1], 0);
    assert_int_equal(latency.counts[2], 1);
    assert_int_equal(latency.counts[LATENCY_BOUNDS - 1], 1);
    assert_int_equal(latency.counts[LATENCY_BOUNDS], 1);
    assert_int_equal(latency.sum, 4 + 600 * 1000 + (uint64_t)UINT32_MAX);
}

static void clients_make_no_new_classes(void **state)
{
    static struct service_counts_list list;

    (void)state;
    assert_int_equal(method_class_of("GET", 3), METHOD_GET);
    assert_int_equal(method_class_of("GETX", 4), METHOD_OTHER);
    assert_int_equal(method_class_of("get", 3), METHOD_OTHER);
    assert_int_equal(method_class_of("", 0), METHOD_OTHER);
    service_counts_add(&list, "a", METHOD_GET, 204);
    service_counts_add(&list, "a", METHOD_GET, 0);
    service_counts_add(&list, "a", METHOD_GET, 700);
    service_counts_add(&list, "a", METHOD_POST, 599);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].responses[METHOD_GET][CODE_2XX], 1);
    assert_int_equal(list.items[0].responses[METHOD_GET][CODE_NONE], 2);
    assert_int_equal(list.items[0].responses[METHOD_POST][CODE_5XX], 1);
    assert_string_equal(method_class_text(METHOD_OTHER), "other");
    assert_string_equal(code_class_text(CODE_5XX), "5xx");
}

static void services_beyond_the_limit_are_one(void **state)
{
    static struct service_counts_list list, sum;
    char name[200];

    (void)state;
    for (int i = 0; i < 3 * SERVICE_COUNTS_MAX; i++) {
        snprintf(name, sizeof(name), "service%d", i);
        service_counts_add(&list, name, METHOD_GET, 200);
    }
    assert_int_equal(list.count, SERVICE_COUNTS_MAX);
    assert_string_equal(list.items[SERVICE_COUNTS_MAX - 1].service, "other");
    assert_int_equal(list.items[SERVICE_COUNTS_MAX - 1].responses[METHOD_GET][CODE_2XX],
        2 * SERVICE_COUNTS_MAX + 1);
    service_counts_sum(&sum, &list);
    service_counts_sum(&sum, &list);
    assert_int_equal(sum.count, SERVICE_COUNTS_MAX);
    assert_int_equal(sum.items[3].responses[METHOD_GET][CODE_2XX], 2);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    list.count = 0;
    service_counts_add(&list, name, METHOD_GET, 200);
    service_counts_add(&list, name, METHOD_GET, 200);
    assert_int_equal(list.count, 1);
}

/* OpenMetrics 1.0: the form of names, and a unit that ends them. */
static void the_table_keeps_to_the_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < metrics_count; i++) {
        const struct metric *m = &metrics[i];
        size_t len = strlen(m->name), unit = strlen(m->unit);

        assert_int_equal(strspn(m->name, "abcdefghijklmnopqrstuvwxyz_"), len);
        assert_true(len >= unit && strcmp(m->name + len - unit, m->unit) == 0);
        assert_true(len < 6 || strcmp(m->name + len - 6, "_total") != 0);
        assert_true(m->meaning[strlen(m->meaning) - 1] == '.');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(m->name, metrics[k].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_add_up),
        cmocka_unit_test(a_latency_is_in_the_first_bucket_that_holds_it),
        cmocka_unit_test(clients_make_no_new_classes),
        cmocka_unit_test(services_beyond_the_limit_are_one),
        cmocka_unit_test(the_table_keeps_to_the_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
