#include "proxy/master/counters_json.h"

#include <stdio.h>

#include "proxy/base/end_reason.h"

json_t *counters_json(const struct counters *counters)
{
    json_t *object = json_object();

#define X(field, kind, name, unit, meaning)                                              \
    json_object_set_new(object, #field, json_integer((json_int_t)counters->field));
    COUNTERS(X)
#undef X
    return object;
}

json_t *ends_json(const struct counters *counters)
{
    json_t *object = json_object();

    for (int i = 0; i < END_REASON_COUNT; i++)
        json_object_set_new(object, end_reason_text((enum end_reason)i),
            json_integer((json_int_t)counters->ends[i]));
    return object;
}

json_t *states_json(const struct counters *counters)
{
    json_t *object = json_object();

    for (int i = 0; i < CLIENT_STATE_COUNT; i++)
        json_object_set_new(object, client_state_text((enum client_state)i),
            json_integer((json_int_t)counters->states[i]));
    return object;
}

/* As in Prometheus: each bound counts all durations up to it. */
static json_t *latency_json(const struct latency *latency)
{
    json_t *buckets = json_object();
    uint64_t count = 0;

    for (int i = 0; i <= LATENCY_BOUNDS; i++) {
        char bound[32] = "+Inf";

        count += latency->counts[i];
        if (i < LATENCY_BOUNDS)
            snprintf(bound, sizeof(bound), "%g", (double)latency_bounds[i] / 1000);
        json_object_set_new(buckets, bound, json_integer((json_int_t)count));
    }
    return json_pack("{sI sf so}", "count", (json_int_t)count, "sum",
        (double)latency->sum / 1000, "buckets", buckets);
}

json_t *latencies_json(const struct counters *counters)
{
    json_t *object = json_object();

#define X(field, name, meaning)                                                          \
    json_object_set_new(object, #field, latency_json(&counters->latency.field));
    LATENCIES(X)
#undef X
    return object;
}

/* Methods that occurred, with all of their codes. */
static json_t *methods_json(const struct service_counts *counts)
{
    json_t *methods = json_object();

    for (int m = 0; m < METHOD_CLASS_COUNT; m++) {
        json_t *codes = json_object();
        uint64_t all = 0;

        for (int c = 0; c < CODE_CLASS_COUNT; c++) {
            all += counts->responses[m][c];
            json_object_set_new(codes, code_class_text((enum code_class)c),
                json_integer((json_int_t)counts->responses[m][c]));
        }
        if (all > 0)
            json_object_set(methods, method_class_text((enum method_class)m), codes);
        json_decref(codes);
    }
    return methods;
}

json_t *responses_json(const struct service_counts_list *list)
{
    json_t *object = json_object();

    for (size_t i = 0; i < list->count; i++)
        json_object_set_new(
            object, list->items[i].service, methods_json(&list->items[i]));
    return object;
}

json_t *tally_json(const struct tls_counts *tally)
{
    json_t *object = json_object();

    for (size_t i = 0; i < TLS_COUNTS_LISTS; i++) {
        const struct tls_counts_list *list = &tls_counts_lists[i];
        const uint64_t *counts = tls_counts_of(tally, list);
        json_t *kinds = json_object();

        for (size_t k = 0; k < list->count; k++)
            json_object_set_new(
                kinds, list->names[k], json_integer((json_int_t)counts[k]));
        json_object_set_new(object, list->title, kinds);
    }
    return object;
}
