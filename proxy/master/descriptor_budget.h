/*
 * descriptor_budget.h - logs how many connections the limit of descriptors allows.
 */
#ifndef WLBPROXY_MASTER_DESCRIPTOR_BUDGET_H
#define WLBPROXY_MASTER_DESCRIPTOR_BUDGET_H

#include <stdint.h>

struct plan;

/* Logs it if it differs from *told, which is 0 at first. */
void descriptor_budget_tell(const struct plan *plan, uint32_t *told);

#endif
