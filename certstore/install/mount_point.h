/*
 * mount_point.h - finds out whether a path is a mount point. A file that is bind-mounted
 * into a container cannot be replaced; the files of a folder that is can be.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_MOUNT_POINT_H
#define WLBPROXY_CERTSTORE_INSTALL_MOUNT_POINT_H

#include <stdbool.h>

struct error;

/* False and err: a file is mounted there. True also where it cannot be found out. */
bool mount_point_check(const char *path, struct error *err);

#endif
