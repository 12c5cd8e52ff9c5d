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

static bool receive(
    struct message *m, char buffer[CHANNEL_MESSAGE_MAX], enum message_type expected)
{
    if (channel_receive(CHANNEL_FD, m, buffer) != CHANNEL_MESSAGE)
        return false;
    message_close_fds(m);
    return m->type == expected;
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

/* A resolver reads files, as any user may, and loads libraries. */
static bool confine(const struct setup *setup, struct error *err)
{
    char how[NO_FILES_TEXT_MAX];

    if (!privileges_drop(&setup->identity, err))
        return false;
    privileges_harden();
    privileges_limit(false);
    privileges_freeze();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sandbox_exemption() == NULL)
        no_files_landlock(NO_FILES_READ_ONLY, how, sizeof(how));
    return sandbox_enter(SANDBOX_HELPER, err);
}

static bool answer_addresses(const struct message *question, struct error *err)
{
    static char body[CHANNEL_BODY_MAX];
    struct addresses addresses;
    struct message answer = {.type = MESSAGE_ADDRESSES, .body = body};

    if (!addresses_decode(&addresses, question->body, question->len))
        return error_set(err, "what was asked is no question");
    addresses.count = endpoint_resolve(addresses.connect,
        question->id == ENDPOINT_ACCEPT ? ENDPOINT_ACCEPT : ENDPOINT_CONNECT,
        addresses.list, ADDRESSES_COUNT_MAX, err);
    if (addresses.count == 0)
        return false;
    answer.len = addresses_encode(&addresses, body, sizeof(body));
    return channel_send(CHANNEL_FD, &answer);
}

int helper_main(void)
{
    char buffer[CHANNEL_MESSAGE_MAX];
    struct message m;
    struct setup setup;
    struct error err = {0};

    prctl(PR_SET_NAME, HELPER_NAME, 0, 0, 0);
    if (!receive(&m, buffer, MESSAGE_SETUP) || !setup_decode(&setup, m.body, m.len)) {
        fprintf(stderr, HELPER_NAME " is wlbproxy's own, which starts it\n");
        return NOT_ASKED;
    }
    if (!confine(&setup, &err) || !receive(&m, buffer, MESSAGE_ADDRESSES) ||
        !answer_addresses(&m, &err)) {
        refuse(&err);
        _exit(NOT_ANSWERED);
    }
    _exit(ANSWERED);
}
