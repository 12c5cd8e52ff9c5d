#include "proxy/session/send_proxy_header.h"

#include <arpa/inet.h>
#include <string.h>

#include "proxy/net/proxy_header.h"
#include "proxy/session/client.h"
#include "proxy/session/generation.h"
#include "proxy/tls/tls.h"

static const char *text_or_null(const char *text)
{
    return *text != '\0' ? text : NULL;
}

static struct sockaddr_storage address_of(const struct client *c)
{
    struct sockaddr_storage address = {.ss_family = AF_INET6};
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;

    six->sin6_addr = c->address;
    six->sin6_port = htons(c->port);
    return address;
}

static void take_tls(struct proxy_header_facts *facts, const struct tls_info *tls)
{
    facts->tls_version = text_or_null(tls->version);
    facts->cipher = text_or_null(tls->cipher);
    facts->server_name = text_or_null(tls->sni);
    facts->alpn = text_or_null(tls->alpn);
    facts->client_cn = text_or_null(tls->peer_cn);
    facts->client_certificate = *tls->peer_sha256 != '\0';
    facts->resumed = tls->resumed;
}

void proxy_header_send(struct stream *to, struct client *c)
{
    enum proxy_protocol_choice choice = c->service->settings->send_proxy;
    struct sockaddr_storage client = address_of(c), local = {0};
    struct proxy_header_facts facts = {.client = &client};
    const struct tls_info *tls = stream_tls_info(&c->stream);
    unsigned char header[PROXY_HEADER_MAX];
    size_t len;

    if (choice == PROXY_PROTOCOL_OFF)
        return;
    if (stream_local_address(&c->stream, &local))
        facts.local = &local;
    if (tls != NULL)
        take_tls(&facts, tls);
    len = proxy_header_write(header, (enum proxy_version)choice, &facts);
    stream_write_clear(to, (const char *)header, len);
}
