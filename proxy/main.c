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

/* The questions that a program executed as the helper answers. */
static const struct helper_task helper_tasks[] = {
    {MESSAGE_HANDSHAKES, apart_prepare_handshakes, apart_answer_handshakes},
    {MESSAGE_FILE, apart_prepare_file, apart_answer_file},
};

int main(int argc, char **argv)
{
    hold_standard_descriptors();
    if (helper_is_meant(argv[0]))
        return helper_main(helper_tasks, sizeof(helper_tasks) / sizeof(helper_tasks[0]));
    return command_dispatch(argc, argv);
}
