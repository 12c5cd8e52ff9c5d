#include "config/settings_build.h"

unsigned build_line(const struct settings_build *build, size_t service, const char *name)
{
    size_t index = option_index(option_find(name));
    unsigned line = build->services[service].lines[index];

    return line != 0 ? line : build->before_sections.lines[index];
}
