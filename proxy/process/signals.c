#include "proxy/process/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "config/error.h"

enum { BATCH = 8 };

static void on_readable(uv_poll_t *poll, int status, int events)
{
    static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    struct signals *s = poll->data;
    struct signalfd_siginfo caught[BATCH];
    ssize_t n = read(s->fd, caught, sizeof(caught));

    (void)status, (void)events;
    /* They stay pending, and we are told of them again: not a thousand times a second. */
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        nanosleep(&pause, NULL);
    for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(caught[0]); i++)
        s->caught(s->owner, (int)caught[i].ssi_signo);
}

bool signals_catch(struct signals *s, uv_loop_t *loop, const int *numbers, size_t count,
    struct error *err)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) {
        signal(numbers[i], SIG_DFL); /* whatever we inherited */
        sigaddset(&set, numbers[i]);
    }
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0)
        return error_set(err, "signals: %s", strerror(errno));
    int result = uv_poll_init(loop, &s->poll, s->fd);
    if (result != 0)
        return error_set(err, "signals: %s", uv_strerror(result));
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
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
