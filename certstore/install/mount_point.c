#include "certstore/install/mount_point.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/error.h"

/* The kernel writes a blank, a tab, a line end and a backslash as octal numbers. */
static void decode(char *text)
{
    char *to = text;

    for (; *text != '\0'; text++, to++) {
        if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] != '\0' &&
            text[3] != '\0') {
            *to = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
            text += 3;
        } else {
            *to = *text;
        }
    }
    *to = '\0';
}

/* The fifth field of a line of /proc/self/mountinfo (proc(5)). */
static char *mounted_at(char *line)
{
    char *rest = line, *field = NULL;

    for (int i = 0; i < 5; i++) {
        field = strsep(&rest, " ");
        if (field == NULL)
            return NULL;
    }
    decode(field);
    return field;
}

bool mount_point_check(const char *path, struct error *err)
{
    FILE *list = fopen("/proc/self/mountinfo", "re");
    bool found = false;
    char *line = NULL;
    size_t size = 0;

    while (!found && list != NULL && getline(&line, &size, list) > 0) {
        const char *at = mounted_at(line);

        found = at != NULL && strcmp(at, path) == 0;
    }
    free(line);
    if (list != NULL)
        (void)fclose(list);
    return !found ||
        error_set(err,
            "%s: this single file is a mount of its own (a container's volume, perhaps), "
            "so that it cannot be replaced; mount the folder that it is in instead",
            path);
}
