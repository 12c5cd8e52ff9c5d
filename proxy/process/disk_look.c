#include "proxy/process/disk_look.h"

#include <stdlib.h>

#include "proxy/process/plan.h"

static void destroy(struct disk_look *look)
{
    plan_free(look->plan);
    findings_destroy(&look->findings);
    free(look);
}

static void on_look(uv_work_t *work)
{
    struct disk_look *look = work->data;

    look->plan =
        plan_load(look->config_path, look->optional, &look->findings, &look->err);
}

static void on_looked(uv_work_t *work, int status)
{
    struct disk_look *look = work->data;

    (void)status;
    look->done = true;
    if (look->abandoned)
        destroy(look);
    else
        look->looked(look);
}

struct disk_look *disk_look_begin(uv_loop_t *loop, const char *config_path, bool optional,
    void (*looked)(struct disk_look *look), void *owner)
{
    struct disk_look *look = calloc(1, sizeof(*look));

    if (look == NULL)
        abort();
    look->work.data = look;
    look->config_path = config_path;
    look->optional = optional;
    look->looked = looked;
    look->owner = owner;
    findings_init(&look->findings);
    uv_queue_work(loop, &look->work, on_look, on_looked);
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
