#include "proxy/master/counters_json.h"

#include "proxy/base/end_reason.h"

json_t *counters_json(const struct counters *counters)
{
    json_t *object = json_object();

#define X(field, name)                                                                   \
    json_object_set_new(object, name, json_integer((json_int_t)counters->field));
    COUNTERS(X)
#undef X
    json_object_set_new(
        object, "connections", json_integer((json_int_t)counters->clients));
    json_object_set_new(object, "handshakes_in_progress",
        json_integer((json_int_t)counters->handshakes_in_progress));
    return object;
}

json_t *ends_json(const struct counters *counters)
{
    json_t *object = json_object();

    for (int i = 0; i < END_REASON_COUNT; i++) {
        if (counters->ends[i] > 0)
            json_object_set_new(object, end_reason_text((enum end_reason)i),
                json_integer((json_int_t)counters->ends[i]));
    }
    return object;
}

void counters_add(struct counters *sum, const struct counters *one)
{
#define X(field, name) sum->field += one->field;
    COUNTERS(X)
#undef X
    sum->clients += one->clients;
    sum->handshakes_in_progress += one->handshakes_in_progress;
    for (int i = 0; i < END_REASON_COUNT; i++)
        sum->ends[i] += one->ends[i];
    tls_counts_add(&sum->tls, &one->tls);
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
