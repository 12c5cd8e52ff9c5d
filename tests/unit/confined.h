/*
 * confined.h - an act of a process that has been confined, which a test makes in a child.
 */
#ifndef WLBPROXY_TESTS_CONFINED_H
#define WLBPROXY_TESTS_CONFINED_H

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* NO_FILTER: this build or kernel does not confine; the test is skipped. */
enum outcome { REFUSED, POSSIBLE, NO_FILTER, KILLED };

static inline enum outcome outcome_of(enum outcome (*act)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(act());
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status));
    return (enum outcome)WEXITSTATUS(status);
}

#endif
