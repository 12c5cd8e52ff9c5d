#include "proxy/command/cert/cert_pool.h"

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

#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/judge/xenserver.h"
#include "certstore/read/pem_text.h"
#include "config/error.h"
#include "config/remedy.h"
#include "proxy/command/command.h"
#include "proxy/command/print.h"

enum { ANSWER_MAX = 16 * 1024, COMMAND_MAX = 1024, NAME_MAX_LEN = 128 };

extern char **environ;

bool pool_host_check(const char *host, struct error *err)
{
    for (const char *at = host; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("@._-:[]", *at) == NULL)
            return error_set(err, "--to: '%.80s' is not [USER@]HOST", host);
    }
    return (*host != '\0' && *host != '-') ||
        error_set(err, "--to: '%.80s' is not [USER@]HOST", host);
}

/* --- one command over ssh
 * ---------------------------------------------------------------
 */

struct answer {
    char text[ANSWER_MAX]; /* standard output, then what was an error */
    size_t len;
    int status; /* of the command; 255: ssh itself failed */
};

/* What was sent and what came back, until both ends are closed. A host that does not read
 * does not keep us from reading. */
static void talk(int in, int out, const char *input, size_t len, struct answer *answer)
{
    char rest[512];

    while (out >= 0) {
        struct pollfd ends[] = {{out, POLLIN, 0}, {len > 0 ? in : -1, POLLOUT, 0}};
        bool is_full = answer->len + 1 >= sizeof(answer->text);
        ssize_t got;

        if (len == 0 && in >= 0) {
            (void)close(in);
            in = -1;
            ends[1].fd = -1;
        }
        if (poll(ends, 2, -1) < 0 && errno != EINTR)
            break;
        if ((ends[1].revents & (POLLOUT | POLLERR | POLLHUP)) != 0) {
            got = write(in, input, len);
            input += got > 0 ? got : 0;
            len = got > 0 ? len - (size_t)got : 0;
        }
        if ((ends[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0)
            continue;
        got = is_full ? read(out, rest, sizeof(rest))
                      : read(out, answer->text + answer->len,
                            sizeof(answer->text) - 1 - answer->len);
        if (got <= 0)
            break;
        answer->len += is_full ? 0 : (size_t)got;
    }
    if (in >= 0)
        (void)close(in);
    (void)close(out);
    answer->text[answer->len] = '\0';
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
static bool run(const char *host, const char *command, const char *input, size_t len,
    struct answer *answer, struct error *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, status = 0;
    bool started;
    pid_t pid;

    *answer = (struct answer){.status = 255};
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
    talk(in[1], out[0], input, len, answer);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    answer->status = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    return true;
}

/* --- the steps
 * --------------------------------------------------------------------------
 */

static void show(const struct pool_task *task, const char *command)
{
    char *word = shell_word(command), *line;

    if (asprintf(&line, "ssh %s %s", task->host, word) < 0)
        abort();
    print_command(stdout, "  ", line);
    fflush(stdout);
    free(line);
    free(word);
}

/* What a host says is data: one line of printable ASCII. */
static void clean(const struct answer *answer, char *text, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < answer->len && len + 1 < size; i++) {
        unsigned char c = (unsigned char)answer->text[i];
        bool blank = c <= ' ' || c >= 0x7f;

        if (!blank || (len > 0 && text[len - 1] != ' '))
            text[len++] = blank ? ' ' : (char)c;
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    text[len] = '\0';
}

static bool step(const struct pool_task *task, const char *command, const char *input,
    size_t len, struct answer *answer, struct error *err)
{
    char said[400];

    show(task, command);
    if (!run(task->host, command, input, len, answer, err))
        return false;
    if (answer->status == 0)
        return true;
    clean(answer, said, sizeof(said));
    return error_set(err, "%s: %s (exit status %d)%s%s", task->host,
        answer->status == 255 ? "ssh did not get there" : "the command failed",
        answer->status, *said != '\0' ? ": " : "", said);
}

/* "product_version: 8.2.1; ... xapi_build: 24.40.0;" */
static bool read_release(
    const char *text, enum xenserver_release *release, char version[32])
{
    const char *product = strstr(text, "product_version:");
    const char *build = strstr(text, "xapi_build:");
    unsigned major = 0, minor = 0;

    if (product != NULL &&
        sscanf(product, "product_version: %u.%u", &major, &minor) == 2 && major == 8 &&
        minor <= 2) {
        snprintf(version, 32, "product %u.%u", major, minor);
        *release = XENSERVER_8_2;
        return true;
    }
    if (build == NULL || sscanf(build, "xapi_build: %u.%u", &major, &minor) != 2)
        return false;
    snprintf(version, 32, "XAPI %u.%u", major, minor);
    *release =
        major > 24 || (major == 24 && minor >= 40) ? XENSERVER_CHAIN : XENSERVER_PEER;
    return true;
}

static bool find_release(
    const struct pool_task *task, enum xenserver_release *release, struct error *err)
{
    struct answer answer;
    char version[32], text[128];

    puts("which generation is the pool?");
    if (!step(task, "xe host-list params=software-version", NULL, 0, &answer, err))
        return false;
    if (!read_release(answer.text, release, version))
        return error_set(err,
            "%s: it does not tell its product_version and xapi_build; is it the "
            "coordinator of a pool?",
            task->host);
    snprintf(
        text, sizeof(text), "it is %s: %s", version, xenserver_release_name(*release));
    print_wrapped(stdout, "", text);
    return true;
}

static bool is_agreed(const struct pool_task *task, struct error *err)
{
    char line[16];

    if (task->yes)
        return true;
    fputs("run these commands? [y/N] ", stdout);
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y'))
        return true;
    return error_set(err, "nothing was changed");
}

struct plan_of_pool {
    char name[NAME_MAX_LEN];
    char copy[COMMAND_MAX], install[COMMAND_MAX];
    struct pem_text pem;
};

static const char sync_command[] = "xe pool-certificate-sync";
static const char switch_command[] =
    "xe pool-param-set wlb-verify-cert=true uuid=$(xe pool-list --minimal)";
static const char list_command[] = "xe pool-list params=wlb-verify-cert --minimal";

static void make_plan(
    struct plan_of_pool *plan, enum xenserver_release release, X509 *certificate)
{
    const char *install = release == XENSERVER_8_2 ? "pool-certificate-install"
                                                   : "pool-install-ca-certificate";

    xenserver_file_name(certificate, plan->name, sizeof(plan->name));
    snprintf(plan->copy, sizeof(plan->copy), "umask 077 && cat > %s", plan->name);
    snprintf(
        plan->install, sizeof(plan->install), "xe %s filename=%s", install, plan->name);
    pem_text_add_certificate(&plan->pem, certificate);
}

static void show_plan(
    const struct pool_task *task, const struct plan_of_pool *plan, X509 *certificate)
{
    char subject[256], text[400];

    certificate_subject(certificate, subject, sizeof(subject));
    snprintf(text, sizeof(text), "it is to trust %s:", subject);
    print_wrapped(stdout, "", text);
    show(task, plan->copy);
    show(task, plan->install);
    show(task, sync_command);
    show(task, switch_command);
}

/* One that is there already is as good: its name goes by its fingerprint. */
static bool install(
    const struct pool_task *task, const struct plan_of_pool *plan, struct error *err)
{
    struct answer answer;

    if (step(task, plan->install, NULL, 0, &answer, err))
        return true;
    if (answer.status == 255 ||
        (strstr(answer.text, "already exists") == NULL &&
            strstr(answer.text, "ALREADY_EXISTS") == NULL))
        return false;
    puts("it is installed already");
    return true;
}

static bool change(
    const struct pool_task *task, const struct plan_of_pool *plan, struct error *err)
{
    struct answer answer;
    char said[64];

    puts("running");
    if (!step(task, plan->copy, plan->pem.text, plan->pem.len, &answer, err) ||
        !install(task, plan, err) || !step(task, sync_command, NULL, 0, &answer, err) ||
        !step(task, switch_command, NULL, 0, &answer, err))
        return false;
    puts("is it so?");
    if (!step(task, list_command, NULL, 0, &answer, err))
        return false;
    clean(&answer, said, sizeof(said));
    return strcmp(said, "true") == 0 ||
        error_set(err, "%s: wlb-verify-cert is '%s', not true", task->host, said);
}

static bool trust(const struct pool_task *task, X509 *certificate,
    enum xenserver_release release, struct error *err)
{
    struct plan_of_pool plan = {.name = ""};
    char subject[256], text[512];
    bool done;

    make_plan(&plan, release, certificate);
    show_plan(task, &plan, certificate);
    if (task->dry_run) {
        puts("DRY RUN: nothing was changed");
        pem_text_destroy(&plan.pem);
        return true;
    }
    done = is_agreed(task, err) && change(task, &plan, err);
    pem_text_destroy(&plan.pem);
    if (!done)
        return false;
    certificate_subject(certificate, subject, sizeof(subject));
    snprintf(text, sizeof(text),
        "TRUSTED: %s verifies what WLB presents, and trusts %s (%s)", task->host, subject,
        plan.name);
    print_wrapped(stdout, "", text);
    return true;
}

static bool find_and_trust(const struct pool_task *task, struct error *err)
{
    enum xenserver_release release;
    X509 *certificate;

    if (!find_release(task, &release, err))
        return false;
    certificate = xenserver_to_install(release, task->leaf, task->chain, time(NULL));
    if (certificate == NULL)
        return error_set(err,
            "the certificate that this generation needs, the root, is not in the file; "
            "get "
            "it from the CA and name a file with the whole chain: --cert FILE");
    return trust(task, certificate, release, err);
}

int pool_trust(const struct pool_task *task)
{
    struct error err = {""};
    bool done;

    (void)signal(SIGPIPE, SIG_IGN); /* a host that hangs up is told of */
    done = find_and_trust(task, &err);
    if (!done)
        print_failure("cert export-for-pool", false, err.text);
    return done ? EXIT_DONE : EXIT_NEGATIVE;
}
