#include "proxy/base/abort_log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/log.h"

static const char *doing;
static int exit_status;

/* abort() raises the signal in the thread that calls it. It is no asynchronous signal, so
 * that this handler may call any function. */
static void on_abort(int number)
{
    const char *reason = strerror(errno);

    if (doing == NULL) {
        log_error("event=aborted last_error=\"%s\"", reason);
        (void)raise(number); /* ends the process once this handler has returned */
        return;
    }
    dprintf(STDERR_FILENO, "wlbproxy: %s: %s\n", doing, reason);
    _exit(exit_status);
}

static void say_it(void)
{
    const struct sigaction action = {
        .sa_handler = on_abort, .sa_flags = (int)SA_RESETHAND};

    (void)sigaction(SIGABRT, &action, NULL);
}

void abort_log_to_log(void)
{
    doing = NULL;
    say_it();
}

void abort_log_to_terminal(const char *what, int status)
{
    doing = what;
    exit_status = status;
    say_it();
}
