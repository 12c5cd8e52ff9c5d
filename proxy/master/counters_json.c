#include "proxy/master/counters_json.h"

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
