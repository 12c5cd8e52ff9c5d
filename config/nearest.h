/*
 * nearest.h - finds the known word that somebody meant to write.
 */
#ifndef WLBPROXY_CONFIG_NEAREST_H
#define WLBPROXY_CONFIG_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *wanted;
    const char *word; /* the nearest so far; NULL: none is near enough to be meant */
    size_t distance;
};

void nearest_init(struct nearest *nearest, const char *wanted);
void nearest_offer(struct nearest *nearest, const char *word); /* word is borrowed */

#endif
