/*
 * mount_point.h - is a path a mount point of its own? A file that a container has by a
 * bind mount cannot be replaced, only its folder's other files can.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_MOUNT_POINT_H
#define WLBPROXY_CERTSTORE_INSTALL_MOUNT_POINT_H

#include <stdbool.h>

struct error;

/* False and err: a file is mounted there. True also where one cannot know. */
bool mount_point_check(const char *path, struct error *err);

#endif
