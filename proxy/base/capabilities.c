#include "proxy/base/capabilities.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CAPABILITIES = 64 };

void capabilities_bound(uint64_t kept)
{
    for (unsigned long capability = 0; capability < CAPABILITIES; capability++) {
        if ((kept >> capability & 1) == 0)
            (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    }
}

void capabilities_keep(uint64_t kept)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    capabilities_bound(kept);
    memset(sets, 0, sizeof(sets));
    if (syscall(SYS_capget, &header, sets) != 0)
        return;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        uint32_t part = (uint32_t)(kept >> 32 * i);

        sets[i].permitted &= part;
        sets[i].effective &= part;
        sets[i].inheritable &= part;
    }
    (void)syscall(SYS_capset, &header, sets);
}
