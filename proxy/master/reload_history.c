#include "proxy/master/reload_history.h"

#include "proxy/base/utf8_json.h"
#include "proxy/master/describe.h"

static const char *const names[] = {
    [RELOAD_APPLIED] = "applied",
    [RELOAD_UNCHANGED] = "unchanged",
    [RELOAD_REFUSED] = "refused",
};

void reload_history_add(struct reload_history *history, enum reload_outcome outcome,
    uint32_t generation, const struct error *refusal)
{
    struct reload_history_entry *entry =
        &history->entries[history->total % RELOAD_HISTORY_MAX];

    *entry = (struct reload_history_entry){
        .when = time(NULL), .outcome = outcome, .generation = generation};
    if (refusal != NULL)
        entry->refusal = *refusal;
    history->counts[outcome]++;
    history->total++;
}

json_t *reload_history_counts(const struct reload_history *history)
{
    json_t *counts = json_object();

    for (int i = 0; i < RELOAD_OUTCOMES; i++)
        json_object_set_new(
            counts, names[i], json_integer((json_int_t)history->counts[i]));
    return counts;
}

json_t *reload_history_json(const struct reload_history *history)
{
    json_t *list = json_array();

    for (uint64_t i = 1; i <= RELOAD_HISTORY_MAX && i <= history->total; i++) {
        const struct reload_history_entry *entry =
            &history->entries[(history->total - i) % RELOAD_HISTORY_MAX];
        json_t *object =
            json_pack("{so ss sI}", "when", describe_time(entry->when), "outcome",
                names[entry->outcome], "generation", (json_int_t)entry->generation);

        if (entry->outcome == RELOAD_REFUSED)
            json_object_set_new(object, "error", utf8_json(entry->refusal.text));
        json_array_append_new(list, object);
    }
    return list;
}
