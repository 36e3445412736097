/*
 * receiver - tests/support/receiver.py as a child of a test: an HTTP receiver on loopback that misbehaves as its paths ask.
 */
#ifndef SUPPORT_RECEIVER_H
#define SUPPORT_RECEIVER_H

struct receiver;

struct receiver *receiver_start(void);            /* stops the test if it can't */
struct receiver *receiver_start_tls(const char *cert, const char *key);   /* the same with https; it can't be asked what it saw */
void receiver_stop(struct receiver *);            /* NULL is fine */
unsigned receiver_port(const struct receiver *);
const char *receiver_url(struct receiver *, const char *path);   /* good until the 16th call after */
/* What it has seen, as JSON (see receiver.py); to be released with free(). */
char *receiver_get(const struct receiver *, const char *path);   /* "/seen", "/messages" */
unsigned receiver_count(const struct receiver *, const char *path);   /* requests of that very path so far */

#endif
