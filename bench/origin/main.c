/*
 * origin - stands in for the Workload Balancing service behind the proxy.
 */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/origin/plan.h"
#include "bench/origin/server.h"
#include "bench/origin/soap.h"

static volatile int stop;

static void on_signal(int number)
{
    stop = number;
}

static void usage(FILE *out)
{
    fprintf(out,
        "usage: origin [--address A] [--port N | --unix PATH] [--idle MS]\n\n"
        "The stand-in WLB backend: plain HTTP on 127.0.0.1:8013 (port 0: any free one),\n"
        "or on a unix socket. What to answer is asked for in the query, or by fields\n"
        "named X-Origin-NAME:\n\n%s",
        plan_help());
}

static int fail(const char *what)
{
    fprintf(stderr, "origin: %s: %s%s\n", what, strerror(errno),
        errno == EADDRINUSE ? " (stop what listens there, or choose another port)" : "");
    return -1;
}

static int listen_on(const struct sockaddr *address, socklen_t len, const char *name)
{
    int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address, len) < 0 || listen(fd, 4096) < 0)
        return fail(name);
    return fd;
}

static int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return fail(path);
    }
    strcpy(address.sun_path, path);
    unlink(path);
    return listen_on((struct sockaddr *)&address, sizeof(address), path);
}

static int listen_tcp(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    char name[300];
    int fd;

    snprintf(name, sizeof(name), "%s port %s", host, port);
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        errno = EINVAL;
        return fail(name);
    }
    fd = listen_on(found->ai_addr, found->ai_addrlen, name);
    freeaddrinfo(found);
    return fd;
}

static void announce(int fd, const char *path)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    char host[64], port[16];

    if (path != NULL) {
        printf("origin: listening on %s\n", path);
    } else if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
        getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port,
            sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        printf("origin: listening on %s port %s\n", host, port);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"address", required_argument, NULL, 'a'},
        {"port", required_argument, NULL, 'p'}, {"unix", required_argument, NULL, 'u'},
        {"idle", required_argument, NULL, 'i'}, {"help", no_argument, NULL, 'h'}, {0}};
    struct sigaction action = {.sa_handler = on_signal};
    const char *address = "127.0.0.1", *port = "8013", *path = NULL;
    unsigned idle = 15000;
    int option, fd;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'a':
            address = optarg;
            break;
        case 'p':
            port = optarg;
            break;
        case 'u':
            path = optarg;
            break;
        case 'i':
            idle = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    fd = path != NULL ? listen_unix(path) : listen_tcp(address, port);
    if (fd < 0)
        return 1;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    soap_init();
    announce(fd, path);
    server_run(fd, idle, &stop);
    return 0;
}
