#include "proxy/master/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/error.h"

enum { BATCH = 8 };

/* Either way may fail for ever. -1: there is none, or it cannot be read. */
static int next(const struct signals *s)
{
    static const struct timespec at_once = {0};
    int number = sigtimedwait(&s->set, NULL, &at_once);
    struct signalfd_siginfo one;

    if (number < 0 && read(s->fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
        number = (int)one.ssi_signo;
    return number;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    struct signals *s = poll->data;
    int taken = 0;

    (void)status, (void)events;
    for (int number; taken < BATCH && (number = next(s)) > 0; taken++)
        s->caught(s->owner, number);
    /* It stays pending and would be reported again at once: the pause avoids a busy
     * loop. */
    if (taken == 0)
        nanosleep(&pause, NULL);
}

const int signals_early[] = {SIGHUP, SIGUSR1, SIGUSR2, 0};

void signals_hold(void)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; signals_early[i] != 0; i++)
        sigaddset(&set, signals_early[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

bool signals_catch(struct signals *s, uv_loop_t *loop, struct error *err)
{
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGCHLD};

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&s->set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        signal(numbers[i], SIG_DFL); /* independent of what we inherited */
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
