#include "proxy/master/descriptor_budget.h"

#include "proxy/base/descriptor_limit.h"
#include "proxy/base/log.h"
#include "proxy/master/plan.h"

void descriptor_budget_tell(const struct plan *plan, uint32_t *told)
{
    uint32_t asked = plan->max_connections_asked, given = plan->settings->max_connections;

    if (given == *told)
        return;
    if (given < asked)
        log_warning(
            "event=descriptors limit=%zu max_connections=%u asked=%u text=\"raise "
            "LimitNOFILE to %u for what was asked\"",
            descriptor_limit(), given, asked, 2 * asked + 128);
    else
        log_info(
            "event=descriptors limit=%zu max_connections=%u", descriptor_limit(), given);
    *told = given;
}
