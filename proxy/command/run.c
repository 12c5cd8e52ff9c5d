#include "config/settings.h"
#include "proxy/command/arguments.h"
#include "proxy/master/master.h"

int run_command(int argc, char **argv)
{
    const char *config = NULL;
    const struct argument list[] = {ARGUMENT_CONFIG(config)};
    const struct arguments arguments = {
        .command = "run",
        .summary =
            "Serves in the foreground until told to stop by TERM or INT. Without a "
            "configuration file the built-in defaults serve the documented "
            "appliance: TLS on port 8012 with /etc/ssl/certs/server.pem, HTTP to "
            "127.0.0.1:8013.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status != EXIT_GO_ON)
        return status;
    return master_run(config != NULL ? config : SETTINGS_DEFAULT_FILE, config != NULL);
}
