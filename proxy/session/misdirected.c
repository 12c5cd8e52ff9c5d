#include "proxy/session/misdirected.h"

#include "proxy/http/authority.h"
#include "proxy/session/access_rules.h"
#include "proxy/session/client.h"
#include "proxy/tls/tls.h"

/* A request without Host belongs to the listener's service, like a ClientHello without a
 * name. A backend may ignore several dots at the end of a name. */
static const struct service *service_of_host(
    const struct client *c, const struct head *head)
{
    struct authority authority;
    const struct service *service = NULL;
    size_t len;

    if (head->host.text != NULL && authority_parse(&authority, head->host)) {
        len = authority.host.len;
        while (len > 0 && authority.host.text[len - 1] == '.')
            len--;
        service = tls_service_named(c->accepted_by->tls, authority.host.text, len);
    }
    return service != NULL ? service : c->accepted_by;
}

bool client_is_misdirected(const struct client *c, const struct head *head)
{
    return c->generation->has_names && c->generation->access_differs &&
        !access_rules_are_equal(service_of_host(c, head)->settings, c->service->settings);
}
