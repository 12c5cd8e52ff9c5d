/*
 * helper_name.h - the name under which the helper is executed. For helper*.c only.
 */
#ifndef WLBPROXY_MASTER_HELPER_NAME_H
#define WLBPROXY_MASTER_HELPER_NAME_H

#define HELPER_NAME "wlbproxy-helper"

#endif
