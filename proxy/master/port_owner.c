#include "proxy/master/port_owner.h"

#include <ctype.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TCP_LISTEN_STATE = 0x0a };

static unsigned port_of(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

/* "  0: 0100007F:1F4C 00000000:0000 0A ... inode": proc(5). */
static unsigned long listener_inode(const char *line, unsigned port, uid_t *user)
{
    unsigned local_port, state;
    unsigned long inode;

    if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %u %*d %lu",
            &local_port, &state, user, &inode) != 4)
        return 0;
    return local_port == port && state == TCP_LISTEN_STATE ? inode : 0;
}

static unsigned long foreign_listener(const char *table, unsigned port,
    bool (*is_ours)(unsigned long inode, const void *context), const void *context,
    uid_t *user)
{
    char line[512];
    unsigned long found = 0;
    FILE *file = fopen(table, "re");

    while (file != NULL && found == 0 && fgets(line, sizeof(line), file) != NULL) {
        unsigned long inode = listener_inode(line, port, user);

        if (inode != 0 && !is_ours(inode, context))
            found = inode;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static bool holds(const char *pid, const char *socket_name)
{
    char path[300], target[64];
    struct dirent *entry;
    bool found = false;
    DIR *fds;

    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    fds = opendir(path);
    while (fds != NULL && !found && (entry = readdir(fds)) != NULL) {
        ssize_t len = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);

        if (len > 0) {
            target[len] = '\0';
            found = strcmp(target, socket_name) == 0;
        }
    }
    if (fds != NULL)
        closedir(fds);
    return found;
}

static void describe(pid_t pid, char text[PORT_OWNER_TEXT_MAX])
{
    char path[300], name[32] = "";
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
    file = fopen(path, "re");
    if (file != NULL && fgets(name, sizeof(name), file) != NULL)
        name[strcspn(name, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
    snprintf(text, PORT_OWNER_TEXT_MAX, "%s (pid %ld)", name, (long)pid);
}

/* Without the right to look into other users' processes, the kernel still tells the
 * user. */
static void describe_user(uid_t user, char text[PORT_OWNER_TEXT_MAX])
{
    const struct passwd *account = getpwuid(user);

    snprintf(text, PORT_OWNER_TEXT_MAX, "a process of %.32s (`ss -ltnp` names it)",
        account != NULL ? account->pw_name : "another user");
}

/* 0: the process cannot be seen. Of those that share the socket, the lowest number. */
static pid_t process_of(unsigned long inode)
{
    char socket_name[40];
    struct dirent *entry;
    DIR *processes = opendir("/proc");
    pid_t found = 0;

    snprintf(socket_name, sizeof(socket_name), "socket:[%lu]", inode);
    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        pid_t pid = (pid_t)atol(entry->d_name);

        if (isdigit((unsigned char)entry->d_name[0]) && (found == 0 || pid < found) &&
            holds(entry->d_name, socket_name))
            found = pid;
    }
    if (processes != NULL)
        closedir(processes);
    return found;
}

static void describe_owner(
    unsigned long inode, uid_t user, char text[PORT_OWNER_TEXT_MAX])
{
    pid_t pid = process_of(inode);

    if (pid != 0)
        describe(pid, text);
    else
        describe_user(user, text);
}

static const char *const tables[] = {"/proc/self/net/tcp6", "/proc/self/net/tcp"};

static bool is_nobodys(unsigned long inode, const void *context)
{
    (void)inode, (void)context;
    return false;
}

static unsigned long any_listener(unsigned port)
{
    unsigned long inode = 0;
    uid_t user;

    for (size_t i = 0; i < 2 && inode == 0; i++)
        inode = foreign_listener(tables[i], port, is_nobodys, NULL, &user);
    return inode;
}

pid_t port_owner_pid(unsigned port)
{
    unsigned long inode = any_listener(port);

    return inode != 0 ? process_of(inode) : 0;
}

bool port_is_held(unsigned port)
{
    return any_listener(port) != 0;
}

void port_owner_find(const struct sockaddr_storage *address,
    bool (*is_ours)(unsigned long inode, const void *context), const void *context,
    char text[PORT_OWNER_TEXT_MAX])
{
    text[0] = '\0';
    for (size_t i = 0; i < 2; i++) {
        uid_t user = 0;
        unsigned long inode =
            foreign_listener(tables[i], port_of(address), is_ours, context, &user);

        if (inode != 0) {
            describe_owner(inode, user, text);
            return;
        }
    }
}
