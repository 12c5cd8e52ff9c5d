#include "proxy/net/tls_kind.h"

#include "proxy/net/tls_session.h"

#define X(name, text) text,
static const char *const version_names[] = {TLS_VERSION_KINDS(X)};
static const char *const group_names[] = {TLS_GROUP_KINDS(X)};
static const char *const cipher_names[] = {TLS_CIPHER_KINDS(X)};
static const char *const signature_names[] = {TLS_SIGNATURE_KINDS(X)};
static const char *const cause_names[] = {TLS_CAUSE_KINDS(X)};
#undef X

const struct tls_tally_list tls_tally_lists[TLS_TALLY_LISTS] = {
    {"versions", version_names, TLS_VERSION_KIND_COUNT,
        offsetof(struct tls_tally, versions)},
    {"groups", group_names, TLS_GROUP_KIND_COUNT, offsetof(struct tls_tally, groups)},
    {"ciphers", cipher_names, TLS_CIPHER_KIND_COUNT, offsetof(struct tls_tally, ciphers)},
    {"signatures", signature_names, TLS_SIGNATURE_KIND_COUNT,
        offsetof(struct tls_tally, signatures)},
    {"failures", cause_names, TLS_CAUSE_KIND_COUNT, offsetof(struct tls_tally, failures)},
};

const uint64_t *tls_tally_counts(
    const struct tls_tally *tally, const struct tls_tally_list *list)
{
    return (const uint64_t *)(const void *)((const char *)tally + list->offset);
}

void tls_tally_add(struct tls_tally *sum, const struct tls_tally *one)
{
    for (size_t i = 0; i < TLS_TALLY_LISTS; i++) {
        const struct tls_tally_list *list = &tls_tally_lists[i];
        uint64_t *to = (uint64_t *)(void *)((char *)sum + list->offset);
        const uint64_t *from = tls_tally_counts(one, list);

        for (size_t k = 0; k < list->count; k++)
            to[k] += from[k];
    }
}

void tls_tally_count(struct tls_tally *tally, const struct tls *tls)
{
    const struct tls_outcome *outcome = tls->outcome;

    tally->versions[outcome->version_kind]++;
    tally->groups[outcome->group_kind]++;
    tally->ciphers[outcome->cipher_kind]++;
    tally->signatures[outcome->signature_kind]++;
}
