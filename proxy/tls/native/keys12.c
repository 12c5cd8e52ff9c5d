#include "proxy/tls/native/keys12.h"

#include <string.h>

#include "proxy/crypto/prf.h"

static struct digest_part text(const char *label)
{
    return (struct digest_part){label, strlen(label)};
}

void master_secret_12(const struct digest *digest, struct digest_part premaster,
    const unsigned char *messages, unsigned char master[MASTER_12])
{
    const struct digest_part seed[] = {
        text("extended master secret"), {messages, digest->len}};
    struct digest_key secret;

    digest_key_init(&secret, digest, premaster.data, premaster.len);
    prf(&secret, seed, 2, master, MASTER_12);
    digest_key_wipe(&secret);
}

/* Here alone the server's random value comes first. */
void key_block_12(const struct digest_key *master,
    const unsigned char client_random[RANDOM_12],
    const unsigned char server_random[RANDOM_12], unsigned char *block, size_t len)
{
    const struct digest_part seed[] = {
        text("key expansion"), {server_random, RANDOM_12}, {client_random, RANDOM_12}};

    prf(master, seed, 3, block, len);
}

void verify_data_12(const struct digest_key *master, bool of_client,
    const unsigned char *messages, unsigned char data[VERIFY_DATA_12])
{
    const struct digest_part seed[] = {
        text(of_client ? "client finished" : "server finished"),
        {messages, master->inner.digest->len}};

    prf(master, seed, 2, data, VERIFY_DATA_12);
}
