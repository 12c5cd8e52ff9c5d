#include "proxy/command/cert/remote.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/remedy.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/command/print.h"

extern char **environ;

enum { SILENCE_MAX = 600 * 1000 /* ms */, READ_MAX = 16 * 1024 * 1024 };

bool remote_host_check(const char *host, struct error *err)
{
    for (const char *at = host; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("@._-:[]", *at) == NULL)
            return error_set(err, "'%.80s' is not [USER@]HOST", host);
    }
    return (*host != '\0' && *host != '-') ||
        error_set(err, "'%.80s' is not [USER@]HOST", host);
}

/* Writes a part of the input, and closes the pipe behind the last one, or when nobody
 * reads any more. */
static void write_input(int *in, const char **input, size_t *len)
{
    ssize_t written = *len > 0 ? write(*in, *input, *len) : 0;

    if (written < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (written > 0) {
        *input += written;
        *len -= (size_t)written;
    }
    if (written < 0 || *len == 0) {
        (void)close(*in);
        *in = -1;
    }
}

/* Bytes that no longer fit are read all the same, so that the host is not held up. False:
 * there are no more. */
static bool read_answer(int out, struct remote_answer *answer, size_t *all)
{
    char rest[512];
    size_t room = sizeof(answer->text) - 1 - answer->len;
    ssize_t got = room > 0 ? read(out, answer->text + answer->len, room)
                           : read(out, rest, sizeof(rest));

    if (got > 0 && room > 0)
        answer->len += (size_t)got;
    *all += got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* Sends the input and reads the answer until both ends are closed. False and err: the
 * host says nothing for too long, or too much. */
static bool talk(int in, int out, const char *input, size_t len,
    struct remote_answer *answer, struct error *err)
{
    bool more = true;
    size_t all = 0;
    int ready = 1;

    (void)fcntl(in, F_SETFL, O_NONBLOCK); /* the host may answer before it reads */
    while (more && ready != 0 && all < READ_MAX) {
        struct pollfd ends[] = {{out, POLLIN, 0}, {in, POLLOUT, 0}};

        ready = poll(ends, 2, SILENCE_MAX);
        if (ready < 0) {
            more = errno == EINTR;
            continue;
        }
        if (ends[1].revents != 0)
            write_input(&in, &input, &len);
        if (ends[0].revents != 0)
            more = read_answer(out, answer, &all);
    }
    if (in >= 0)
        (void)close(in);
    (void)close(out);
    answer->text[answer->len] = '\0';
    if (ready == 0)
        return error_set(err, "nothing was heard for %d minutes", SILENCE_MAX / 60000);
    return !more ||
        error_set(err, "it answered more than %d MiB", READ_MAX / (1024 * 1024));
}

static bool start(
    const char *host, const char *command, int in[2], int out[2], pid_t *pid)
{
    char *const words[] = {"ssh", "--", (char *)host, (char *)command, NULL};
    posix_spawn_file_actions_t actions;
    int result;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
    result = posix_spawnp(pid, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    errno = result;
    return result == 0;
}

/* ssh asks for passwords and keys on the terminal by itself. */
bool remote_run(const char *host, const char *command, const char *input, size_t len,
    struct remote_answer *answer, struct error *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, status = 0;
    bool started, good;
    pid_t pid;

    *answer = (struct remote_answer){.status = 255};
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        return error_set(err, "ssh: %s", error_reason(errno));
    started = start(host, command, in, out, &pid);
    if (!started)
        error_set(err, "ssh cannot be run: %s", error_reason(errno));
    (void)close(in[0]);
    (void)close(out[1]);
    if (!started) {
        (void)close(in[1]);
        (void)close(out[0]);
        return false;
    }
    good = talk(in[1], out[0], input, len, answer, err);
    if (!good)
        (void)kill(pid, SIGTERM);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    answer->status = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    return good;
}

void remote_show(const char *host, const char *command)
{
    char *word = shell_word(command);
    char *line = memory_format("ssh %s %s", host, word);

    print_command(stdout, "  ", line);
    fflush(stdout);
    free(line);
    free(word);
}

void remote_words(const char *from, size_t from_len, char *text, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < from_len && len + 1 < size; i++) {
        unsigned char c = (unsigned char)from[i];
        bool blank = c <= ' ' || c >= 0x7f;

        if (!blank || (len > 0 && text[len - 1] != ' '))
            text[len++] = blank ? ' ' : (char)c;
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    text[len] = '\0';
}

bool remote_agreed(bool yes, const char *question, struct error *err)
{
    char line[16];

    if (yes)
        return true;
    printf("%s [y/N] ", question);
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y'))
        return true;
    return error_set(err, "nothing was changed");
}
