/* A process without a file system or with few capabilities: each act in a child. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/base/no_files.h"
#include "proxy/base/privileges.h"
#include "proxy/base/sandbox.h"
#include "tests/unit/confined.h"

static const char socket_path[] = "/tmp/wlbproxy-test-sandbox.sock";
static const char abstract[] = "\0wlbproxy-test-sandbox";

static int listen_at(const char *name, size_t len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memcpy(address.sun_path, name, len);
    (void)unlink(name);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
        0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static int connect_to(const char *name, size_t len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, name, len);
    errno = 0;
    (void)connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address,
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    return errno;
}

static bool begins_with(const char *how, const char *means)
{
    return strncmp(how, means, strlen(means)) == 0;
}

/* From an empty root no path leads anywhere, by any call. */
static enum outcome try_paths(void)
{
    char how[NO_FILES_TEXT_MAX];
    struct stat state;

    if (sandbox_exemption() != NULL)
        return NO_FILTER;
    no_files_empty_root(how, sizeof(how));
    if (!begins_with(how, "empty root")) {
        print_message("%s\n", how);
        return NO_FILTER;
    }
    if (stat("/etc/passwd", &state) == 0 || errno != ENOENT ||
        stat("../etc/passwd", &state) == 0 || errno != ENOENT ||
        open("/made", O_CREAT | O_WRONLY, 0600) >= 0 || errno != ENOENT ||
        mkdir("/made", 0700) == 0 || errno != ENOENT)
        return POSSIBLE;
    return connect_to(socket_path, sizeof(socket_path)) == ENOENT ? REFUSED : POSSIBLE;
}

static void an_empty_root_has_no_paths(void **state)
{
    int fd = listen_at(socket_path, sizeof(socket_path));
    enum outcome outcome = outcome_of(try_paths);

    (void)state;
    close(fd);
    (void)unlink(socket_path);
    if (outcome == NO_FILTER)
        skip();
    assert_int_equal(outcome, REFUSED);
}

static enum outcome try_paths_as_nobody(void)
{
    enum { NOBODY = 65534 };

    if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
        return NO_FILTER;
    return try_paths();
}

static void an_ordinary_user_has_one_too(void **state)
{
    int fd = listen_at(socket_path, sizeof(socket_path));
    enum outcome outcome = outcome_of(try_paths_as_nobody);

    (void)state;
    close(fd);
    (void)unlink(socket_path);
    if (outcome == NO_FILTER)
        skip();
    assert_int_equal(outcome, REFUSED);
}

static enum outcome try_landlock(void)
{
    char how[NO_FILES_TEXT_MAX];
    int version;

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    no_files_landlock(NO_FILES, NULL, how, sizeof(how));
    if (sscanf(how, "Landlock %d", &version) != 1) {
        print_message("%s\n", how);
        return NO_FILTER;
    }
    if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES ||
        mkdir("/tmp/wlbproxy-made", 0700) == 0 || errno != EACCES)
        return POSSIBLE;
    return version < 6 || connect_to(abstract, sizeof(abstract)) == EPERM ? REFUSED
                                                                          : POSSIBLE;
}

static void landlock_leaves_no_right(void **state)
{
    int fd = listen_at(abstract, sizeof(abstract));
    enum outcome outcome = outcome_of(try_landlock);

    (void)state;
    close(fd);
    if (outcome == NO_FILTER)
        skip();
    assert_int_equal(outcome, REFUSED);
}

static int listen_on_loopback(uint16_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static int connect_to_port(uint16_t port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    errno = 0;
    (void)connect(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr *)&address,
        sizeof(address));
    return errno;
}

static struct tcp_ports ports = {.held = true, .count = 1};
static uint16_t other_port;

static enum outcome try_ports(void)
{
    char how[NO_FILES_TEXT_MAX], told[64];

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    no_files_landlock(NO_FILES, &ports, how, sizeof(how));
    if (strstr(how, ", TCP to any port") != NULL) {
        print_message("%s\n", how);
        return NO_FILTER;
    }
    snprintf(told, sizeof(told), ", TCP to %u", (unsigned)ports.list[0]);
    return strstr(how, told) != NULL && connect_to_port(ports.list[0]) == 0 &&
            connect_to_port(other_port) == EACCES
        ? REFUSED
        : POSSIBLE;
}

static void landlock_holds_ports(void **state)
{
    int fds[2] = {listen_on_loopback(&ports.list[0]), listen_on_loopback(&other_port)};
    enum outcome outcome = outcome_of(try_ports);

    (void)state;
    close(fds[0]);
    close(fds[1]);
    if (outcome == NO_FILTER)
        skip();
    assert_int_equal(outcome, REFUSED);
}

/* Root with a few capabilities: neither it nor the programs it executes have others. */
static enum outcome try_capabilities(void)
{
    privileges_trim();
    return prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) == 0 &&
            prctl(PR_CAPBSET_READ, CAP_SETUID) == 1 && chroot("/") == 0 &&
            sethostname("", 0) != 0 && errno == EPERM
        ? REFUSED
        : POSSIBLE;
}

static void the_master_keeps_a_few_capabilities(void **state)
{
    (void)state;
    if (geteuid() != 0 || prctl(PR_CAPBSET_READ, CAP_SYS_CHROOT) != 1)
        skip();
    assert_int_equal(outcome_of(try_capabilities), REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_root_has_no_paths),
        cmocka_unit_test(an_ordinary_user_has_one_too),
        cmocka_unit_test(landlock_leaves_no_right),
        cmocka_unit_test(landlock_holds_ports),
        cmocka_unit_test(the_master_keeps_a_few_capabilities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
