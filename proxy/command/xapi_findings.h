/*
 * xapi_findings.h - what in a service would keep XenServer's client (XAPI) from
 * connecting, whatever its certificate says: it speaks TLS 1.2 only, with P-384 and an
 * RSA certificate.
 */
#ifndef WLBPROXY_COMMAND_XAPI_FINDINGS_H
#define WLBPROXY_COMMAND_XAPI_FINDINGS_H

struct findings;
struct plan_service;
struct service_settings;

void xapi_findings_add(struct findings *findings, const char *config,
    const struct service_settings *settings, const struct plan_service *service);

#endif
