/*
 * client_hello_fingerprint.h - fingerprints of ClientHellos, and how many of their
 * handshakes are completed.
 *
 * Programs differ in what their ClientHellos offer, while the hellos of one program are
 * alike, except for random parts and host names. So a flood of hellos that nobody
 * continues is told from a client that does, even behind one address. A flood that
 * imitates another program's hello lowers that fingerprint's completion rate: then it has
 * no effect, and nothing is lost. Only the latest of each kind are remembered. Pure.
 */
#ifndef WLBPROXY_NET_CLIENT_HELLO_FINGERPRINT_H
#define WLBPROXY_NET_CLIENT_HELLO_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FINGERPRINTS = 1024 };

/* A struct of zeroes at first. */
struct fingerprints {
    struct {
        uint8_t kept, broken;
    } of[FINGERPRINTS];
};

/* Returns a number below FINGERPRINTS; 0: not a whole ClientHello in one record. */
unsigned fingerprint_of(const unsigned char *bytes, size_t len);

/* Counts whether a handshake that we answered was completed. 0 is not counted. */
void fingerprints_count(struct fingerprints *all, unsigned fingerprint, bool kept);

/* Returns whether at least three of the last four were completed. */
bool fingerprints_complete(const struct fingerprints *all, unsigned fingerprint);

#endif
