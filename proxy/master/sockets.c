#include "proxy/master/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/master/port_owner.h"

/* The kernel cuts it to net.core.somaxconn. */
enum { BACKLOG = 4096 };

static void set(int fd, int level, int option, int value)
{
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

static int bound_socket(const struct endpoint *address, bool shared)
{
    int family = address->address.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (shared)
        set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (bind(fd, (const struct sockaddr *)&address->address, address->len) != 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* TCP_DEFER_ACCEPT is not set: a client that sends nothing must have our handshake
 * deadline and be counted, instead of waiting unseen in the kernel. */
static int listening_socket(const struct endpoint *address)
{
    int fd = bound_socket(address, true);
    int error;

    if (fd >= 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

static bool is_ours(unsigned long inode, const void *context)
{
    const struct sockets *sockets = context;
    struct stat state;

    for (size_t i = 0; i < sockets->count; i++) {
        for (size_t k = 0; k < sockets->groups[i].count; k++) {
            if (fstat(sockets->groups[i].fds[k], &state) == 0 && state.st_ino == inode)
                return true;
        }
    }
    return false;
}

static bool refuse(const struct endpoint *address, const char *owner, struct error *err)
{
    int error = errno;

    if (error == EADDRINUSE && owner[0] != '\0')
        return error_set(err,
            "cannot listen on %s: the port is held by %s; stop it first, "
            "or choose another port with 'accept'",
            address->text, owner);
    if (error == EACCES)
        return error_set(err,
            "cannot listen on %s: ports below 1024 need root or the "
            "capability CAP_NET_BIND_SERVICE",
            address->text);
    if (error == EADDRNOTAVAIL)
        return error_set(err,
            "cannot listen on %s: this machine has no such address; 'ip address' shows "
            "those it has",
            address->text);
    return error_set(err, "cannot listen on %s: %s", address->text, strerror(error));
}

static void set_port(struct sockaddr_storage *address, in_port_t port)
{
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = port;
    else
        ((struct sockaddr_in *)address)->sin_port = port;
}

bool sockets_check(const struct endpoint *address, struct error *err)
{
    struct endpoint on_any_port = *address;
    int fd;

    set_port(&on_any_port.address, 0);
    fd = bound_socket(&on_any_port, false);
    if (fd < 0)
        return refuse(address, "", err);
    close(fd);
    return true;
}

/* With SO_REUSEPORT a process of the same user that sets it, too, would share the port
 * with us and get half of the clients: so try without it first. */
static bool is_free(
    const struct sockets *sockets, const struct endpoint *address, struct error *err)
{
    char owner[PORT_OWNER_TEXT_MAX];
    int fd = bound_socket(address, false);

    /* Without listen() a bind may pass beside a listening socket. */
    if (fd >= 0 && listen(fd, 1) == 0) {
        close(fd);
        return true;
    }
    if (fd >= 0) {
        close(fd);
        errno = EADDRINUSE;
    }
    if (errno != EADDRINUSE)
        return refuse(address, "", err);
    port_owner_find(&address->address, is_ours, sockets, owner);
    errno = EADDRINUSE;
    return owner[0] == '\0' ? true : refuse(address, owner, err);
}

bool sockets_is_free(const struct endpoint *address, struct error *err)
{
    static const struct sockets none;
    char owner[PORT_OWNER_TEXT_MAX];
    int fd = bound_socket(address, false);

    if (fd >= 0)
        close(fd);
    if (fd >= 0 || errno != EADDRINUSE)
        return true;
    port_owner_find(&address->address, is_ours, &none, owner);
    errno = EADDRINUSE;
    return refuse(address, owner, err);
}

static struct socket_group *add_group(
    struct sockets *sockets, const struct endpoint *address)
{
    struct socket_group *groups =
        memory_resize(sockets->groups, sockets->count + 1, sizeof(*groups));

    sockets->groups = groups;
    groups[sockets->count] = (struct socket_group){.address = *address};
    return &groups[sockets->count++];
}

static void append(struct socket_group *group, int fd)
{
    int *fds = memory_resize(group->fds, group->count + 1, sizeof(*fds));

    fds[group->count++] = fd;
    group->fds = fds;
}

static void close_group(struct socket_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        close(group->fds[i]);
    free(group->fds);
}

/* When a socket is closed, the connections in its backlog are reset. So no more may come
 * before the backlog is emptied for the last time: SYNs are dropped, and the client's
 * next attempt is refused. A classic BPF program sees the TCP header; its 14th byte has
 * the flags. */
static void drop_newcomers(const struct socket_group *group)
{
    enum { FLAGS_AT = 13, SYN = 0x02, ALL = 0x40000 };
    static struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_AT),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, ALL),
    };
    static const struct sock_fprog program = {sizeof(steps) / sizeof(steps[0]), steps};

    for (size_t i = 0; i < group->count; i++)
        (void)setsockopt(
            group->fds[i], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static void remove_group(struct sockets *sockets, size_t index)
{
    close_group(&sockets->groups[index]);
    sockets->groups[index] = sockets->groups[--sockets->count];
}

bool sockets_open(struct sockets *sockets, const struct endpoint *address, size_t slots,
    struct error *err)
{
    struct socket_group *group = sockets_find(sockets, address);
    bool fresh = group == NULL;

    if (fresh && !is_free(sockets, address, err))
        return false;
    if (fresh)
        group = add_group(sockets, address);
    while (group->count < slots) {
        int fd = listening_socket(address);

        /* The first one is adopted and of another user, or without SO_REUSEPORT: the
         * workers share it. */
        if (fd < 0 && errno == EADDRINUSE && group->count > 0)
            fd = fcntl(group->fds[0], F_DUPFD_CLOEXEC, 0);
        if (fd < 0) {
            refuse(address, "", err);
            if (fresh)
                remove_group(sockets, sockets->count - 1);
            return false;
        }
        append(group, fd);
    }
    return true;
}

static bool is_listening(int fd, struct endpoint *address)
{
    int listening = 0;
    socklen_t len = sizeof(listening);

    *address = (struct endpoint){.len = sizeof(address->address)};
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 || !listening ||
        getsockname(fd, (struct sockaddr *)&address->address, &address->len) != 0)
        return false;
    endpoint_describe(address);
    return address->address.ss_family == AF_INET ||
        address->address.ss_family == AF_INET6;
}

bool sockets_adopt(struct sockets *sockets, int fd)
{
    struct endpoint address;
    struct socket_group *group;

    if (!is_listening(fd, &address))
        return false;
    group = sockets_find(sockets, &address);
    if (group == NULL)
        group = add_group(sockets, &address);
    append(group, fd);
    return true;
}

struct socket_group *sockets_find(
    const struct sockets *sockets, const struct endpoint *address)
{
    for (size_t i = 0; i < sockets->count; i++) {
        if (endpoint_equal(&sockets->groups[i].address, address))
            return &sockets->groups[i];
    }
    return NULL;
}

bool sockets_keep(struct sockets *sockets,
    bool (*wanted)(const struct endpoint *address, const void *context),
    const void *context)
{
    size_t before = sockets->count;

    for (size_t i = sockets->count; i-- > 0;) {
        if (wanted(&sockets->groups[i].address, context))
            continue;
        drop_newcomers(&sockets->groups[i]);
        remove_group(sockets, i);
    }
    return sockets->count < before;
}

void sockets_shut(struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++)
        drop_newcomers(&sockets->groups[i]);
}

void sockets_close(struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++)
        close_group(&sockets->groups[i]);
    free(sockets->groups);
    *sockets = (struct sockets){0};
}
