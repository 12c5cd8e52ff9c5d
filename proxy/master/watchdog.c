#include "proxy/master/watchdog.h"

#include "proxy/master/notify.h"

static void on_due(uv_timer_t *timer)
{
    const struct watchdog *watchdog = timer->data;

    if (watchdog->is_well(watchdog->owner))
        notify_send("WATCHDOG=1");
}

void watchdog_init(struct watchdog *watchdog, uv_loop_t *loop)
{
    uv_timer_init(loop, &watchdog->timer);
    watchdog->timer.data = watchdog;
}

void watchdog_begin(struct watchdog *watchdog, bool any_pid)
{
    uint64_t interval = notify_watchdog_interval(any_pid);

    if (interval > 0)
        uv_timer_start(&watchdog->timer, on_due, 0, interval);
}
