/*
 * client_hello_fingerprint.h - how clients say hello, and whether those who say it so go
 * on with it.
 *
 * Programs differ in what their ClientHellos offer; what one program sends is alike, but
 * for what is random or names a host. So a flood of hellos that nobody goes on with is
 * told from a client that means it, even if both have the same address. Who imitates
 * another's hello spoils it for both: then it speaks for nobody, and nothing is lost.
 * Only the latest of each kind are remembered. Pure.
 */
#ifndef WLBPROXY_NET_CLIENT_HELLO_FINGERPRINT_H
#define WLBPROXY_NET_CLIENT_HELLO_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FINGERPRINTS = 1024 };

/* All zero at first. */
struct fingerprints {
    struct {
        uint8_t kept, broken;
    } of[FINGERPRINTS];
};

/* Below FINGERPRINTS; 0: not a whole ClientHello in one record. */
unsigned fingerprint_of(const unsigned char *bytes, size_t len);

/* Whether its handshake, which we answered, was finished. 0 is not counted. */
void fingerprints_count(struct fingerprints *all, unsigned fingerprint, bool kept);

/* At least three of four were, lately. */
bool fingerprints_complete(const struct fingerprints *all, unsigned fingerprint);

#endif
