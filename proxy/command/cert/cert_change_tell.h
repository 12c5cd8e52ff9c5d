/*
 * cert_change_tell.h - the output of a change of the pair.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_CHANGE_TELL_H
#define WLBPROXY_COMMAND_CERT_CERT_CHANGE_TELL_H

#include <stdbool.h>

#include "proxy/command/live.h"

struct cert_change;

void change_tell_written(const struct cert_change *change);
void change_tell_kept(const struct cert_change *change, bool existed);
void change_tell_live(
    const struct cert_change *change, enum live live, const struct live_answer *answer);

#endif
