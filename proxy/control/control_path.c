#include "proxy/control/control_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum { BACKLOG = 32 };

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Returns whether a process listens there, and its pid, or 0 if that is unknown. A full
 * backlog counts as a listener. */
static bool is_taken(const struct sockaddr_un *address, pid_t *pid)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    int fd = new_socket();
    bool taken = fd >= 0 &&
        (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
            errno == EAGAIN);

    if (taken)
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    if (fd >= 0)
        close(fd);
    *pid = peer.pid;
    return taken;
}

static bool is_free(const struct sockaddr_un *address, struct error *err)
{
    pid_t pid;

    if (!is_taken(address, &pid))
        return true;
    return error_set(err,
        "another process (pid %d) answers there; give one of the two another path",
        (int)pid);
}

/* "/a/b" becomes "/a", which becomes "/". */
static void go_up(char *path)
{
    char *slash = strrchr(path, '/');

    slash[slash == path ? 1 : 0] = '\0';
}

bool control_path_check(const char *text, struct error *err)
{
    char *folder = memory_text(text);
    struct stat state;
    bool good = true;

    if (stat(text, &state) == 0 && !S_ISSOCK(state.st_mode))
        good = error_set(err, "what is there is not a socket, and is left as it is");
    go_up(folder);
    if (good && stat(folder, &state) != 0) /* the folder itself is made, its parents are
                                            * not */
        go_up(folder);
    if (good && stat(folder, &state) != 0)
        good = error_set(err, "the folder for it is missing");
    free(folder);
    return good;
}

static void make_folder(const char *path)
{
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
    char *slash;

    snprintf(folder, sizeof(folder), "%s", path);
    slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder)
        return;
    *slash = '\0';
    if (mkdir(folder, 0755) == 0)
        (void)chmod(folder, 0755); /* independent of the umask */
}

/* Binds under another name and renames it, so that the path always leads to a socket. */
static bool bind_beside(int fd, const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len = snprintf(
        address.sun_path, sizeof(address.sun_path), "%s.%d", path, (int)getpid());

    if (len >= (int)sizeof(address.sun_path))
        return error_set(err, "the path is too long for a socket");
    (void)unlink(address.sun_path);
    /* The folder may be somebody else's: no link is followed. */
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        fchmodat(AT_FDCWD, address.sun_path, 0600, AT_SYMLINK_NOFOLLOW) == 0 &&
        listen(fd, BACKLOG) == 0 && rename(address.sun_path, path) == 0)
        return true;
    error_set(err, "%s", strerror(errno));
    (void)unlink(address.sun_path);
    return false;
}

static bool open_at(int fd, struct control_path *path, bool succeeding, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat state;

    memcpy(address.sun_path, path->text, strlen(path->text) + 1);
    if (!control_path_check(path->text, err) || (!succeeding && !is_free(&address, err)))
        return false;
    make_folder(path->text);
    if (!bind_beside(fd, path->text, err))
        return false;
    if (stat(path->text, &state) == 0) {
        path->device = state.st_dev;
        path->inode = state.st_ino;
    }
    return true;
}

int control_path_listen(
    struct control_path *path, const char *text, bool succeeding, struct error *err)
{
    int fd = new_socket();
    bool opened;

    *path = (struct control_path){0};
    if (strlen(text) < sizeof(path->text))
        memcpy(path->text, text, strlen(text) + 1);
    if (fd < 0)
        opened = error_set(err, "%s", strerror(errno));
    else if (path->text[0] == '\0')
        opened = error_set(err, "the path is too long for a socket");
    else
        opened = open_at(fd, path, succeeding, err);
    if (opened)
        return fd;
    error_context(err, "socket %s", text);
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool is_ours(const struct control_path *path, const struct stat *state)
{
    return state->st_dev == path->device && state->st_ino == path->inode;
}

bool control_path_is_lost(const struct control_path *path)
{
    struct stat state;

    return stat(path->text, &state) == 0 ? !is_ours(path, &state) : errno == ENOENT;
}

void control_path_remove(const struct control_path *path)
{
    struct stat state;

    if (stat(path->text, &state) == 0 && is_ours(path, &state))
        (void)unlink(path->text);
}
