/*
 * greeting.h - how clients say hello, and whether those who say it so go on with it.
 *
 * Programs differ in what their ClientHellos offer; what one program sends is alike, but
 * for what is random or names a host. So a flood of hellos that nobody goes on with is
 * told from a client that means it, even if both have the same address. Who imitates
 * another's hello spoils it for both: then it speaks for nobody, and nothing is lost.
 * Only the latest of each kind are remembered. Pure.
 */
#ifndef WLBPROXY_NET_GREETING_H
#define WLBPROXY_NET_GREETING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GREETINGS = 1024 };

/* All zero at first. */
struct greetings {
    struct {
        uint8_t kept, broken;
    } of[GREETINGS];
};

/* Below GREETINGS; 0: not a whole ClientHello in one record. */
unsigned greeting_of(const unsigned char *bytes, size_t len);

/* Whether its handshake, which we answered, was finished. 0 is not counted. */
void greetings_count(struct greetings *all, unsigned greeting, bool kept);

/* At least three of four were, lately. */
bool greetings_are_kept(const struct greetings *all, unsigned greeting);

#endif
