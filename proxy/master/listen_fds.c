#include "proxy/master/listen_fds.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/master/notify.h"
#include "proxy/master/sockets.h"
#include "proxy/master/spawn.h"

#define STORE_NAME "listen"

enum { FIRST = 3, PASSED_MAX = 65536 };

/* Its number is above those of the descriptors that a child gets. */
static int move_up(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FDS);

    close(fd);
    if (high >= 0)
        (void)fcntl(high, F_SETFL, fcntl(high, F_GETFL) | O_NONBLOCK);
    return high;
}

static unsigned long number(const char *name)
{
    const char *text = getenv(name);

    return text != NULL ? strtoul(text, NULL, 10) : 0;
}

size_t listen_fds_adopt(struct sockets *sockets)
{
    unsigned long passed = number("LISTEN_FDS");
    size_t taken = 0;

    if (number("LISTEN_PID") != (unsigned long)getpid() || passed > PASSED_MAX)
        passed = 0;
    for (int fd = FIRST; fd < FIRST + (int)passed; fd++) {
        int high = move_up(fd);

        if (high < 0 || !sockets_adopt(sockets, high)) {
            log_warning("event=descriptor_not_used fd=%d text=\"the service manager "
                        "passed it, and it is no listening TCP socket\"",
                fd);
            if (high >= 0)
                close(high);
            continue;
        }
        taken++;
    }
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    return taken;
}

bool listen_fds_are_kept(void)
{
    return number("FDSTORE") > 0 && getenv("NOTIFY_SOCKET") != NULL;
}

void listen_fds_keep(const struct sockets *sockets)
{
    if (!listen_fds_are_kept())
        return;
    notify_send("FDSTOREREMOVE=1\nFDNAME=" STORE_NAME);
    for (size_t i = 0; i < sockets->count; i++)
        notify_descriptors("FDSTORE=1\nFDPOLL=0\nFDNAME=" STORE_NAME,
            sockets->groups[i].fds, sockets->groups[i].count);
}
