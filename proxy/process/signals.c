#include "proxy/process/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "config/error.h"

enum { BATCH = 8 };

/* The descriptor only says that there are some: reading it may fail for ever. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    static const struct timespec at_once = {0}, pause = {.tv_nsec = 10 * 1000 * 1000};
    struct signals *s = poll->data;
    int number = 0;

    (void)status, (void)events;
    for (int i = 0; i < BATCH && number >= 0; i++) {
        number = sigtimedwait(&s->set, NULL, &at_once);
        if (number > 0)
            s->caught(s->owner, number);
    }
    /* They stay pending, and we are told of them again: not a thousand times a second. */
    if (number < 0 && errno != EAGAIN && errno != EINTR)
        nanosleep(&pause, NULL);
}

bool signals_catch(struct signals *s, uv_loop_t *loop, const int *numbers, size_t count,
    struct error *err)
{
    sigemptyset(&s->set);
    for (size_t i = 0; i < count; i++) {
        signal(numbers[i], SIG_DFL); /* whatever we inherited */
        sigaddset(&s->set, numbers[i]);
    }
    s->fd = signalfd(-1, &s->set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0)
        return error_set(err, "signals: %s", strerror(errno));
    int result = uv_poll_init(loop, &s->poll, s->fd);
    if (result != 0)
        return error_set(err, "signals: %s", uv_strerror(result));
    if (sigprocmask(SIG_BLOCK, &s->set, NULL) != 0)
        return error_set(err, "signals: %s", strerror(errno));
    s->poll.data = s;
    uv_poll_start(&s->poll, UV_READABLE, on_readable);
    return true;
}

void signals_destroy(struct signals *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}
