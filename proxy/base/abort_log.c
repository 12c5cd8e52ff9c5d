#include "proxy/base/abort_log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/log.h"

static const char *doing;
static int exit_status;

/* Of abort(), so that it comes from nowhere in particular: we may do as always. */
static void on_abort(int number)
{
    const char *reason = strerror(errno);

    if (doing == NULL) {
        log_error("event=aborted last_error=\"%s\"", reason);
        (void)raise(number); /* once we return: ends us, whoever sent the first */
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
