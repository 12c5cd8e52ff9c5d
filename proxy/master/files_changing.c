#include "proxy/master/files_changing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/path.h"
#include "config/settings.h"
#include "proxy/base/error.h"

enum { RECENT = 2 }; /* s */

static bool is_recent(const struct stat *state, time_t now)
{
    return state->st_ctime <= now && now - state->st_ctime <= RECENT;
}

static bool folder_is_recent(const char *path, time_t now)
{
    char *folder = folder_of_path(path);
    struct stat state;
    bool recent = stat(folder, &state) == 0 && is_recent(&state, now);

    free(folder);
    return recent;
}

/* A rename changes the ctime of the file, a new link that of the link. */
static bool any_is_recent(const struct text_list *files, time_t now)
{
    struct stat state;

    for (size_t i = 0; i < files->count; i++) {
        const char *path = files->items[i];

        if (stat(path, &state) != 0 ? folder_is_recent(path, now)
                                    : is_recent(&state, now))
            return true;
        if (lstat(path, &state) == 0 && is_recent(&state, now))
            return true;
    }
    return false;
}

bool files_are_changing(const char *config_path, bool optional, time_t now)
{
    struct error ignored;
    struct settings *settings = settings_load(config_path, optional, &ignored);
    bool under_way = false;

    for (size_t i = 0; settings != NULL && i < settings->service_count; i++)
        under_way = under_way || any_is_recent(&settings->services[i].cert, now) ||
            any_is_recent(&settings->services[i].key, now);
    settings_free(settings);
    return under_way;
}
