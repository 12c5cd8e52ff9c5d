/* Our server as a shim of BoGo, BoringSSL's test runner (ssl/test/PORTING.md of its
 * sources): it connects to the runner, acts as its TLS server, answers with each byte
 * inverted, and on failure writes the alert that was sent or received to stderr. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "certstore/context.h"
#include "proxy/base/buffer.h"
#include "proxy/crypto/engine.h"
#include "proxy/tls/tls_openssl.h"
#include "proxy/tls/tls_session.h"
#include "tests/conformance/bogo_flags.h"
#include "tests/conformance/bogo_service.h"

enum { PLAIN = 64 * 1024, CIPHERTEXT = 16 * 1024, HELLO_MAX = 6 + 32 };

struct connection {
    const struct bogo_flags *flags;
    bool is_resume, opened, retried, closed;
    int fd;
    struct tls *tls;
    struct buffer out;
};

static bool fail(const char *what, const char *got, const char *want)
{
    (void)fprintf(stderr, "%s: got %s, want %s\n", what, got, want);
    return false;
}

static int dial(const struct bogo_flags *flags)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)flags->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
        .sin6_port = htons((uint16_t)flags->port),
        .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    uint64_t id = htole64(strtoull(flags->shim_id, NULL, 10));
    int fd = socket(flags->ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    int done = flags->ipv6 ? connect(fd, (struct sockaddr *)&v6, sizeof(v6))
                           : connect(fd, (struct sockaddr *)&v4, sizeof(v4));

    if (done != 0 || write(fd, &id, sizeof(id)) != sizeof(id)) {
        perror("connect");
        exit(1);
    }
    return fd;
}

/* RFC 8446, 4.1.3: a ServerHello with this random is a HelloRetryRequest. */
static void look_for_retry(struct connection *c)
{
    static const unsigned char retry[] = {0xcf, 0x21, 0xad, 0x74};
    enum { RECORD_HEADER = 5, RANDOM_AT = RECORD_HEADER + 4 + 2 };

    c->retried = c->retried ||
        (buffer_len(&c->out) > RANDOM_AT + sizeof(retry) &&
            buffer_data(&c->out)[RECORD_HEADER] == 2 &&
            memcmp(buffer_data(&c->out) + RANDOM_AT, retry, sizeof(retry)) == 0);
}

/* A runner that has gone on purpose is noticed at the next read. */
static void flush(struct connection *c)
{
    const char *at = buffer_data(&c->out);
    size_t left = buffer_len(&c->out);
    ssize_t n = 1;

    if (!c->opened)
        look_for_retry(c);
    while (left > 0 && n > 0) {
        n = send(c->fd, at, left, MSG_NOSIGNAL);
        at += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
    buffer_clear(&c->out);
}

static bool check_peer(const struct tls_info *info, const struct bogo_flags *flags)
{
    char text[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    BIO *file;
    X509 *x;

    if (flags->expect_no_peer_cert && info->peer_sha256[0] != '\0')
        return fail("peer certificate", info->peer_sha256, "none");
    if (flags->require_any_client_certificate && info->peer_sha256[0] == '\0')
        return fail("peer certificate", "none", "one");
    if (flags->expect_peer_cert_file == NULL)
        return true;
    file = BIO_new_file(flags->expect_peer_cert_file, "r");
    x = file != NULL ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
    if (x != NULL)
        (void)X509_digest(x, EVP_sha256(), digest, &len);
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    X509_free(x);
    BIO_free(file);
    return len > 0 &&
        (strcmp(text, info->peer_sha256) == 0 || fail("peer", info->peer_sha256, text));
}

/* RFC 7627. TLS 1.3 is always as good, and the native engine has no TLS 1.2 without
 * it. */
static bool has_extended_master_secret(const struct tls *tls)
{
    return tls->engine != &tls_openssl || tls->outcome->version_kind == TLS_VERSION_13 ||
        SSL_get_extms_support(((struct tls_openssl *)tls->session)->ssl) == 1;
}

/* Returns the scheme of a client's CertificateVerify (RFC 8446, 4.2.3). Client
 * certificates are verified by the openssl engine only. */
static unsigned peer_scheme(const struct tls *tls)
{
    static const struct {
        int type, digest;
        unsigned scheme;
    } known[] = {{NID_ED25519, NID_undef, 0x0807}, {NID_rsaEncryption, NID_sha1, 0x0201},
        {NID_rsaEncryption, NID_sha256, 0x0401}, {NID_rsaEncryption, NID_sha384, 0x0501},
        {NID_rsaEncryption, NID_sha512, 0x0601}, {NID_rsassaPss, NID_sha256, 0x0804},
        {NID_rsassaPss, NID_sha384, 0x0805}, {NID_rsassaPss, NID_sha512, 0x0806},
        {NID_X9_62_id_ecPublicKey, NID_sha1, 0x0203},
        {NID_X9_62_id_ecPublicKey, NID_sha256, 0x0403},
        {NID_X9_62_id_ecPublicKey, NID_sha384, 0x0503},
        {NID_X9_62_id_ecPublicKey, NID_sha512, 0x0603}};
    SSL *ssl =
        tls->engine == &tls_openssl ? ((struct tls_openssl *)tls->session)->ssl : NULL;
    int type = NID_undef, digest = NID_undef;

    if (ssl == NULL || SSL_get_peer_signature_type_nid(ssl, &type) != 1)
        return 0;
    (void)SSL_get_peer_signature_nid(ssl, &digest);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].type == type &&
            (known[i].digest == digest || known[i].digest == NID_undef))
            return known[i].scheme;
    }
    return 0;
}

static unsigned version_number(const char *name)
{
    return strcmp(name, "TLSv1.3") == 0 ? 0x0304
        : strcmp(name, "TLSv1.2") == 0  ? 0x0303
                                        : 0;
}

static unsigned cipher_number(const struct tls *tls, const char *name)
{
    const STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(tls->context);

    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);

        if (strcmp(SSL_CIPHER_get_name(cipher), name) == 0)
            return SSL_CIPHER_get_protocol_id(cipher);
    }
    return 0;
}

/* OpenSSL returns "secp256r1" and "x25519" for groups that are set as "P-256" and
 * "X25519". */
static bool is_group(const char *name, unsigned id)
{
    const char *known = bogo_group_name(id);

    return known != NULL &&
        (strcasecmp(name, known) == 0 ||
            (id == 23 &&
                (strcmp(name, "secp256r1") == 0 || strcmp(name, "prime256v1") == 0)) ||
            (id == 24 && strcmp(name, "secp384r1") == 0) ||
            (id == 25 && strcmp(name, "secp521r1") == 0));
}

/* Returns whether the handshake's result is the one the runner expects. */
static bool check_handshake(const struct connection *c)
{
    const struct tls_info *info = tls_info(c->tls);
    const struct bogo_flags *flags = c->flags;
    bool resumes = c->is_resume && !flags->expect_session_miss;

    if (info->resumed != resumes)
        return fail("resumed", info->resumed ? "yes" : "no", resumes ? "yes" : "no");
    if (flags->expect_version != 0 &&
        version_number(info->version) != flags->expect_version)
        return fail("version", info->version, "another");
    if (flags->expect_cipher != 0 &&
        cipher_number(c->tls, info->cipher) != flags->expect_cipher)
        return fail("cipher", info->cipher, "another");
    if (flags->expect_curve_id != 0 && !is_group(info->group, flags->expect_curve_id))
        return fail("group", info->group, "another");
    if (flags->expect_peer_signature_algorithm != 0 && !info->resumed &&
        peer_scheme(c->tls) != flags->expect_peer_signature_algorithm)
        return fail("the client's signature", "another scheme", "the one expected");
    if (flags->expect_server_name != NULL &&
        strcmp(info->sni, flags->expect_server_name) != 0)
        return fail("server name", info->sni, flags->expect_server_name);
    if ((flags->expect_hrr && !c->retried) || (flags->expect_no_hrr && c->retried))
        return fail("HelloRetryRequest", c->retried ? "one" : "none", "the opposite");
    if (flags->expect_extended_master_secret && !has_extended_master_secret(c->tls))
        return fail("extended master secret", "no", "yes");
    return check_peer(info, flags);
}

static void write_sizes(struct tls *tls)
{
    static const size_t sizes[] = {
        0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769};
    static char bytes[32769];

    memset(bytes, 0x42, sizeof(bytes));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        (void)tls_write(tls, bytes, sizes[i]);
}

static bool on_opened(struct connection *c)
{
    const struct bogo_flags *flags = c->flags;

    flush(c);
    c->opened = true;
    if (!check_handshake(c))
        return false;
    if (flags->write_different_record_sizes)
        write_sizes(c->tls);
    else if (flags->shim_writes_first)
        (void)tls_write(c->tls, "hello", 5);
    if (flags->shim_shuts_down || flags->write_different_record_sizes) {
        tls_end(c->tls);
        c->closed = !flags->check_close_notify;
    }
    return true;
}

static void answer(struct connection *c, char *plain, size_t len)
{
    if (c->flags->shim_shuts_down)
        return;
    for (size_t i = 0; i < len; i++)
        plain[i] = (char)~plain[i];
    (void)tls_write(c->tls, plain, len);
}

/* Like tls_read(), until all input is consumed. */
static int use_up(struct connection *c, char *plain)
{
    int n;

    while ((n = tls_read(c->tls, plain, PLAIN)) != TLS_NEED_INPUT) {
        if (n == TLS_NEED_KEYS)
            (void)engine_run();
        else if (n == TLS_OPENED && !on_opened(c))
            return TLS_FAILED;
        else if (n > 0)
            answer(c, plain, (size_t)n);
        else if (n != TLS_OPENED)
            return n;
    }
    return c->closed ? TLS_END : TLS_NEED_INPUT;
}

static int feed(struct connection *c, const char *bytes, size_t len)
{
    static char plain[PLAIN];
    size_t step = c->flags->async ? 1 : len;
    int n = TLS_NEED_INPUT;

    for (size_t at = 0; at < len && n == TLS_NEED_INPUT; at += step) {
        tls_feed(c->tls, bytes + at, step);
        n = use_up(c, plain);
        tls_keep(c->tls);
        flush(c);
    }
    return n;
}

static bool explain(struct connection *c)
{
    const struct tls_info *info = tls_info(c->tls);

    (void)fprintf(stderr, "%s alert: %s\nengine: %s\nreason: %s\ncause: %s\n",
        c->tls->alert_received >= 0 ? "received" : "sent",
        info->alert[0] != '\0' ? info->alert : "none", info->engine, tls_error(c->tls),
        info->cause);
    return false;
}

/* Runs until the end; false: the end is not the expected one. */
static bool talk(struct connection *c)
{
    static char bytes[CIPHERTEXT];
    ssize_t n;
    int event = TLS_NEED_INPUT;

    while (event == TLS_NEED_INPUT && (n = read(c->fd, bytes, sizeof(bytes))) > 0)
        event = feed(c, bytes, (size_t)n);
    if (event == TLS_NEED_INPUT && !c->opened)
        return fail("handshake", "the end of the connection", "more of it");
    if (event != TLS_NEED_INPUT && event != TLS_END)
        return explain(c);
    if (event == TLS_NEED_INPUT && c->flags->check_close_notify)
        return fail("end", "FIN", "close_notify");
    if (c->opened)
        tls_end(c->tls);
    flush(c);
    return true;
}

static void drain(int fd)
{
    static char bytes[CIPHERTEXT];

    (void)shutdown(fd, SHUT_WR);
    while (read(fd, bytes, sizeof(bytes)) > 0)
        ;
    (void)close(fd);
}

/* Tells the run's report which engine was used. */
static void count_engine(const struct tls *tls)
{
    const char *path = getenv("BOGO_ENGINES");
    FILE *file = path != NULL ? fopen(path, "a") : NULL;

    if (file == NULL)
        return;
    (void)fprintf(file, "%s\n",
        tls->engine == NULL               ? "none"
            : tls->engine == &tls_openssl ? "openssl"
                                          : "native");
    (void)fclose(file);
}

static bool serve(const struct bogo_flags *flags, bool is_resume)
{
    struct connection c = {.flags = flags, .is_resume = is_resume};
    SSL_CTX *context = bogo_service_context(flags);
    bool done;

    c.fd = dial(flags);
    c.tls = tls_server((struct tls_context *)context, &c.out);
    done = talk(&c);
    count_engine(c.tls);
    tls_free(c.tls);
    flush(&c);
    drain(c.fd);
    buffer_destroy(&c.out);
    context_free(context);
    return done;
}

/* The sanitizer's output follows this line. */
static void delimit(void)
{
    (void)fputs("--- DONE ---\n", stderr);
}

int main(int argc, char **argv)
{
    struct bogo_flags initial = {0}, resume = {0};
    bool done = true;

    (void)argc;
    bogo_flags_parse(argv + 1, &initial, &resume);
    if (initial.is_handshaker_supported)
        return puts("No") < 0;
    if (!initial.is_server)
        bogo_unimplemented("a client");
    (void)signal(SIGPIPE, SIG_IGN);
    (void)atexit(delimit);
    bogo_service_start();
    for (unsigned i = 0; done && i <= initial.resume_count; i++)
        done = serve(i == 0 ? &initial : &resume, i > 0);
    engine_stop();
    return done ? 0 : 1;
}
