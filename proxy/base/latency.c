#include "proxy/base/latency.h"

const uint64_t latency_bounds[LATENCY_BOUNDS] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000,
    2000, 5000, 10 * 1000, 30 * 1000, 60 * 1000, 600 * 1000};

void latency_add(struct latency *latency, uint64_t ms)
{
    int i = 0;

    while (i < LATENCY_BOUNDS && ms > latency_bounds[i])
        i++;
    latency->counts[i]++;
    latency->sum += ms;
}
