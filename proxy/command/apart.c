#include "proxy/command/apart.h"

#include "config/settings.h"
#include "proxy/base/privileges.h"

/* The default's account: no configuration needs to be readable for it. */
bool apart_identity(struct identity *identity, struct error *err)
{
    struct settings *defaults = settings_parse("", "defaults", err);
    bool fallback;
    bool found =
        defaults != NULL && identity_find(identity, defaults->user, &fallback, err);

    settings_free(defaults);
    return found;
}
