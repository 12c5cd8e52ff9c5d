/* Drained backends: the names that a request may use, and the list that workers get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "proxy/base/error.h"
#include "proxy/master/drained.h"
#include "proxy/master/plan.h"
#include "proxy/master/supervisor.h"

static struct supervisor nobody; /* no workers */
static struct plan plan;
static struct plan_service services[2];
static struct snapshot_backend backends[3];
static struct settings *settings;

/* [soap] has two backends, [rest] one, which [soap] has as well. */
static int begin(void **state)
{
    static const char *const texts[] = {
        "10.0.0.5:8013", "10.0.0.6:8013", "10.0.0.5:8013"};
    struct error err;

    (void)state;
    settings = settings_parse("[soap]\naccept = 1\n[rest]\naccept = 2\n", "f", &err);
    assert_non_null(settings);
    for (size_t i = 0; i < 3; i++)
        snprintf(
            backends[i].endpoint.text, sizeof(backends[i].endpoint.text), "%s", texts[i]);
    services[0] = (struct plan_service){.backends = backends, .backend_count = 2};
    services[1] = (struct plan_service){.backends = backends + 2, .backend_count = 1};
    plan = (struct plan){.settings = settings, .services = services};
    return 0;
}

static int end(void **state)
{
    (void)state;
    settings_free(settings);
    return 0;
}

static void a_backend_is_found_by_what_is_clear(void **state)
{
    static const struct {
        const char *service, *address, *found_service, *found_address;
    } cases[] = {
        {"soap", "10.0.0.6:8013", "soap", "10.0.0.6:8013"},
        {NULL, "10.0.0.6:8013", "soap", "10.0.0.6:8013"},
        {"rest", NULL, "rest", "10.0.0.5:8013"},
        {"rest", "10.0.0.5:8013", "rest", "10.0.0.5:8013"},
    };
    struct named_backend found;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(
            drained_find(&plan, cases[i].service, cases[i].address, &found, &err));
        assert_string_equal(found.service, cases[i].found_service);
        assert_string_equal(found.address, cases[i].found_address);
    }
}

static void an_unclear_name_is_refused_in_words(void **state)
{
    static const struct {
        const char *service, *address, *words;
    } cases[] = {
        {"sopa", NULL, "there is no service 'sopa'; did you mean 'soap'?"},
        {"xyzzy", NULL, "there is no service 'xyzzy'; `wlbproxy backend` lists all"},
        {"soap", NULL, "service soap has 2 backends: name one by its address"},
        {"soap", "10.0.0.6:8012",
            "there is no backend '10.0.0.6:8012'; did you mean '10.0.0.6:8013'?"},
        {NULL, "10.0.0.6:801",
            "there is no backend '10.0.0.6:801'; did you mean '10.0.0.6:8013'?"},
        {NULL, "10.0.0.5:8013",
            "several services have the backend 10.0.0.5:8013: name the service, too"},
        {NULL, NULL, "there are several services: name one, or an address"},
        {"rest", "unix:/run/x",
            "there is no backend 'unix:/run/x'; `wlbproxy backend` lists all"},
    };
    struct named_backend found;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_false(
            drained_find(&plan, cases[i].service, cases[i].address, &found, &err));
        assert_string_equal(err.text, cases[i].words);
    }
}

static void the_list_follows_the_word_and_the_plan(void **state)
{
    static struct drained drained = {.workers = &nobody};
    const struct named_backend first = {"soap", "10.0.0.5:8013"},
                               other = {"soap", "10.0.0.6:8013"};
    struct error err;
    bool changed;

    (void)state;
    assert_true(drained_set(&drained, &first, true, &changed, &err) && changed);
    assert_true(drained_set(&drained, &first, true, &changed, &err) && !changed);
    assert_true(drained_set(&drained, &other, true, &changed, &err) && changed);
    assert_true(drained_since(&drained, "soap", "10.0.0.5:8013") > 0);
    assert_int_equal(drained_since(&drained, "rest", "10.0.0.5:8013"), 0);
    assert_true(drained_set(&drained, &first, false, &changed, &err) && changed);
    assert_true(drained_set(&drained, &first, false, &changed, &err) && !changed);
    drained_update(&drained, &plan);
    assert_int_equal(drained.backends.count, 1);
    services[0].backend_count = 1; /* it is not configured any more */
    drained_update(&drained, &plan);
    assert_int_equal(drained.backends.count, 0);
    drained_inherit(&drained, "soap", "10.0.0.5:8013", 7);
    drained_inherit(&drained, "soap", "10.0.0.5:8013", 8);
    assert_int_equal(drained_since(&drained, "soap", "10.0.0.5:8013"), 7);
}

static void as_many_as_there_is_room_for_can_be_drained(void **state)
{
    static struct drained drained = {.workers = &nobody};
    struct named_backend one = {"soap", NULL};
    struct error err;
    char address[40];
    bool changed;

    (void)state;
    one.address = address;
    for (int i = 0; i < DRAINED_BACKENDS_MAX; i++) {
        snprintf(address, sizeof(address), "10.0.0.5:%d", i + 1);
        assert_true(drained_set(&drained, &one, true, &changed, &err));
    }
    snprintf(address, sizeof(address), "10.0.0.6:1");
    assert_false(drained_set(&drained, &one, true, &changed, &err));
    assert_string_equal(err.text, "there are 200 drained backends already");
}

static void a_list_arrives_as_it_was_sent_or_not_at_all(void **state)
{
    static struct drained_backends list, got;
    static char bytes[60 * 1024];
    size_t len;

    (void)state;
    list.count = DRAINED_BACKENDS_MAX;
    for (size_t i = 0; i < list.count; i++) {
        memset(list.list[i].service, 's', sizeof(list.list[i].service) - 1);
        memset(list.list[i].address, 'a', sizeof(list.list[i].address) - 1);
    }
    len = drained_backends_encode(&list, bytes, sizeof(bytes));
    assert_in_range(len, 1, sizeof(bytes));
    assert_true(drained_backends_decode(&got, bytes, len));
    assert_memory_equal(&list, &got, sizeof(list));
    for (size_t cut = 0; cut < len; cut += 97)
        assert_false(drained_backends_decode(&got, bytes, cut));
    list.count = 0;
    len = drained_backends_encode(&list, bytes, sizeof(bytes));
    assert_true(drained_backends_decode(&got, bytes, len));
    assert_int_equal(got.count, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_backend_is_found_by_what_is_clear),
        CASE(an_unclear_name_is_refused_in_words),
        CASE(the_list_follows_the_word_and_the_plan),
        CASE(as_many_as_there_is_room_for_can_be_drained),
        CASE(a_list_arrives_as_it_was_sent_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
