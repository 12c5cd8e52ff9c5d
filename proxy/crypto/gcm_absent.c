/* For a build without ipsec-mb's header. */
#include "proxy/crypto/gcm.h"

#include "proxy/base/error.h"

bool gcm_start(struct error *err)
{
    return error_set(err, "built without ipsec-mb");
}

void gcm_stop(void)
{
}

bool gcm_is_there(void)
{
    return false;
}

const char *gcm_description(void)
{
    return "";
}

void gcm_expand(void *expanded, const unsigned char *key, bool aes256)
{
    (void)expanded, (void)key, (void)aes256;
}

void gcm_seal(const struct gcm_message *m, unsigned char *to, const unsigned char *from,
    size_t len, const unsigned char *last, unsigned char tag[GCM_TAG])
{
    (void)m, (void)to, (void)from, (void)len, (void)last, (void)tag;
}

void gcm_open(const struct gcm_message *m, unsigned char *to, const unsigned char *from,
    size_t len, unsigned char tag[GCM_TAG])
{
    (void)m, (void)to, (void)from, (void)len, (void)tag;
}
