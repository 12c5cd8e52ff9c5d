#include "proxy/base/tls_counts.h"

#define X(name, text) [TLS_ENGINE_##name] = text,
const char *const tls_engine_names[] = {TLS_ENGINE_KINDS(X)};
#undef X
#define X(name, text) text,
static const char *const version_names[] = {TLS_VERSION_KINDS(X)};
const char *const tls_group_names[] = {TLS_GROUP_KINDS(X)};
static const char *const cipher_names[] = {TLS_CIPHER_KINDS(X)};
static const char *const signature_names[] = {TLS_SIGNATURE_KINDS(X)};
static const char *const cause_names[] = {TLS_FAILURE_KINDS(X)};
#undef X

const struct tls_counts_list tls_counts_lists[TLS_COUNTS_LISTS] = {
    {"engines", tls_engine_names, TLS_ENGINE_COUNT, offsetof(struct tls_counts, engines)},
    {"versions", version_names, TLS_VERSION_KIND_COUNT,
        offsetof(struct tls_counts, versions)},
    {"groups", tls_group_names, TLS_GROUP_KIND_COUNT,
        offsetof(struct tls_counts, groups)},
    {"ciphers", cipher_names, TLS_CIPHER_KIND_COUNT,
        offsetof(struct tls_counts, ciphers)},
    {"signatures", signature_names, TLS_SIGNATURE_KIND_COUNT,
        offsetof(struct tls_counts, signatures)},
    {"failures", cause_names, TLS_FAILURE_KIND_COUNT,
        offsetof(struct tls_counts, failures)},
};

const uint64_t *tls_counts_of(
    const struct tls_counts *tally, const struct tls_counts_list *list)
{
    return (const uint64_t *)(const void *)((const char *)tally + list->offset);
}
