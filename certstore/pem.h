/*
 * pem.h - PEM text (RFC 7468, RFC 1421 headers) as a list of blocks.
 *
 * Reads the files that occur in practice: Windows line ends, a byte order mark, text
 * between the blocks, no line end between `-----END X-----` and `-----BEGIN Y-----`.
 * Pure: no I/O. It never fails; the faults of a block or of the text are in their fields.
 * The decoded bytes lie in the secure heap and are wiped.
 */
#ifndef WLBPROXY_CERTSTORE_PEM_H
#define WLBPROXY_CERTSTORE_PEM_H

#include <stdbool.h>
#include <stddef.h>

enum {
    PEM_TEXT_MAX = 1 << 20, /* bytes of a file */
    PEM_BLOCKS_MAX = 100,
    PEM_LABEL_MAX = 64,
};

enum pem_fault {
    PEM_SOUND,
    PEM_TRUNCATED, /* no END line */
    PEM_DAMAGED, /* not base64, or empty */
    PEM_MISMATCHED, /* the END line names something else */
};

struct pem_block {
    char label[PEM_LABEL_MAX]; /* "CERTIFICATE" */
    size_t line; /* of its BEGIN, from 1 */
    size_t offset; /* of its BEGIN in the text */
    unsigned char *der; /* NULL unless sound */
    size_t der_len;
    enum pem_fault fault;
    bool encrypted; /* by RFC 1421 headers: `Proc-Type: 4,ENCRYPTED` */
    bool glued; /* begins on the line on which the block before it ended */
};

/* Lines end with CR alone only where there is no LF: so did those of old Macs. */
enum pem_line_ends { PEM_LF, PEM_CR_LF, PEM_CR };

struct pem {
    struct pem_block *blocks;
    size_t count;
    bool byte_order_mark;
    enum pem_line_ends line_ends;
    bool too_many; /* blocks beyond PEM_BLOCKS_MAX were not read */
    size_t stray; /* the line of a BEGIN behind other text, which was not read; 0: none */
    size_t lost; /* the line of what was to be a BEGIN or END, and is none; 0: none */
};

/* `text` need not end with NUL. */
void pem_parse(struct pem *pem, const char *text, size_t len);
void pem_destroy(struct pem *pem);

/* UTF-16, as Windows programs write it: recognized by its byte order mark, or by its
 * first character, which must then be `-`. */
enum pem_width { PEM_BYTES, PEM_UTF16_LE, PEM_UTF16_BE };
enum pem_width pem_width_of(const char *text, size_t len);
/* Converts such text to bytes, with `?` for what is not ASCII. Secret: free it by
 * secrets_free(), size len / 2; *narrow_len does not count the mark. */
char *pem_narrow(const char *text, size_t len, enum pem_width width, size_t *narrow_len);

bool pem_is_certificate(const struct pem_block *block);
bool pem_is_private_key(const struct pem_block *block); /* of any kind, encrypted too */

/* Judged by its label; several are in use. */
bool pem_is_pkcs7(const struct pem_block *block);

/* The line in which a block may have been lost; 0: there is none. */
size_t pem_lost_line(const struct pem *pem);

/* The first block with this label, or NULL. */
const struct pem_block *pem_find(const struct pem *pem, const char *label);

#endif
