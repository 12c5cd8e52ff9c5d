#include "proxy/master/disk_look.h"

#include <stdlib.h>

#include "proxy/base/memory.h"
#include "proxy/master/plan.h"
#include "proxy/master/revocations.h"

static void destroy(struct disk_look *look)
{
    plan_free(look->plan);
    revocations_free(look->revocations);
    findings_destroy(&look->findings);
    free(look);
}

static void on_look(struct work *work)
{
    struct disk_look *look = container_of(work, struct disk_look, work);

    look->plan = plan_try(look->config_path, look->optional, &look->findings, &look->err);
    revocations_read(look->revocations);
}

static void on_looked(struct work *work)
{
    struct disk_look *look = container_of(work, struct disk_look, work);

    look->done = true;
    if (look->abandoned)
        destroy(look);
    else
        look->looked(look);
}

struct disk_look *disk_look_begin(struct task_queue *tasks, const char *config_path,
    bool optional, const struct plan *served, void (*looked)(struct disk_look *look),
    void *owner)
{
    struct disk_look *look = memory_new(sizeof(*look));

    look->work = (struct work){.run = on_look, .done = on_looked};
    look->config_path = config_path;
    look->optional = optional;
    look->revocations = served != NULL ? revocations_of(served) : NULL;
    look->looked = looked;
    look->owner = owner;
    findings_init(&look->findings);
    task_queue_add(tasks, &look->work);
    return look;
}

void disk_look_end(struct disk_look *look)
{
    if (look == NULL)
        return;
    look->abandoned = true;
    if (look->done)
        destroy(look);
}
