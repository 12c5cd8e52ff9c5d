#include "certstore/context_data.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "certstore/context.h"
#include "config/text_list.h"
#include "proxy/base/memory.h"

static int data_index = -1;
static pthread_once_t data_once = PTHREAD_ONCE_INIT;

static void free_data(
    void *parent, void *freed, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    struct context_data *data = freed;

    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    if (data == NULL)
        return;
    EVP_CIPHER_free(data->ticket_cipher);
    SSL_CTX_free(data->successor);
    free(data->policy.groups);
    free(data->policy.ciphersuites);
    free(data->policy.ciphers);
    text_list_clear(&data->policy.pins);
    text_list_clear(&data->policy.names);
    free(data);
}

static void make_index(void)
{
    data_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_data);
}

struct context_data *context_data_new(SSL_CTX *context)
{
    struct context_data *data = memory_new(sizeof(*data));

    (void)pthread_once(&data_once, make_index);
    memory_require(SSL_CTX_set_ex_data(context, data_index, data) == 1);
    return data;
}

struct context_data *context_data(const SSL_CTX *context)
{
    return SSL_CTX_get_ex_data(context, data_index);
}

const struct tls_policy *context_policy(const SSL_CTX *context)
{
    const struct context_data *data = context_data(context);

    return data == NULL ? NULL : &data->policy;
}

void *context_owner(const SSL_CTX *context)
{
    const struct context_data *data = context_data(context);

    return data == NULL ? NULL : data->owner;
}
