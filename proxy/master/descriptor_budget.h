/*
 * descriptor_budget.h - how many connections the limit of descriptors allows, for the
 * log.
 */
#ifndef WLBPROXY_MASTER_DESCRIPTOR_BUDGET_H
#define WLBPROXY_MASTER_DESCRIPTOR_BUDGET_H

#include <stdint.h>

struct plan;

/* Logs it if it is not what was told before: *told, 0 at first. */
void descriptor_budget_tell(const struct plan *plan, uint32_t *told);

#endif
