/* Chooses like OpenSSL's ssl3_choose_cipher(), tls_parse_ctos_key_share() and
 * tls_choose_sigalg(), for a server that prefers its own order, and ChaCha20 where the
 * client does. */
#include "proxy/tls/native/policy.h"

static bool is_chacha(uint16_t id)
{
    return id == 0x1303 || id >> 8 == 0xcc;
}

/* Finds out whether the client prefers ChaCha20. False: its first suite is unknown to us.
 * OpenSSL may skip that and find ChaCha20 next, or not. */
static bool find_order(
    const struct policy *policy, const struct hello *hello, bool *chacha_first)
{
    uint16_t first = hello_first(hello->suites);
    bool known = suite_find(first) != NULL;

    *chacha_first = known && is_chacha(first);
    for (size_t i = 0; !known && i < policy->agreed->suite_count; i++) {
        if (is_chacha(policy->agreed->suite_ids[i]) &&
            hello_lists(hello->suites, policy->agreed->suite_ids[i]))
            return false;
    }
    return true;
}

static bool is_13(uint16_t id)
{
    return id >> 8 == 0x13;
}

/* The first of the policy's that is offered and passes `may be`; NULL also if we do not
 * support it. */
typedef bool may_be(const struct suite *suite, uint16_t id, const void *argument);

static const struct suite *choose_suite(const struct policy *policy,
    const struct hello *hello, may_be *may, const void *argument)
{
    bool chacha_first;

    if (!find_order(policy, hello, &chacha_first))
        return NULL;
    for (int only_chacha = chacha_first; only_chacha >= 0; only_chacha--) {
        for (size_t i = 0; i < policy->agreed->suite_count; i++) {
            uint16_t id = policy->agreed->suite_ids[i];

            if ((only_chacha && !is_chacha(id)) || !hello_lists(hello->suites, id) ||
                !may(policy->suites[i], id, argument))
                continue;
            return policy->suites[i];
        }
    }
    return NULL;
}

static bool may_be_13(const struct suite *suite, uint16_t id, const void *nothing)
{
    (void)suite, (void)nothing;
    return is_13(id);
}

const struct suite *policy_suite_13(
    const struct policy *policy, const struct hello *hello)
{
    return choose_suite(policy, hello, may_be_13, NULL);
}

/* OpenSSL requires that an ECDSA certificate allows signatures, and that some EC
 * signature is offered; it requires nothing for RSA. */
static bool may_be_12(const struct suite *suite, uint16_t id, const void *auths)
{
    const bool *has = auths;

    return !is_13(id) && (suite == NULL || has[suite->auth]);
}

static bool offers_ecdsa(const struct hello *hello)
{
    static const uint16_t ids[] = {0x0403, 0x0503, 0x0603, 0x0303};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        if (hello_lists(hello->signature_schemes, ids[i]))
            return true;
    }
    return false;
}

const struct suite *policy_suite_12(
    const struct policy *policy, const struct policy *shown, const struct hello *hello)
{
    bool has[] = {[SUITE_ANY_KEY] = false, [SUITE_RSA] = false, [SUITE_ECDSA] = false};

    for (size_t i = 0; i < shown->shown_count; i++) {
        if (shown->shown[i].rsa)
            has[SUITE_RSA] = true;
        else if (shown->shown[i].may_sign_12 && offers_ecdsa(hello))
            has[SUITE_ECDSA] = true;
    }
    return choose_suite(policy, hello, may_be_12, has);
}

const struct key_exchange_group *policy_group_12(
    const struct policy *policy, const struct hello *hello)
{
    for (size_t i = 0; i < policy->agreed->group_count; i++) {
        if (hello_lists(hello->groups, policy->agreed->group_ids[i]))
            return policy->groups[i]; /* NULL if we do not support it */
    }
    return NULL;
}

static size_t rank_of(const struct policy *policy, uint16_t group)
{
    size_t i = 0;

    while (i < policy->agreed->group_count && policy->agreed->group_ids[i] != group)
        i++;
    return i;
}

/* OpenSSL 3.0 takes the client's first usable share, 3.5 the server's favourite of them:
 * we support the cases in which both choose the same. */
const struct key_exchange_group *policy_share(
    const struct policy *policy, const struct hello *hello, struct bytes *share)
{
    struct bytes rest = hello->key_shares, found;
    size_t chosen = policy->agreed->group_count;
    uint16_t group;

    while (hello_next_share(&rest, &group, &found)) {
        size_t rank = rank_of(policy, group);

        if (rank == policy->agreed->group_count)
            continue;
        if (chosen == policy->agreed->group_count) {
            chosen = rank;
            *share = found;
        } else if (rank < chosen) {
            return NULL;
        }
    }
    /* The server could ask in a retry for a group that it prefers and the client has only
     * listed. */
    for (size_t i = 0; i < chosen; i++) {
        if (policy->groups[i] == NULL &&
            hello_lists(hello->groups, policy->agreed->group_ids[i]))
            return NULL;
    }
    return chosen < policy->agreed->group_count ? policy->groups[chosen] : NULL;
}

/* In OpenSSL's order of preference: for TLS 1.3, and for TLS 1.2, where the curve does
 * not matter. */
static struct scheme schemes_13[] = {
    {0x0403, false, false, 23, NULL},
    {0x0503, false, false, 24, NULL},
    {0x0804, true, true, 0, NULL},
    {0x0805, true, true, 0, NULL},
    {0x0806, true, true, 0, NULL},
};
static struct scheme schemes_12[] = {
    {0x0403, false, false, 0, NULL},
    {0x0503, false, false, 0, NULL},
    {0x0603, false, false, 0, NULL},
    {0x0804, true, true, 0, NULL},
    {0x0805, true, true, 0, NULL},
    {0x0806, true, true, 0, NULL},
    {0x0401, true, false, 0, NULL},
    {0x0501, true, false, 0, NULL},
    {0x0601, true, false, 0, NULL},
};

/* RFC 8446, 4.2.3: the low half of a PSS scheme, the high half of another. */
static const struct digest *digest_of(uint16_t scheme)
{
    switch (scheme >> 8 == 8 ? scheme & 0xff : scheme >> 8) {
    case 4:
        return digest_find("SHA256");
    case 5:
        return digest_find("SHA384");
    default:
        return digest_find("SHA512");
    }
}

static bool fits(const struct shown *shown, const struct scheme *scheme)
{
    return shown->rsa == scheme->rsa &&
        (scheme->curve == 0 || shown->key->curve->tls_id == scheme->curve);
}

static const struct shown *choose_certificate(const struct policy *shown,
    const struct hello *hello, struct scheme *schemes, size_t count,
    const struct scheme **scheme)
{
    for (size_t i = 0; i < count; i++) {
        if (!hello_lists(hello->signature_schemes, schemes[i].id))
            continue;
        for (size_t k = 0; k < shown->shown_count; k++) {
            if (!fits(&shown->shown[k], &schemes[i]))
                continue;
            schemes[i].digest = digest_of(schemes[i].id);
            *scheme = &schemes[i];
            return &shown->shown[k];
        }
    }
    return NULL;
}

const struct shown *policy_certificate_13(
    const struct policy *shown, const struct hello *hello, const struct scheme **scheme)
{
    return choose_certificate(
        shown, hello, schemes_13, sizeof(schemes_13) / sizeof(schemes_13[0]), scheme);
}

/* The suite tells the kind. The client must support the curve of an EC key. */
const struct shown *policy_certificate_12(const struct policy *shown,
    const struct hello *hello, const struct suite *suite, const struct scheme **scheme)
{
    enum { FIRST_RSA = 3, ALL = sizeof(schemes_12) / sizeof(schemes_12[0]) };
    const struct shown *chosen;

    if (suite->auth == SUITE_RSA)
        return choose_certificate(
            shown, hello, schemes_12 + FIRST_RSA, ALL - FIRST_RSA, scheme);
    chosen = choose_certificate(shown, hello, schemes_12, FIRST_RSA, scheme);
    return chosen != NULL &&
            hello_lists(hello->groups, (uint16_t)chosen->key->curve->tls_id)
        ? chosen
        : NULL;
}
