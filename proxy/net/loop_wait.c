/* Sets how long the loop waits: until the next deadline, or not at all while work is
 * left. */
#include "proxy/base/list.h"
#include "proxy/net/loop.h"

static void on_again(uv_idle_t *idle)
{
    (void)idle; /* it only has to be active */
}

void loop_again(struct loop *loop)
{
    if (!uv_is_active((uv_handle_t *)&loop->again))
        uv_idle_start(&loop->again, on_again);
}

static void on_timer(uv_timer_t *timer);

static void start_timer(struct loop *loop, uint64_t wait)
{
    loop->timer_due = uv_now(&loop->uv) + wait;
    uv_timer_start(&loop->timer, on_timer, wait, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct loop *loop = container_of(timer, struct loop, timer);

    loop->timer_due = 0; /* deadlines armed meanwhile need no timer yet */
    uint64_t wait = deadlines_expire(&loop->deadlines, uv_now(&loop->uv));
    loop->timer_due = UINT64_MAX;
    if (wait != UINT64_MAX)
        start_timer(loop, wait);
}

void loop_arm(struct loop *loop, struct deadline *d, uint64_t length_ms)
{
    deadlines_arm(&loop->deadlines, d, length_ms, uv_now(&loop->uv));
    /* Most deadlines are re-armed before they are due. The timer is then left alone,
     * fires too early once, and is set anew. */
    if (d->due < loop->timer_due)
        start_timer(loop, d->due - uv_now(&loop->uv));
}

uint64_t loop_now(const struct loop *loop)
{
    return uv_now(&loop->uv);
}
