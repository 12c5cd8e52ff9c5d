#include "proxy/master/signer_json.h"

#include "proxy/ipc/signing_stats.h"
#include "proxy/master/supervisor.h"

static json_int_t uptime(const struct supervisor *signers, const struct child *child)
{
    return (json_int_t)((uv_now(signers->loop) - child->started) / 1000);
}

static json_t *process_json(
    const struct supervisor *signers, unsigned slot, const struct signing_stats *stats)
{
    const struct child *child = signers->slots[slot].child;
    json_t *object = json_pack("{si si sb}", "signer", (int)slot, "restarts",
        (int)signers->slots[slot].restarts, "answers", stats != NULL);

    if (child != NULL)
        json_object_update_new(object,
            json_pack(
                "{si sI}", "pid", (int)child->pid, "uptime", uptime(signers, child)));
    if (stats != NULL)
        json_object_update_new(object,
            json_pack("{sI sI sI}", "signatures", (json_int_t)stats->signatures,
                "signatures_per_second", (json_int_t)stats->per_second, "queue",
                (json_int_t)stats->queued));
    return object;
}

static void add_workers(json_t *list, const struct signing_stats *stats)
{
    for (uint32_t i = 0; i < stats->worker_count; i++)
        json_array_append_new(list,
            json_pack("{sI sI sI sI sI}", "worker", (json_int_t)stats->workers[i].slot,
                "signatures", (json_int_t)stats->workers[i].signatures, "queue",
                (json_int_t)stats->workers[i].queued, "refused",
                (json_int_t)stats->workers[i].refused, "over_quota",
                (json_int_t)stats->workers[i].over_quota));
}

/* Keys are those of one process, because all have the same. */
static void add(struct signing_stats *sum, const struct signing_stats *stats)
{
    sum->signatures += stats->signatures;
    sum->refused += stats->refused;
    sum->per_second += stats->per_second;
    sum->queued += stats->queued;
    sum->lanes_offered += stats->lanes_offered;
    sum->lanes_used += stats->lanes_used;
    if (stats->queued_peak > sum->queued_peak)
        sum->queued_peak = stats->queued_peak;
    if (stats->keys > sum->keys)
        sum->keys = stats->keys;
}

static void set_sums(json_t *object, const struct signing_stats *sum)
{
    json_object_update_new(object,
        json_pack("{sI sI sI sI sI sI sI sI}", "signatures", (json_int_t)sum->signatures,
            "signatures_per_second", (json_int_t)sum->per_second, "queue",
            (json_int_t)sum->queued, "queue_peak", (json_int_t)sum->queued_peak,
            "refused", (json_int_t)sum->refused, "keys", (json_int_t)sum->keys,
            "batch_lanes_offered", (json_int_t)sum->lanes_offered, "batch_lanes_used",
            (json_int_t)sum->lanes_used));
}

static void set_first(json_t *object, const struct supervisor *signers)
{
    const struct child *child = signers->slots[0].child;

    if (child != NULL)
        json_object_update_new(object,
            json_pack("{si sI ss ss}", "pid", (int)child->pid, "uptime",
                uptime(signers, child), "crypto", child->crypto, "sandbox",
                child->sandbox));
}

json_t *signer_json(const struct supervisor *signers, struct signing_stats *const *stats)
{
    static struct signing_stats sum;
    json_t *object, *workers, *processes;
    unsigned restarts = 0, answers = 0;

    if (signers->count == 0)
        return json_null();
    object = json_object();
    workers = json_array();
    processes = json_array();
    sum = (struct signing_stats){.worker_count = 0};
    for (unsigned i = 0; i < signers->count; i++) {
        restarts += signers->slots[i].restarts;
        json_array_append_new(processes, process_json(signers, i, stats[i]));
        if (stats[i] == NULL)
            continue;
        answers++;
        add(&sum, stats[i]);
        add_workers(workers, stats[i]);
    }
    set_first(object, signers);
    json_object_update_new(object,
        json_pack("{si sb so so}", "restarts", (int)restarts, "answers",
            answers == signers->count, "processes", processes, "workers", workers));
    if (answers > 0)
        set_sums(object, &sum);
    return object;
}
