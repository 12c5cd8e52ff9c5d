/*
 * wlbproxy - the TLS front end of XenServer's Workload Balancing appliance.
 */
#include <string.h>

#include "proxy/command/command.h"
#include "proxy/process/worker.h"

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], WORKER_ARGUMENT) == 0)
        return worker_main();
    return command_dispatch(argc, argv);
}
