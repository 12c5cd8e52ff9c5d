#include "config/migrate_verify.h"

#include <string.h>
#include <strings.h>

#include "config/migrate_rules.h"

static void add(
    struct migrate_verify *v, const struct stunnel_line *line, const char *why)
{
    if (line != NULL && v->obstacle_count < OBSTACLES_MAX)
        v->obstacles[v->obstacle_count++] = (struct migrate_obstacle){line, why};
}

static bool says_yes(const struct stunnel_line *line)
{
    return line != NULL && migrate_is_yes(line->value);
}

/* 0: asked and ignored. 1: verified if there is one. 2: the chain. 3: the chain and the
 * certificate itself. 4: the certificate itself. */
static void read_level(struct migrate_verify *v, const struct stunnel_line *line)
{
    const char *level = line != NULL ? line->value : "0";

    if (strlen(level) != 1 || *level < '0' || *level > '4') {
        v->asks = true;
        add(v, line, "this level of verification is not known");
        return;
    }
    v->asks = v->asks || *level > '0';
    v->required = v->required || *level > '1';
    v->chain = v->chain || (*level >= '1' && *level <= '3');
    v->pinned = v->pinned || *level >= '3';
}

/* Of names of one kind any one is enough, for stunnel as for us. stunnel wants one of
 * each kind. */
static void read_names(
    struct migrate_verify *v, const struct stunnel_text *t, size_t first, size_t end)
{
    static const char *const kinds[] = {"checkHost", "checkEmail", "checkIP"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct stunnel_line *line = stunnel_find(t, first, end, kinds[i]);

        if (line != NULL && v->names != NULL)
            add(v, line, "names of two kinds at once cannot be asked for");
        else if (line != NULL)
            v->names = line;
    }
}

static void read_revocation(
    struct migrate_verify *v, const struct stunnel_text *t, size_t first, size_t end)
{
    static const char *const ocsp[] = {"OCSP", "OCSPaia", "OCSPrequire"};

    v->crl = stunnel_find(t, first, end, "CRLfile");
    add(v, stunnel_find(t, first, end, "CRLpath"), migrate_rule_find("CRLpath")->note);
    for (size_t i = 0; i < sizeof(ocsp) / sizeof(ocsp[0]); i++) {
        const struct stunnel_line *line = stunnel_find(t, first, end, ocsp[i]);

        if (line != NULL && strcasecmp(line->value, "no") != 0)
            add(v, line, migrate_rule_find(ocsp[i])->note);
    }
}

void migrate_verify_read(
    struct migrate_verify *v, const struct stunnel_text *t, size_t first, size_t end)
{
    const struct stunnel_line *require = stunnel_find(t, first, end, "requireCert");
    const struct stunnel_line *chain_line = stunnel_find(t, first, end, "verifyChain");
    const struct stunnel_line *peer_line = stunnel_find(t, first, end, "verifyPeer");
    bool chain = says_yes(chain_line), peer = says_yes(peer_line);
    /* Both imply requireCert; a later `no` takes it back. */
    bool optional = require != NULL && !says_yes(require) && require > chain_line &&
        require > peer_line;

    *v = (struct migrate_verify){0};
    read_level(v, stunnel_find(t, first, end, "verify"));
    v->asks = v->asks || chain || peer || says_yes(require);
    v->required = v->required || ((chain || peer) && !optional) || says_yes(require);
    v->chain = v->chain || chain;
    v->pinned = v->pinned || peer;
    if (!v->asks || v->obstacle_count > 0)
        return;
    v->ca = stunnel_find(t, first, end, "CAfile");
    if (!v->chain && !v->pinned)
        add(v, require, "a certificate that nobody verifies cannot be required");
    else if (v->ca == NULL)
        add(v, stunnel_find(t, first, end, "CApath"), migrate_rule_find("CApath")->note);
    read_names(v, t, first, end);
    read_revocation(v, t, first, end);
}
