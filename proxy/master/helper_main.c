#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "proxy/base/error.h"
#include "proxy/base/no_files.h"
#include "proxy/base/privileges.h"
#include "proxy/base/sandbox.h"
#include "proxy/ipc/addresses.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/wire.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/master/helper.h"
#include "proxy/master/helper_name.h"

enum { ANSWERED = 0, NOT_ANSWERED = 1, NOT_ASKED = 2 };

bool helper_is_meant(const char *argument0)
{
    return argument0 != NULL && strcmp(argument0, HELPER_NAME) == 0;
}

static bool receive(struct message *m, char buffer[CHANNEL_MESSAGE_MAX])
{
    return channel_receive(CHANNEL_FD, m, buffer) == CHANNEL_MESSAGE;
}

static void refuse(const struct error *err)
{
    char body[ERROR_TEXT_MAX + 16];
    struct wire_writer out = {.bytes = body, .capacity = sizeof(body)};
    struct message m = {.type = MESSAGE_REFUSED, .body = body};

    wire_put_text(&out, err->text);
    m.len = out.len;
    (void)channel_send(CHANNEL_FD, &m);
}

/* A resolver of names reads files, as any user may, and loads libraries. */
static bool confine(
    const struct setup *setup, const struct helper_task *task, struct error *err)
{
    bool confined = sandbox_exemption() == NULL;
    bool reads_files = task->prepare == NULL;
    char how[NO_FILES_TEXT_MAX];

    if (!reads_files)
        task->prepare();
    if (!reads_files && confined)
        no_files_empty_root(how, sizeof(how));
    if (!privileges_drop(&setup->identity, err))
        return false;
    privileges_harden();
    privileges_limit();
    privileges_freeze();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (confined)
        no_files_landlock(
            reads_files ? NO_FILES_READ_ONLY : NO_FILES, NULL, how, sizeof(how));
    return sandbox_enter(SANDBOX_HELPER, err);
}

static size_t answer_addresses(
    const struct message *question, char *out, size_t capacity, struct error *err)
{
    struct addresses addresses;

    if (!addresses_decode(&addresses, question->body, question->len)) {
        error_set(err, "what was asked is no question");
        return 0;
    }
    addresses.count = endpoint_resolve(addresses.connect,
        question->id == ENDPOINT_ACCEPT ? ENDPOINT_ACCEPT : ENDPOINT_CONNECT,
        addresses.list, ADDRESSES_COUNT_MAX, err);
    return addresses.count == 0 ? 0 : addresses_encode(&addresses, out, capacity);
}

static bool send_answer(const char *bytes, size_t len)
{
    for (size_t at = 0; at < len; at += CHANNEL_BODY_MAX) {
        const size_t left = len - at;
        const bool last = left <= CHANNEL_BODY_MAX;
        const struct message part = {.type = MESSAGE_ANSWER,
            .id = !last,
            .body = bytes + at,
            .len = last ? left : CHANNEL_BODY_MAX};

        if (!channel_send(CHANNEL_FD, &part))
            return false;
    }
    return true;
}

/* NULL: there is none. */
static const struct helper_task *task_for(
    enum message_type question, const struct helper_task *tasks, size_t count)
{
    static const struct helper_task names = {
        .question = MESSAGE_ADDRESSES, .answer = answer_addresses};

    if (question == names.question)
        return &names;
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].question == question)
            return &tasks[i];
    }
    return NULL;
}

static bool answer(const struct message *question, const struct setup *setup,
    const struct helper_task *task, struct error *err)
{
    static char out[HELPER_ANSWER_MAX];
    size_t len;

    if (task == NULL)
        return error_set(err, "what was asked is no question");
    if (!confine(setup, task, err))
        return false;
    len = task->answer(question, out, sizeof(out), err);
    return len > 0 && send_answer(out, len);
}

int helper_main(const struct helper_task *tasks, size_t count)
{
    static char buffer[CHANNEL_MESSAGE_MAX];
    struct message m;
    struct setup setup;
    struct error err = {0};

    prctl(PR_SET_NAME, HELPER_NAME, 0, 0, 0);
    if (!receive(&m, buffer) || m.type != MESSAGE_SETUP ||
        !setup_decode(&setup, m.body, m.len)) {
        fprintf(stderr, HELPER_NAME " is wlbproxy's own, which starts it\n");
        return NOT_ASKED;
    }
    if (!receive(&m, buffer) ||
        !answer(&m, &setup, task_for(m.type, tasks, count), &err)) {
        refuse(&err);
        _exit(NOT_ANSWERED);
    }
    _exit(ANSWERED);
}
