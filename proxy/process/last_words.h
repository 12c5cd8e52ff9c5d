/*
 * last_words.h - says why, before abort() ends the process: libraries abort without a
 * word when the system fails them, we when there is no memory.
 */
#ifndef WLBPROXY_PROCESS_LAST_WORDS_H
#define WLBPROXY_PROCESS_LAST_WORDS_H

/* Into the log from now on. */
void last_words_to_log(void);

/* To stderr, as "wlbproxy: what: reason", and the exit status is `status`; until
 * last_words_to_log(). */
void last_words_to_terminal(const char *what, int status);

#endif
