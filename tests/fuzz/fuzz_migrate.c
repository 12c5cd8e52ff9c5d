/* A stunnel configuration: its migration reports every loss, and can be parsed if it
 * succeeds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/migrate.h"
#include "config/settings.h"
#include "proxy/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct migration migration;
    struct settings *settings;
    struct error err = {""};

    memcpy(text, data, size);
    text[size] = '\0';
    if (migrate_stunnel(text, "fuzz", &migration, &err)) {
        settings = settings_parse(migration.text, "migrated", &err);
        if (settings == NULL)
            abort();
        settings_free(settings);
    } else if (*err.text == '\0') {
        abort();
    }
    migration_destroy(&migration);
    free(text);
    return 0;
}
