#include "proxy/master/plan_tls.h"

#include "certstore/context.h"
#include "certstore/judge/judge.h"
#include "proxy/master/plan.h"
#include "proxy/master/plan_backend_tls.h"

bool plan_tls_check(const struct plan *plan, struct findings *findings, struct error *err)
{
    static const struct ticket_keys none = {.count = 0};

    for (size_t i = 0; i < plan->settings->service_count; i++) {
        const struct plan_service *service = &plan->services[i];
        SSL_CTX *context =
            context_new(NULL, &plan->settings->services[i], service->credentials,
                service->credential_count, &none, service->ca, service->crl, err);

        if (context == NULL)
            return false;
        context_free(context);
        if (!plan_backend_tls_check(service, &plan->settings->services[i], err))
            return false;
        judge_ciphers(&plan->settings->services[i], service->credentials,
            service->credential_count, plan->settings->signer, findings);
    }
    return true;
}
