/*
 * wlbproxy - the TLS front end of XenServer's Workload Balancing appliance.
 */
#include <fcntl.h>
#include <unistd.h>

#include "proxy/command/apart.h"
#include "proxy/command/command.h"
#include "proxy/master/helper.h"

/* If a standard descriptor is closed, the next file we open gets its number, and messages
 * would be written into it: into a key, or a pipe of libuv. */
static void hold_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            (void)!open("/", O_PATH);
    }
}

int main(int argc, char **argv)
{
    hold_standard_descriptors();
    if (helper_is_meant(argv[0]))
        return apart_main();
    return command_dispatch(argc, argv);
}
