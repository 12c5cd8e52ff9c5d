/*
 * pair_orig.h - the copy of the newest replaced pair beside the pair, as `*_orig`, where
 * the vendor's guide has it. The pair must be locked, and have its STORE open.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_PAIR_ORIG_H
#define WLBPROXY_CERTSTORE_INSTALL_PAIR_ORIG_H

#include <stdbool.h>

#include "certstore/install/pair_file.h"

struct error;

/* Files an `*_orig` pair that somebody else made in the history, if its chain and key
 * belong together, and neither the history nor the pair in place equals it. */
bool pair_orig_adopt(const struct pair_file *pair, struct error *err);

/* Makes `*_orig` equal to the newest of the history; removes it where there is none. */
bool pair_orig_update(const struct pair_file *pair, struct error *err);

#endif
