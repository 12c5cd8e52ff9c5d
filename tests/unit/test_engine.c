/* Batched signatures and whole handshakes through the engine, and handshakes given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "config/error.h"
#include "proxy/crypto/engine.h"
#include "proxy/crypto/key_pool.h"
#include "proxy/crypto/operation.h"

enum { PEERS = 11, BIO_ROOM = 32768 };

static bool long_run;

static const struct kind {
    const char *name, *curve;
    size_t bits;
} kinds[] = {
    {"RSA 2048", NULL, 2048},
    {"RSA 3072", NULL, 3072},
    {"RSA 4096", NULL, 4096},
    {"P-256", "P-256", 0},
    {"P-384", "P-384", 0},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct pair {
    SSL *server, *client;
    bool awaits_keys;
    int failures;
};

static void need_batched(void)
{
    if (!engine_is_batched())
        skip();
}

static void need_ours(void)
{
    if (engine_libctx() == NULL)
        skip();
}

static EVP_PKEY *new_key(const struct kind *kind)
{
    return kind->curve != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind->curve)
                               : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", kind->bits);
}

static X509 *certificate(EVP_PKEY *key)
{
    X509 *cert = X509_new();

    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
        (const unsigned char *)"wlb.example", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

/* As the product does it: a context in the engine's library context, then adopted. */
static SSL_CTX *server_context_for(EVP_PKEY *key, const char *groups, const char *ciphers)
{
    SSL_CTX *context = SSL_CTX_new_ex(engine_libctx(), NULL, TLS_server_method());
    X509 *cert = certificate(key);

    assert_int_equal(SSL_CTX_set_cipher_list(context, ciphers), 1);
    assert_int_equal(SSL_CTX_use_cert_and_key(context, cert, key, NULL, 1), 1);
    assert_int_equal(SSL_CTX_set1_groups_list(context, groups), 1);
    engine_adopt(context);
    X509_free(cert);
    return context;
}

static SSL_CTX *server_context(EVP_PKEY *key, const char *groups)
{
    return server_context_for(key, groups, "ECDHE+AESGCM");
}

static EVP_PKEY *adopted_key(EVP_PKEY *key)
{
    SSL_CTX *context = server_context(key, "X25519");
    EVP_PKEY *adopted = SSL_CTX_get0_privatekey(context);

    EVP_PKEY_up_ref(adopted);
    SSL_CTX_free(context);
    return adopted;
}

static void set_pss(EVP_PKEY_CTX *context)
{
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(
        EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST), 1);
}

static void assert_signs(
    EVP_PKEY *signer, EVP_PKEY *verifier, const char *digest, bool pss)
{
    static const unsigned char message[] = "what is signed";
    unsigned char signature[SIGNATURE_MAX];
    size_t len = sizeof(signature), most = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options;

    assert_int_equal(EVP_DigestSignInit_ex(
                         context, &options, digest, engine_libctx(), NULL, signer, NULL),
        1);
    if (pss)
        set_pss(options);
    assert_int_equal(EVP_DigestSign(context, NULL, &most, message, sizeof(message)), 1);
    assert_int_equal(
        EVP_DigestSign(context, signature, &len, message, sizeof(message)), 1);
    assert_true(len <= most);
    EVP_MD_CTX_reset(context);
    assert_int_equal(
        EVP_DigestVerifyInit_ex(context, &options, digest, NULL, NULL, verifier, NULL),
        1);
    if (pss)
        set_pss(options);
    assert_int_equal(
        EVP_DigestVerify(context, signature, len, message, sizeof(message)), 1);
    EVP_MD_CTX_free(context);
}

static void adopted_keys_sign_what_openssl_verifies(void **state)
{
    static const char *const digests[] = {
        "SHA2-256", "SHA2-384", "SHA2-512", "SHA2-224", "SHA1"};

    (void)state;
    need_batched();
    for (size_t k = 0; k < KINDS; k++) {
        EVP_PKEY *key, *adopted;

        if (kinds[k].bits > 3072 && !long_run)
            continue; /* takes a second to make */
        key = new_key(&kinds[k]);
        adopted = adopted_key(key);
        assert_ptr_not_equal(key, adopted);
        assert_int_equal(EVP_PKEY_eq(key, adopted), 1);
        for (size_t d = 0; d < sizeof(digests) / sizeof(digests[0]); d++) {
            assert_signs(adopted, key, digests[d], false);
            if (kinds[k].bits != 0)
                assert_signs(adopted, key, digests[d], true);
        }
        EVP_PKEY_free(adopted);
        EVP_PKEY_free(key);
    }
}

/* Nothing faster for them: they stay with OpenSSL. */
static void other_keys_are_left_alone(void **state)
{
    static const struct kind others[] = {
        {"RSA 2560", NULL, 2560}, {"P-521", "P-521", 0}, {"RSA 2048", NULL, 2048}};

    (void)state;
    need_ours();
    for (size_t k = 0; k < (engine_is_batched() ? 2 : 3); k++) {
        EVP_PKEY *key = new_key(&others[k]), *adopted = adopted_key(key);

        assert_ptr_equal(key, adopted);
        EVP_PKEY_free(adopted);
        EVP_PKEY_free(key);
    }
}

/* Behind the provider's back: a signing key as it has it. */
static void import_rsa(
    EVP_PKEY *key, struct signing_key *signing, struct rsa_numbers *rsa)
{
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    uint64_t *const limbs[] = {rsa->p, rsa->q, rsa->dp, rsa->dq, rsa->qinv};
    BIGNUM *number = NULL;

    memset(signing, 0, sizeof(*signing));
    signing->bits = EVP_PKEY_get_bits(key);
    signing->rsa = rsa;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(EVP_PKEY_get_bn_param(key, names[i], &number), 1);
        BN_bn2lebinpad(number, (unsigned char *)limbs[i], signing->bits / 16);
    }
    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &number), 1);
    BN_bn2lebinpad(number, (unsigned char *)signing->modulus, signing->bits / 8);
    BN_free(number);
    signing->alone = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_sign_init(signing->alone), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(signing->alone, RSA_NO_PADDING), 1);
}

/* Different keys in the lanes; one of them with a coefficient that is wrong, as if a bit
 * had flipped: the result must not get out, and OpenSSL does it again. */
static void rsa_batches_equal_openssl_even_after_a_fault(void **state)
{
    struct signing_key keys[2];
    struct rsa_numbers *rsa;
    EVP_PKEY *openssl[2];
    unsigned char blocks[LANES][256], got[LANES][SIGNATURE_MAX], expected[SIGNATURE_MAX];
    struct signing_job jobs[LANES];

    (void)state;
    need_batched();
    rsa = calloc(2, sizeof(*rsa));
    for (size_t k = 0; k < 2; k++) {
        openssl[k] = new_key(&kinds[0]);
        import_rsa(openssl[k], &keys[k], &rsa[k]);
    }
    for (size_t round = 0; round < 4; round++) {
        for (size_t i = 0; i < LANES; i++) {
            memset(blocks[i], (int)(round * 31 + i), sizeof(blocks[i]));
            blocks[i][0] = 0;
            jobs[i] = (struct signing_job){
                &keys[i % 2], blocks[i], sizeof(blocks[i]), got[i], 0, false};
        }
        if (round == 2)
            rsa[1].qinv[3] ^= 1;
        signing_rsa(jobs, 1 + round * 2 + round / 3);
        for (size_t i = 0; i < 1 + round * 2 + round / 3; i++) {
            struct signing_job alone = jobs[i];

            alone.signature = expected;
            signing_alone(&alone);
            assert_true(jobs[i].ok && alone.ok);
            assert_int_equal(jobs[i].signature_len, alone.signature_len);
            assert_memory_equal(got[i], expected, alone.signature_len);
        }
    }
    for (size_t k = 0; k < 2; k++) {
        EVP_PKEY_CTX_free(keys[k].alone);
        EVP_PKEY_free(openssl[k]);
    }
    free(rsa);
}

/* Digests shorter and longer than the curve, zero, and above its order. */
static void ecdsa_batches_verify(void **state)
{
    (void)state;
    need_batched();
    for (size_t k = 3; k < KINDS; k++) {
        EVP_PKEY *key = new_key(&kinds[k]);
        struct signing_key signing = {
            .curve = &exchange_groups[k == 3 ? EXCHANGE_P256 : EXCHANGE_P384]};
        unsigned char digests[LANES][64], signatures[LANES][SIGNATURE_MAX];
        uint64_t scalar[EXCHANGE_LIMBS_MAX];
        struct signing_job jobs[LANES];
        BIGNUM *number = NULL;
        EVP_PKEY_CTX *verify = EVP_PKEY_CTX_new(key, NULL);

        assert_int_equal(
            EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number), 1);
        BN_bn2lebinpad(number, (unsigned char *)scalar, (int)signing.curve->secret_len);
        BN_clear_free(number);
        signing.scalar = scalar;
        signing.alone = EVP_PKEY_CTX_new(key, NULL);
        assert_int_equal(EVP_PKEY_sign_init(signing.alone), 1);
        assert_int_equal(EVP_PKEY_verify_init(verify), 1);
        for (size_t i = 0; i < LANES; i++) {
            memset(digests[i],
                i == 0       ? 0
                    : i == 1 ? 0xff
                             : (int)i * 37,
                sizeof(digests[i]));
            jobs[i] = (struct signing_job){
                &signing, digests[i], i % 2 ? 64 : 20 + i * 4, signatures[i], 0, false};
        }
        signing_ecdsa(jobs, LANES);
        for (size_t i = 0; i < LANES; i++) {
            assert_true(jobs[i].ok);
            assert_int_equal(EVP_PKEY_verify(verify, signatures[i], jobs[i].signature_len,
                                 digests[i], jobs[i].input_len),
                1);
            for (size_t j = 0; j < i; j++) /* no nonce twice */
                assert_memory_not_equal(signatures[i], signatures[j], 36);
        }
        EVP_PKEY_CTX_free(verify);
        EVP_PKEY_CTX_free(signing.alone);
        EVP_PKEY_free(key);
    }
}

static int on_key_ready(SSL *ssl, void *pair)
{
    (void)ssl;
    ((struct pair *)pair)->awaits_keys = false;
    return 1;
}

static void open_pair(struct pair *pair, SSL_CTX *server, SSL_CTX *client)
{
    BIO *server_bio, *client_bio;

    memset(pair, 0, sizeof(*pair));
    pair->server = SSL_new(server);
    pair->client = SSL_new(client);
    assert_int_equal(BIO_new_bio_pair(&server_bio, BIO_ROOM, &client_bio, BIO_ROOM), 1);
    SSL_set_bio(pair->server, server_bio, server_bio);
    SSL_set_bio(pair->client, client_bio, client_bio);
    SSL_set_accept_state(pair->server);
    SSL_set_connect_state(pair->client);
    SSL_set_async_callback(pair->server, on_key_ready);
    SSL_set_async_callback_arg(pair->server, pair);
}

static void close_pair(struct pair *pair)
{
    engine_abandon(pair->server);
    SSL_free(pair->server);
    SSL_free(pair->client);
}

static bool is_open(const struct pair *pair)
{
    return SSL_is_init_finished(pair->server) && SSL_is_init_finished(pair->client);
}

static void step(struct pair *pair)
{
    int result;

    (void)SSL_do_handshake(pair->client);
    if (pair->awaits_keys)
        return;
    result = SSL_do_handshake(pair->server);
    if (SSL_get_error(pair->server, result) == SSL_ERROR_WANT_ASYNC)
        pair->awaits_keys = true;
    else if (SSL_get_error(pair->server, result) == SSL_ERROR_SSL)
        pair->failures++;
    ERR_clear_error();
}

static SSL_CTX *client_context(int version, const char *groups)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_set1_groups_list(context, groups);
    return context;
}

static void handshakes_together_succeed_on_every_group(void **state)
{
    static const char *const groups[] = {"P-384", "P-256", "X25519"};
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    static const size_t certificates[] = {0, 3, 4}; /* of kinds */

    (void)state;
    for (size_t i = 0; i < 3 * 2 * 3; i++) {
        const char *group = groups[i % 3];
        EVP_PKEY *key = new_key(&kinds[certificates[i / 6]]);
        SSL_CTX *server = server_context(key, "X25519:P-256:P-384");
        char offered[64];
        SSL_CTX *client;
        struct pair pairs[PEERS];

        /* In TLS 1.2 the certificate's curve has to be offered too. */
        (void)snprintf(offered, sizeof(offered), "%s%s", group,
            i % 2 == 0 && certificates[i / 6] != 0 ? ":P-384:P-256" : "");
        client = client_context(
            versions[i % 2], strchr(offered, ':') ? "X25519:P-256:P-384" : group);
        for (size_t p = 0; p < PEERS; p++)
            open_pair(&pairs[p], server, client);
        for (size_t turn = 0; turn < 8; turn++) {
            for (size_t p = 0; p < PEERS; p++)
                step(&pairs[p]);
            while (engine_pending() > 0)
                (void)engine_run();
        }
        for (size_t p = 0; p < PEERS; p++) {
            assert_true(is_open(&pairs[p]));
            close_pair(&pairs[p]);
        }
        SSL_CTX_free(server);
        SSL_CTX_free(client);
        EVP_PKEY_free(key);
    }
    while (engine_refill())
        ;
}

/* Whose key the server used, by the group. */
static void without_batches_p384_alone_is_ours(void **state)
{
    static const char *const groups[][2] = {
        {"P-384", "curves"}, {"P-256", "default"}, {"X25519", "default"}};
    EVP_PKEY *key = new_key(&kinds[0]);
    SSL_CTX *server = server_context(key, "X25519:P-256:P-384");

    (void)state;
    assert_non_null(strstr(engine_description(), "openssl, P-384 of our own ("));
    assert_false(engine_is_batched());
    for (size_t i = 0; i < 3; i++) {
        SSL_CTX *client = client_context(TLS1_3_VERSION, groups[i][0]);
        EVP_PKEY *used = NULL;
        struct pair pair;

        open_pair(&pair, server, client);
        for (size_t turn = 0; turn < 4; turn++)
            step(&pair);
        assert_true(is_open(&pair));
        assert_int_equal(SSL_get_tmp_key(pair.server, &used), 1);
        assert_string_equal(
            OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(used)), groups[i][1]);
        EVP_PKEY_free(used);
        close_pair(&pair);
        SSL_CTX_free(client);
    }
    SSL_CTX_free(server);
    EVP_PKEY_free(key);
}

/* Ours could not decrypt what the client sends. */
static void an_rsa_key_stays_where_rsa_key_exchange_is_allowed(void **state)
{
    EVP_PKEY *key = new_key(&kinds[0]);
    SSL_CTX *server = server_context_for(key, "P-384", "AES128-GCM-SHA256");
    SSL_CTX *client = client_context(TLS1_2_VERSION, "P-384");
    struct pair pair;

    (void)state;
    open_pair(&pair, server, client);
    for (size_t turn = 0; turn < 4; turn++) {
        step(&pair);
        while (engine_pending() > 0)
            (void)engine_run();
    }
    assert_true(is_open(&pair));
    assert_string_equal(SSL_get_cipher(pair.server), "AES128-GCM-SHA256");
    close_pair(&pair);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    EVP_PKEY_free(key);
}

/* The client goes away while the server's operation waits: at each point where it may. */
static void sessions_are_given_up_while_they_wait(void **state)
{
    EVP_PKEY *key;
    SSL_CTX *server, *clients[2];

    (void)state;
    need_batched();
    key = new_key(&kinds[0]);
    server = server_context(key, "P-384");
    clients[0] = client_context(TLS1_2_VERSION, "P-384");
    clients[1] = client_context(TLS1_3_VERSION, "P-384");
    for (size_t stop = 0; stop < 2 * 6; stop++) {
        struct pair pairs[PEERS];

        for (size_t p = 0; p < PEERS; p++)
            open_pair(&pairs[p], server, clients[stop % 2]);
        for (size_t turn = 0; turn < stop / 2; turn++) {
            for (size_t p = 0; p < PEERS; p++)
                step(&pairs[p]);
            if (turn + 1 < stop / 2)
                (void)engine_run();
        }
        for (size_t p = 0; p < PEERS; p += 2)
            close_pair(&pairs[p]);
        while (engine_pending() > 0)
            (void)engine_run();
        for (size_t turn = 0; turn < 8; turn++) {
            for (size_t p = 1; p < PEERS; p += 2)
                step(&pairs[p]);
            while (engine_pending() > 0)
                (void)engine_run();
        }
        for (size_t p = 1; p < PEERS; p += 2) {
            assert_true(is_open(&pairs[p]));
            close_pair(&pairs[p]);
        }
        assert_int_equal(engine_pending(), 0);
        assert_int_equal(operations_paused(), 0);
    }
    SSL_CTX_free(server);
    SSL_CTX_free(clients[0]);
    SSL_CTX_free(clients[1]);
    EVP_PKEY_free(key);
}

static void what_is_urgent_is_done_first_and_if_need_be_alone(void **state)
{
    EVP_PKEY *key;
    SSL_CTX *server, *client;
    struct pair pairs[PEERS];

    (void)state;
    need_batched();
    key = new_key(&kinds[0]);
    server = server_context(key, "P-384");
    client = client_context(TLS1_2_VERSION, "P-384");
    for (size_t p = 0; p < PEERS; p++)
        open_pair(&pairs[p], server, client);
    for (size_t p = 0; p < 5; p++) {
        engine_hurry(p == 2 || p == 3);
        step(&pairs[p]);
    }
    engine_hurry(false);
    assert_int_equal(engine_pending(), 5);
    assert_int_equal(engine_pending_urgent(), 2);
    assert_int_equal(engine_fullest(false), 5);
    assert_int_equal(engine_fullest(true), 2);
    close_pair(&pairs[3]);
    assert_int_equal(engine_pending_urgent(), 1);
    assert_int_equal(engine_run_urgent(), 3);
    assert_int_equal(engine_pending_urgent(), 0);
    for (size_t p = 0; p < 5; p++)
        assert_int_equal(pairs[p].awaits_keys, p != 2);
    while (engine_pending() > 0)
        (void)engine_run();
    for (size_t p = 0; p < PEERS; p++)
        if (p != 3)
            close_pair(&pairs[p]);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    EVP_PKEY_free(key);
}

static int trust_anyone(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    return X509_STORE_CTX_get0_cert(store) != NULL;
}

/* Peers' public keys stay with OpenSSL's provider, although ours has the same types. */
static void client_certificates_are_verified_by_openssl(void **state)
{
    (void)state;
    need_ours();
    for (size_t k = 0; k < 4; k += 3) {
        EVP_KEYMGMT *type = EVP_KEYMGMT_fetch(
            engine_libctx(), kinds[k].curve != NULL ? "EC" : "RSA", NULL);
        EVP_PKEY *key = kinds[k].curve != NULL
            ? EVP_PKEY_Q_keygen(engine_libctx(), NULL, "EC", kinds[k].curve)
            : EVP_PKEY_Q_keygen(engine_libctx(), NULL, "RSA", kinds[k].bits);
        SSL_CTX *server = server_context(key, "X25519:P-256");
        X509 *cert = certificate(key);

        assert_string_equal(
            OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(type)), "default");
        if (engine_is_batched())
            assert_ptr_not_equal(key, SSL_CTX_get0_privatekey(server));
        SSL_CTX_set_verify(
            server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_cert_verify_callback(server, trust_anyone, NULL);
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            SSL_CTX *client = client_context(version, "X25519:P-256");
            EVP_PKEY *own = new_key(&kinds[k]);
            X509 *own_cert = certificate(own);
            struct pair pair;

            assert_int_equal(SSL_CTX_use_cert_and_key(client, own_cert, own, NULL, 1), 1);
            open_pair(&pair, server, client);
            for (size_t turn = 0; turn < 8; turn++) {
                step(&pair);
                while (engine_pending() > 0)
                    (void)engine_run();
            }
            assert_true(is_open(&pair));
            close_pair(&pair);
            X509_free(own_cert);
            EVP_PKEY_free(own);
            SSL_CTX_free(client);
        }
        X509_free(cert);
        SSL_CTX_free(server);
        EVP_PKEY_free(key);
        EVP_KEYMGMT_free(type);
    }
}

static void a_session_called_too_early_waits_on(void **state)
{
    EVP_PKEY *key;
    SSL_CTX *server, *client;
    struct pair pair;

    (void)state;
    need_batched();
    key = new_key(&kinds[0]);
    server = server_context(key, "P-384");
    client = client_context(TLS1_3_VERSION, "P-384");
    open_pair(&pair, server, client);
    for (size_t turn = 0; turn < 20; turn++) {
        pair.awaits_keys = false;
        step(&pair);
        if (turn > 5)
            (void)engine_run();
    }
    assert_true(is_open(&pair));
    close_pair(&pair);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    EVP_PKEY_free(key);
}

static void no_ephemeral_key_is_used_twice(void **state)
{
    struct exchange_key keys[3 * KEY_POOL_DEPTH];

    (void)state;
    need_ours();
    for (size_t g = 0; g < EXCHANGE_GROUPS; g++) {
        for (size_t i = 0;
             operation_is_ours((enum operation_kind)g) && i < 3 * KEY_POOL_DEPTH; i++) {
            if (i % 5 == 0)
                (void)key_pool_refill();
            assert_true(key_pool_take(&exchange_groups[g], &keys[i]));
            for (size_t j = 0; j < i; j++)
                assert_memory_not_equal(keys[i].scalar, keys[j].scalar, 32);
        }
    }
    for (size_t made = 0; key_pool_refill(); made++)
        assert_true(made < 3 * KEY_POOL_DEPTH / LANES);
}

static bool derive_key(OSSL_LIB_CTX *libctx, const char *name, OSSL_PARAM *params,
    unsigned char *out, size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(libctx, name, NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    bool ok;

    assert_int_equal(libctx == NULL,
        strcmp(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)), "default") == 0);
    ok = EVP_KDF_derive(context, out, len, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return ok;
}

/* Bit i of `given`: whether the parameter is there. */
static void compare_key_schedules(
    int mode, const char *digest, size_t digest_len, unsigned given, size_t out_len)
{
    static unsigned char bytes[64] =
        "a secret of as many bytes as the longest digest may have ..";
    const struct {
        const char *name;
        size_t len;
    } parts[] = {{OSSL_KDF_PARAM_KEY, digest_len}, {OSSL_KDF_PARAM_SALT, digest_len},
        {OSSL_KDF_PARAM_PREFIX, 6}, {OSSL_KDF_PARAM_LABEL, 12},
        {OSSL_KDF_PARAM_DATA, digest_len}};
    OSSL_PARAM params[8], *p = params;
    unsigned char ours[300] = {0}, theirs[300] = {0};
    bool possible;

    *p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    *p++ = OSSL_PARAM_construct_utf8_string(
        OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)digest, 0);
    for (size_t i = 0; i < 5; i++) {
        if (given & 1u << i)
            *p++ = OSSL_PARAM_construct_octet_string(parts[i].name, bytes, parts[i].len);
    }
    *p = OSSL_PARAM_construct_end();
    possible = derive_key(NULL, OSSL_KDF_NAME_TLS1_3_KDF, params, theirs, out_len);
    assert_int_equal(
        derive_key(engine_libctx(), OSSL_KDF_NAME_TLS1_3_KDF, params, ours, out_len),
        possible);
    if (possible)
        assert_memory_equal(ours, theirs, sizeof(ours));
}

static void the_key_schedule_equals_openssls(void **state)
{
    static const struct {
        const char *name;
        size_t len;
    } digests[] = {{"SHA2-256", 32}, {"SHA2-384", 48}, {"SHA512", 64}};
    static const size_t lens[] = {1, 12, 16, 31, 32, 33, 48, 64, 65, 300};

    (void)state;
    need_ours();
    for (size_t d = 0; d < 3; d++) {
        for (unsigned given = 0; given < 32; given++) {
            if ((given & 3) != 0 && (given & 12) == 12)
                compare_key_schedules(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, digests[d].name,
                    digests[d].len, given, digests[d].len);
            for (size_t l = 0; (given & 1) != 0 && l < 10; l++)
                compare_key_schedules(EVP_KDF_HKDF_MODE_EXPAND_ONLY, digests[d].name,
                    digests[d].len, given, lens[l]);
        }
    }
    ERR_clear_error();
}

/* Secrets shorter and longer than a block, one to five seeds, some of them empty. */
static void the_prf_equals_openssls(void **state)
{
    static const char *const digests[] = {"SHA2-256", "SHA2-384"};
    static const size_t secret_lens[] = {1, 32, 48, 64, 65, 128, 129, 200};
    static const size_t lens[] = {1, 12, 32, 48, 49, 104, 300};
    static unsigned char secret[200] = {1, 2, 3}, seed[64] = {9, 8, 7};
    unsigned char ours[300] = {0}, theirs[300] = {0};

    (void)state;
    need_ours();
    for (size_t i = 0; i < 2 * 8 * 7 * 5; i++) {
        OSSL_PARAM params[8], *p = params;
        size_t len = lens[i / 16 % 7];

        *p++ = OSSL_PARAM_construct_utf8_string(
            OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)digests[i % 2], 0);
        *p++ = OSSL_PARAM_construct_octet_string(
            OSSL_KDF_PARAM_SECRET, secret, secret_lens[i / 2 % 8]);
        for (size_t n = 0; n <= i / (2 * 8 * 7); n++)
            *p++ = OSSL_PARAM_construct_octet_string(
                OSSL_KDF_PARAM_SEED, seed, n % 3 == 1 ? 0 : 32 + n);
        *p = OSSL_PARAM_construct_end();
        assert_true(derive_key(NULL, OSSL_KDF_NAME_TLS1_PRF, params, theirs, len));
        assert_true(
            derive_key(engine_libctx(), OSSL_KDF_NAME_TLS1_PRF, params, ours, len));
        assert_memory_equal(ours, theirs, sizeof(ours));
    }
}

static void the_engine_says_what_it_is(void **state)
{
    (void)state;
    if (engine_is_batched())
        assert_non_null(strstr(engine_description(), "batched (crypto_mb"));
    else
        assert_non_null(strstr(engine_description(),
            engine_libctx() != NULL ? "openssl, P-384 of our own (" : "openssl ("));
}

static void the_engine_starts_again_and_stock_when_told(void **state)
{
    bool was_batched = engine_is_batched();
    struct error err;

    (void)state;
    engine_stop();
    assert_true(engine_start(ENGINE_STOCK, &err));
    assert_false(engine_is_batched());
    assert_null(engine_libctx());
    assert_string_equal(engine_description(), "openssl (as configured)");
    assert_int_equal(engine_pending() + engine_run(), 0);
    assert_false(engine_refill());
    engine_stop();
    assert_int_equal(engine_start(ENGINE_BATCHED, &err), was_batched);
    if (!was_batched)
        assert_non_null(strstr(err.text, "crypto = batched is not possible: "));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engine_says_what_it_is),
        cmocka_unit_test(adopted_keys_sign_what_openssl_verifies),
        cmocka_unit_test(other_keys_are_left_alone),
        cmocka_unit_test(rsa_batches_equal_openssl_even_after_a_fault),
        cmocka_unit_test(ecdsa_batches_verify),
        cmocka_unit_test(handshakes_together_succeed_on_every_group),
        cmocka_unit_test(the_key_schedule_equals_openssls),
        cmocka_unit_test(the_prf_equals_openssls),
        cmocka_unit_test(an_rsa_key_stays_where_rsa_key_exchange_is_allowed),
        cmocka_unit_test(sessions_are_given_up_while_they_wait),
        cmocka_unit_test(what_is_urgent_is_done_first_and_if_need_be_alone),
        cmocka_unit_test(client_certificates_are_verified_by_openssl),
        cmocka_unit_test(a_session_called_too_early_waits_on),
        cmocka_unit_test(no_ephemeral_key_is_used_twice),
        cmocka_unit_test(the_engine_starts_again_and_stock_when_told),
        cmocka_unit_test(handshakes_together_succeed_on_every_group),
    };
    const struct CMUnitTest own_tests[] = {
        cmocka_unit_test(without_batches_p384_alone_is_ours),
        cmocka_unit_test(other_keys_are_left_alone),
        cmocka_unit_test(handshakes_together_succeed_on_every_group),
        cmocka_unit_test(the_key_schedule_equals_openssls),
        cmocka_unit_test(the_prf_equals_openssls),
        cmocka_unit_test(an_rsa_key_stays_where_rsa_key_exchange_is_allowed),
        cmocka_unit_test(client_certificates_are_verified_by_openssl),
        cmocka_unit_test(no_ephemeral_key_is_used_twice),
    };
    struct error err;
    int failed;

    long_run = argc > 1 && strcmp(argv[1], "--full") == 0;
    if (!engine_start(ENGINE_AUTO, &err))
        return 1;
    (void)printf("%s\n", engine_description());
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    engine_stop();
    if (!engine_start(ENGINE_OWN, &err))
        return 1;
    (void)printf("%s\n", engine_description());
    failed += cmocka_run_group_tests(own_tests, NULL, NULL);
    engine_stop();
    return failed;
}
