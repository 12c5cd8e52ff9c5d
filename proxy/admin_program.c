/*
 * wlbproxy-admin - tells over HTTP how the proxy is; has no key and knows no secret.
 */
#include "proxy/admin/admin.h"

int main(void)
{
    return admin_main();
}
