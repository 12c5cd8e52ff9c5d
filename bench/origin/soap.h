/*
 * soap.h - the replies of the Workload Balancing service: one per SOAP method, in the
 * form that XenServer's parser expects; and the generated body for replies of a given
 * size.
 */
#ifndef WLBPROXY_BENCH_ORIGIN_SOAP_H
#define WLBPROXY_BENCH_ORIGIN_SOAP_H

#include "bench/origin/request.h"

/* Makes the texts. Call once. */
void soap_init(void);

/* Returns the reply to "http://schemas.citrix.com/DWM/IWorkloadBalance/METHOD", quoted or
 * not; a SOAP fault when there is no such method. */
struct slice soap_reply(struct slice soap_action);

/* The generated body of `size` bytes is an XML document. Returns its bytes from `offset`
 * on, as many as are contiguous. */
struct slice soap_filler(uint64_t size, uint64_t offset);

#endif
