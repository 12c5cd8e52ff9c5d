#include "proxy/session/backend_stream.h"

#include "config/connect_line.h"
#include "config/endpoint.h"
#include "proxy/base/error.h"
#include "proxy/net/stream.h"
#include "proxy/session/generation.h"

void backend_stream_connect(struct stream *s, struct loop *loop,
    const struct stream_events *events, const struct service *service, uint32_t connect,
    const struct endpoint *to)
{
    const struct service_settings *settings = service->settings;
    const struct sockaddr *address = (const struct sockaddr *)&to->address;
    char host[CONNECT_ADDRESS_MAX] = "";
    struct connect_line written = {.tls = false};
    struct error ignored; /* it was parsed with the settings */

    if (service->backend_tls != NULL)
        (void)connect_line_parse(settings->connect.items[connect], &written, &ignored);
    if (!written.tls) {
        stream_connect(s, loop, events, address, to->len);
        return;
    }
    connect_line_host(&written, host, sizeof(host));
    stream_connect_tls(s, loop, events, address, to->len, service->backend_tls,
        *settings->backend_name != '\0' ? settings->backend_name : host);
}
