/*
 * soap.h - what the Workload Balancing service answers: one reply per SOAP method, in the
 * shape XenServer's parser expects; and the generated body for replies of a given size.
 */
#ifndef WLBPROXY_BENCH_ORIGIN_SOAP_H
#define WLBPROXY_BENCH_ORIGIN_SOAP_H

#include "bench/origin/request.h"

/* Makes the texts. Call once. */
void soap_init(void);

/* The reply to "http://schemas.citrix.com/DWM/IWorkloadBalance/METHOD", quoted or not; a
 * SOAP fault when there is no such method. */
struct slice soap_reply(struct slice soap_action);

/* The generated body of `size` bytes is an XML document: its bytes from `offset` on, as
 * many as lie together. */
struct slice soap_filler(uint64_t size, uint64_t offset);

#endif
