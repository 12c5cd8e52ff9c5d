#include "proxy/command/summary.h"

#include <stdio.h>

#include "certstore/finding.h"

void summary_print(const struct findings *findings, bool good, bool refused)
{
    size_t counts[4] = {0};

    for (size_t i = 0; i < findings->count; i++)
        counts[findings->items[i].severity]++;
    printf("%s: %zu refused, %zu stale, %zu warning%s, %zu note%s\n",
        good ? "good to serve" : "NOT GOOD",
        counts[SEVERITY_REFUSED] + (refused && counts[SEVERITY_REFUSED] == 0),
        counts[SEVERITY_STALE], counts[SEVERITY_WARNING],
        counts[SEVERITY_WARNING] == 1 ? "" : "s", counts[SEVERITY_NOTE],
        counts[SEVERITY_NOTE] == 1 ? "" : "s");
}
