#include "proxy/master/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/base/privileges.h"
#include "proxy/base/sandbox.h"
#include "proxy/base/utf8_json.h"
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

/* Ours is a terminal, perhaps, and a helper may say anything. */
static int stderr_of_helper(void)
{
    return sandbox_exemption() == NULL ? SPAWN_NULL : STDERR_FILENO;
}

static int start(struct helper *helper, int program, int its_end)
{
    char *environment[WORKER_ENVIRONMENT_MAX];
    char *arguments[] = {(char *)HELPER_NAME, NULL};
    const struct spawn spawn = {
        .program_fd = program,
        .arguments = arguments,
        .environment = environment,
        .fds = {SPAWN_NULL, SPAWN_NULL, stderr_of_helper(), [CHANNEL_FD] = its_end},
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

/* ---- what it says ---- */

enum helper_progress { HELPER_GOES_ON, HELPER_ANSWERED, HELPER_FAILED };

void helper_text(char *out, size_t size, const char *text)
{
    size_t len = 0, n;

    for (; *text != '\0'; text += n) {
        bool shown;

        n = utf8_character(text);
        shown = n > 0 && !log_is_control(text, n);
        n = n > 0 ? n : 1;
        if (len + n + 1 > size)
            break;
        memcpy(out + len, shown ? text : "????", n);
        len += n;
    }
    out[len] = '\0';
}

static void take_refusal(const struct message *refusal, struct error *err)
{
    struct wire_reader r = {.left = {(const void *)refusal->body, refusal->len}};
    const char *sentence = wire_get_text(&r);

    helper_text(err->text, sizeof(err->text),
        sentence != NULL && *sentence != '\0' ? sentence : "no reason given");
}

/* Adds the message's part; a refusal's reason becomes err. */
static enum helper_progress take_part(
    struct helper_answer *answer, const struct message *m, struct error *err)
{
    if (m->type == MESSAGE_REFUSED) {
        take_refusal(m, err);
        answer->refused = true;
        return HELPER_FAILED;
    }
    if (m->type != MESSAGE_ANSWER || m->len > HELPER_ANSWER_MAX - answer->len) {
        error_set(err, "what %s says is no answer", HELPER_NAME);
        return HELPER_FAILED;
    }
    memcpy(answer->bytes + answer->len, m->body, m->len);
    answer->len += m->len;
    return m->id == 0 ? HELPER_ANSWERED : HELPER_GOES_ON;
}

static enum helper_progress receive_part(
    const struct helper *helper, struct helper_answer *answer, struct error *err)
{
    char buffer[CHANNEL_MESSAGE_MAX];
    enum helper_progress progress = HELPER_GOES_ON;
    struct message m;

    switch (channel_receive(helper->channel, &m, buffer)) {
    case CHANNEL_MESSAGE:
        message_close_fds(&m);
        progress = take_part(answer, &m, err);
        explicit_bzero(buffer, sizeof(buffer));
        break;
    case CHANNEL_CLOSED:
        error_set(err, "%s ended without an answer", HELPER_NAME);
        return HELPER_FAILED;
    case CHANNEL_AGAIN:
        break;
    }
    return progress;
}

static bool receive(const struct helper *helper, struct helper_answer *answer,
    int deadline_ms, struct error *err)
{
    int64_t due = clock_now_ms() + deadline_ms, now;
    struct pollfd readable = {.fd = helper->channel, .events = POLLIN};
    enum helper_progress progress = HELPER_GOES_ON;

    while (progress == HELPER_GOES_ON && (now = clock_now_ms()) < due) {
        if (poll(&readable, 1, (int)(due - now)) > 0)
            progress = receive_part(helper, answer, err);
    }
    if (progress == HELPER_GOES_ON)
        return error_set(err, "no answer within %d s", (deadline_ms + 999) / 1000);
    return progress == HELPER_ANSWERED;
}

bool helper_ask(const struct identity *identity, const struct message *question,
    struct helper_answer *answer, int deadline_ms, struct error *err)
{
    struct helper helper = {.channel = -1};
    bool answered;

    *answer = (struct helper_answer){0};
    if (!begin(&helper, err))
        return false;
    answer->bytes = memory_resize(NULL, HELPER_ANSWER_MAX, 1);
    answered = introduce(&helper, identity, question)
        ? receive(&helper, answer, deadline_ms, err)
        : error_set(err, "%s does not take the question", HELPER_NAME);
    end(&helper);
    if (!answered)
        helper_answer_destroy(answer);
    return answered;
}

void helper_answer_destroy(struct helper_answer *answer)
{
    if (answer->bytes != NULL)
        explicit_bzero(answer->bytes, answer->len);
    free(answer->bytes);
    answer->bytes = NULL;
    answer->len = 0;
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

static size_t resolve_apart(const struct identity *identity, const char *text,
    enum endpoint_use use, struct endpoint *list, size_t max, int deadline_ms,
    struct error *err)
{
    char question[ENDPOINT_TEXT_MAX + 256];
    struct addresses addresses = {.connect = text};
    struct message m = {.type = MESSAGE_ADDRESSES, .id = use, .body = question};
    struct helper_answer answer;
    size_t count = 0;

    m.len = addresses_encode(&addresses, question, sizeof(question));
    if (!helper_ask(identity, &m, &answer, deadline_ms, err)) {
        if (!answer.refused)
            error_context(err, "the name in '%s' cannot be resolved", text);
        return 0;
    }
    if (addresses_decode(&addresses, answer.bytes, answer.len))
        count = take_addresses(&addresses, list, max);
    helper_answer_destroy(&answer);
    if (count == 0)
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
