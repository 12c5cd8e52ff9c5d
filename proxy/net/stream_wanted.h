/*
 * stream_wanted.h - the events that a stream waits for, derived from its state and from
 * nothing else.
 */
#ifndef WLBPROXY_NET_STREAM_WANTED_H
#define WLBPROXY_NET_STREAM_WANTED_H

#include "proxy/net/stream.h"

static inline bool stream_is_connecting(const struct stream *s)
{
    return s->phase <= STREAM_BACKLOG_FULL;
}

static inline bool stream_is_closed(const struct stream *s)
{
    return s->phase >= STREAM_LINGERING;
}

bool stream_discards(const struct stream *s); /* bytes of the peer are thrown away */
bool stream_wants_read(const struct stream *s);
bool stream_awaits_fin(const struct stream *s); /* its owner wants to know of one early */
uint32_t stream_wanted_events(const struct stream *s); /* POLL_READ and the like */

#endif
