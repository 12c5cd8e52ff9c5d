/* Configuration text: settings that are accepted print as a text that means the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/settings.h"
#include "proxy/base/error.h"

static void check_round_trip(const struct settings *settings)
{
    struct error err;
    char *printed = settings_print(settings);
    struct settings *again = settings_parse(printed, "printed", &err);
    char *reprinted;

    if (again == NULL)
        abort();
    reprinted = settings_print(again);
    if (strcmp(printed, reprinted) != 0 ||
        again->service_count != settings->service_count)
        abort();
    settings_free(again);
    free(printed);
    free(reprinted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct settings *settings;
    struct error err = {""};

    memcpy(text, data, size);
    text[size] = '\0';
    settings = settings_parse(text, "fuzz", &err);
    if (settings != NULL)
        check_round_trip(settings);
    else if (*err.text == '\0' || strchr(err.text, '\n') != NULL)
        abort();
    settings_free(settings);
    free(text);
    return 0;
}
