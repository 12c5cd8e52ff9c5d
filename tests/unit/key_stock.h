/*
 * key_stock.h - RSA keys that all programs of one run of the tests share: to make them
 * takes longer than most tests. The folder KEY_STOCK keeps them, if it is said.
 */
#ifndef WLBPROXY_TESTS_KEY_STOCK_H
#define WLBPROXY_TESTS_KEY_STOCK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

static inline EVP_PKEY *key_stock_read(OSSL_LIB_CTX *libctx, const char *path)
{
    FILE *file = fopen(path, "r");
    EVP_PKEY *key;

    if (file == NULL)
        return NULL;
    key = PEM_read_PrivateKey_ex(file, NULL, NULL, NULL, libctx, NULL);
    (void)fclose(file);
    return key;
}

/* Whole or not at all: another program may read it at any time. */
static inline void key_stock_write(EVP_PKEY *key, const char *path)
{
    char fresh[4096];
    bool written;
    FILE *file;

    (void)snprintf(fresh, sizeof(fresh), "%.4000s.%ld", path, (long)getpid());
    file = fopen(fresh, "w");
    if (file == NULL)
        return;
    written = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    written = fclose(file) == 0 && written;
    (void)(written ? rename(fresh, path) : unlink(fresh));
}

/* A program that needs several different ones of a size tells them apart by `number`. */
static inline EVP_PKEY *key_stock_rsa(OSSL_LIB_CTX *libctx, size_t bits, int number)
{
    const char *folder = getenv("KEY_STOCK");
    char path[4096];
    EVP_PKEY *key;

    if (folder == NULL)
        return EVP_PKEY_Q_keygen(libctx, NULL, "RSA", bits);
    (void)snprintf(
        path, sizeof(path), "%.4000s/unit-rsa%zu-%d.key", folder, bits, number);
    key = key_stock_read(libctx, path);
    if (key == NULL) {
        key = EVP_PKEY_Q_keygen(libctx, NULL, "RSA", bits);
        key_stock_write(key, path);
    }
    return key;
}

#endif
