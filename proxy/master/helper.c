#include "proxy/master/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/error.h"
#include "proxy/base/privileges.h"
#include "proxy/ipc/addresses.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/wire.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/master/helper_name.h"
#include "proxy/master/spawn.h"
#include "proxy/master/worker_environment.h"

struct helper {
    pid_t pid;
    int channel;
};

/* Its number is above those of the descriptors that the helper gets. */
static int open_this_program(void)
{
    int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    int high = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FDS) : -1;

    if (fd >= 0)
        close(fd);
    return high;
}

static int start(struct helper *helper, int program, int its_end)
{
    char *environment[WORKER_ENVIRONMENT_MAX];
    char *arguments[] = {(char *)HELPER_NAME, NULL};
    const struct spawn spawn = {
        .program_fd = program,
        .arguments = arguments,
        .environment = environment,
        .fds = {SPAWN_NULL, SPAWN_NULL, STDERR_FILENO, [CHANNEL_FD] = its_end},
    };

    worker_environment(environment);
    return spawn_process(&spawn, &helper->pid);
}

static bool begin(struct helper *helper, struct error *err)
{
    int program = open_this_program(), its_end, result;

    if (program < 0)
        return error_set(err, "/proc/self/exe: %s", strerror(errno));
    if (!channel_pair(&helper->channel, &its_end)) {
        result = errno;
        close(program);
        return error_set(err, "channel: %s", strerror(result));
    }
    result = start(helper, program, its_end);
    close(program);
    close(its_end);
    if (result == 0)
        return true;
    close(helper->channel);
    return error_set(err, "%s: %s", HELPER_NAME, strerror(result));
}

static void end(struct helper *helper)
{
    close(helper->channel);
    kill(helper->pid, SIGKILL);
    while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static bool introduce(
    const struct helper *helper, const struct identity *identity, const struct message *m)
{
    char body[SETUP_BYTES];
    const struct setup setup = {.identity = *identity};
    struct message introduction = {.type = MESSAGE_SETUP, .body = body};

    introduction.len = setup_encode(&setup, body, sizeof(body));
    return channel_send(helper->channel, &introduction) &&
        channel_send(helper->channel, m);
}

static bool receive(const struct helper *helper, struct message *answer,
    char buffer[CHANNEL_MESSAGE_MAX], int deadline_ms, struct error *err)
{
    int64_t due = clock_now_ms() + deadline_ms, now;
    struct pollfd readable = {.fd = helper->channel, .events = POLLIN};

    while ((now = clock_now_ms()) < due) {
        if (poll(&readable, 1, (int)(due - now)) <= 0)
            continue;
        switch (channel_receive(helper->channel, answer, buffer)) {
        case CHANNEL_MESSAGE:
            message_close_fds(answer);
            return true;
        case CHANNEL_CLOSED:
            return error_set(err, "%s ended without an answer", HELPER_NAME);
        case CHANNEL_AGAIN:
            break;
        }
    }
    return error_set(err, "no answer within %d s", (deadline_ms + 999) / 1000);
}

static bool ask(const struct identity *identity, const struct message *question,
    struct message *answer, char buffer[CHANNEL_MESSAGE_MAX], int deadline_ms,
    struct error *err)
{
    struct helper helper;
    bool answered;

    if (!begin(&helper, err))
        return false;
    answered = introduce(&helper, identity, question)
        ? receive(&helper, answer, buffer, deadline_ms, err)
        : error_set(err, "%s does not take the question", HELPER_NAME);
    end(&helper);
    return answered;
}

/* ---- names ---- */

static bool is_address(const struct endpoint *endpoint)
{
    return (endpoint->address.ss_family == AF_INET &&
               endpoint->len == sizeof(struct sockaddr_in)) ||
        (endpoint->address.ss_family == AF_INET6 &&
            endpoint->len == sizeof(struct sockaddr_in6));
}

/* Accepts only well-formed addresses. Their text is made here. */
static size_t take_addresses(
    const struct addresses *found, struct endpoint *list, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < found->count && count < max; i++) {
        if (!is_address(&found->list[i]))
            continue;
        list[count] = found->list[i];
        endpoint_describe(&list[count++]);
    }
    return count;
}

static void take_refusal(const struct message *answer, struct error *err)
{
    struct wire_reader r = {.left = {(const void *)answer->body, answer->len}};
    const char *sentence = wire_get_text(&r);

    error_set(err, "%s", sentence != NULL ? sentence : "no reason given");
    for (char *c = err->text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '?'; /* the text goes to a terminal */
    }
}

static size_t resolve_apart(const struct identity *identity, const char *text,
    enum endpoint_use use, struct endpoint *list, size_t max, int deadline_ms,
    struct error *err)
{
    char question[ENDPOINT_TEXT_MAX + 256], buffer[CHANNEL_MESSAGE_MAX];
    struct addresses addresses = {.connect = text};
    struct message m = {.type = MESSAGE_ADDRESSES, .id = use, .body = question}, answer;
    size_t count = 0;

    m.len = addresses_encode(&addresses, question, sizeof(question));
    if (!ask(identity, &m, &answer, buffer, deadline_ms, err)) {
        error_context(err, "the name in '%s' cannot be resolved", text);
        return 0;
    }
    if (answer.type == MESSAGE_ADDRESSES &&
        addresses_decode(&addresses, answer.body, answer.len))
        count = take_addresses(&addresses, list, max);
    if (answer.type == MESSAGE_REFUSED)
        take_refusal(&answer, err);
    else if (count == 0)
        error_set(err, "the name in '%s' resolves to no address", text);
    return count;
}

size_t helper_resolve(const struct identity *identity, const char *text,
    enum endpoint_use use, struct endpoint *list, size_t max, int deadline_ms,
    struct error *err)
{
    return endpoint_is_name(text, use)
        ? resolve_apart(identity, text, use, list, max, deadline_ms, err)
        : endpoint_resolve(text, use, list, max, err);
}
