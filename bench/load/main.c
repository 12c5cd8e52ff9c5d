/*
 * load - a TLS load generator that is cheap enough for the server to be the bottleneck.
 *
 * Prints "begin" when its warm-up is over and one line of JSON at the end. Exits with 1
 * after any error, because a figure with errors is worthless.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bench/load/cheap_client.h"
#include "bench/load/load.h"

struct arguments {
    struct load_options load;
    const char *tls, *groups, *ciphers, *path, *method;
    size_t body;
    bool xapi, usual_client;
};

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},
    {"concurrency", required_argument, NULL, 'c'},
    {"warmup", required_argument, NULL, 'w'},
    {"duration", required_argument, NULL, 'd'},
    {"idle", required_argument, NULL, 'i'},
    {"tls", required_argument, NULL, 't'},
    {"groups", required_argument, NULL, 'g'},
    {"ciphers", required_argument, NULL, 'C'},
    {"path", required_argument, NULL, 'P'},
    {"body", required_argument, NULL, 'b'},
    {"reply", required_argument, NULL, 'r'},
    {"keep-alive", no_argument, NULL, 'k'},
    {"resume", no_argument, NULL, 'R'},
    {"handshake-only", no_argument, NULL, 'H'},
    {"certificates", no_argument, NULL, 's'},
    {"usual-client", no_argument, NULL, 'u'},
    {"xapi", no_argument, NULL, 'x'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char help[] =
    "usage: load --port N [OPTION...]\n\n"
    "  --concurrency N    operations at a time (1)\n"
    "  --warmup MS, --duration MS\n"
    "  --tls 1.2|1.3, --groups LIST, --ciphers LIST (of the version asked for)\n"
    "  --path PATH, --body N (a POST of N bytes), --reply N (the reply's body must have "
    "N)\n"
    "  --xapi             XenServer's request and TLS settings\n"
    "  --keep-alive       requests follow each other on their connections\n"
    "  --resume           connections resume the session of the one before\n"
    "  --handshake-only   no request\n"
    "  --idle N           open N connections, one request each, hold until end of input\n"
    "  --certificates     tell which certificates were shown, and when\n"
    "  --usual-client     keys and certificates as OpenSSL does them, at twice the "
    "cost\n";

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

static bool take_flag(struct arguments *a, int option)
{
    switch (option) {
    case 'k':
        return a->load.keep_alive = true;
    case 'R':
        return a->load.resume = true;
    case 'H':
        return a->load.handshake_only = true;
    case 's':
        return a->load.certificates = true;
    case 'u':
        return a->usual_client = true;
    case 'x':
        return a->xapi = true;
    default:
        return false;
    }
}

static bool take_option(struct arguments *a, int option)
{
    switch (option) {
    case 'p':
        a->load.port = (uint16_t)number(optarg);
        break;
    case 'c':
        a->load.concurrency = number(optarg);
        break;
    case 'w':
        a->load.warmup_ms = number(optarg);
        break;
    case 'd':
        a->load.duration_ms = number(optarg);
        break;
    case 'i':
        a->load.idle = number(optarg);
        break;
    case 't':
        a->tls = optarg;
        break;
    case 'g':
        a->groups = optarg;
        break;
    case 'C':
        a->ciphers = optarg;
        break;
    case 'P':
        a->path = optarg;
        break;
    case 'b':
        a->body = number(optarg);
        break;
    case 'r':
        a->load.reply_body = number(optarg);
        break;
    default:
        return take_flag(a, option);
    }
    return true;
}

static SSL_CTX *make_context(const struct arguments *a)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    bool older = strcmp(a->tls, "1.2") == 0;
    int version = older ? TLS1_2_VERSION : TLS1_3_VERSION;

    if (context == NULL || !SSL_CTX_set_min_proto_version(context, version) ||
        !SSL_CTX_set_max_proto_version(context, version) ||
        (a->groups != NULL && !SSL_CTX_set1_groups_list(context, a->groups)) ||
        (a->ciphers != NULL && older && !SSL_CTX_set_cipher_list(context, a->ciphers)) ||
        (a->ciphers != NULL && !older && !SSL_CTX_set_ciphersuites(context, a->ciphers)))
        return NULL;
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(
        context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    return context;
}

static char *make_request(struct arguments *a)
{
    static const char soap[] =
        "user-agent: xapi/26.17\r\n"
        "SOAPAction: "
        "\"http://schemas.citrix.com/DWM/IWorkloadBalance/GetDiagnostics\"\r\n"
        "Content-Type: text/xml; charset=utf-8\r\n"
        "Authorization: Basic d2xiOnNlY3JldHNlY3JldA==\r\n";
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL)
        abort();
    fprintf(out, "%s %s HTTP/1.1\r\n", a->body > 0 ? "POST" : "GET", a->path);
    if (a->body > 0)
        fprintf(out, "content-length: %zu\r\n", a->body);
    fprintf(out, "connection: %s\r\n%sHost: localhost\r\n\r\n",
        a->load.keep_alive || a->load.idle > 0 ? "keep-alive" : "close",
        a->xapi ? soap : "");
    for (size_t i = 0; i < a->body; i++)
        fputc("<Request>all work and no play</Request>\n"[i % 40], out);
    if (fclose(out) != 0)
        abort();
    a->load.request_len = len;
    return text;
}

static void begun(void)
{
    puts("begin");
    fflush(stdout);
}

static void held(void)
{
    puts("held");
    fflush(stdout);
    while (getchar() != EOF) {
    }
}

static void print_certificates(const struct load_result *r)
{
    for (size_t i = 0; i < r->shown_count; i++) {
        printf("%s{\"serial\": \"", i > 0 ? ", " : "");
        for (size_t k = 0; k < r->shown[i].serial_len; k++)
            printf("%02x", r->shown[i].serial[k]);
        printf("\", \"count\": %llu, \"first\": %.6f, \"last\": %.6f}",
            (unsigned long long)r->shown[i].count, r->shown[i].first, r->shown[i].last);
    }
}

static void print_result(const struct load_result *r)
{
    printf("{\"operations\": %llu, \"errors\": %llu, \"first_error\": \"%s\", "
           "\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"bytes\": %llu, \"handshakes\": "
           "%llu, \"resumed\": %llu, "
           "\"protocol\": \"%s\", \"cipher\": \"%s\", \"group\": \"%s\", "
           "\"p50_us\": %llu, \"p90_us\": %llu, \"p99_us\": %llu, \"max_us\": %llu, "
           "\"certificates\": [",
        (unsigned long long)r->operations, (unsigned long long)r->errors, r->first_error,
        r->seconds, r->cpu_seconds, (unsigned long long)r->bytes,
        (unsigned long long)r->handshakes, (unsigned long long)r->resumed, r->protocol,
        r->cipher, r->group, (unsigned long long)histogram_percentile(&r->latency, 50),
        (unsigned long long)histogram_percentile(&r->latency, 90),
        (unsigned long long)histogram_percentile(&r->latency, 99),
        (unsigned long long)r->latency.max);
    print_certificates(r);
    puts("]}");
}

static int run(struct arguments *a)
{
    static struct load_result result;
    SSL_CTX *context;
    char *request;

    if (!a->usual_client && !cheap_client_use())
        return 2;
    context = make_context(a);
    if (context == NULL) {
        ERR_print_errors_fp(stderr);
        return 2;
    }
    request = make_request(a);
    a->load.request = request;
    load_run(&a->load, context, &result, begun, held);
    print_result(&result);
    SSL_CTX_free(context);
    cheap_client_stop();
    free(request);
    return result.errors > 0;
}

static void use_xapi(struct arguments *a)
{
    a->tls = "1.2";
    a->groups = "P-384";
    a->ciphers = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256";
    if (a->body == 0)
        a->body = 276;
}

int main(int argc, char **argv)
{
    struct arguments a = {.tls = "1.3",
        .path = "/?size=600",
        .load = {.concurrency = 1, .duration_ms = 3000, .reply_body = UINT64_MAX}};
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (!take_option(&a, option)) {
            fputs(help, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (a.load.port == 0 || a.load.concurrency == 0) {
        fputs(help, stderr);
        return 2;
    }
    if (a.xapi)
        use_xapi(&a);
    signal(SIGPIPE, SIG_IGN);
    return run(&a);
}
