/*
 * demo - the parts of `corridor demo`: a private Redis, a feed in real time, and the board that shows what Redis was told.
 */
#ifndef DEMO_H
#define DEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kafka/kafka.h"
#include "pipeline/pipeline.h"
#include "terminal/terminal.h"

/* ---- a redis-server of our own: unix socket in a temporary folder, our child, gone with us ---- */
struct demo_redis;
NODISCARD struct demo_redis *demo_redis_start(struct err *);
const char *demo_redis_url(const struct demo_redis *);
const char *demo_redis_socket(const struct demo_redis *);
void demo_redis_stop(struct demo_redis *);   /* NULL is fine */

/* ---- the feed: some history at once, then as time goes by; with one scripted incident ---- */
#define DEMO_HISTORY_MS  (10 * 60 * 1000)
#define DEMO_INCIDENT_MS (4 * 1000)   /* after the live part begins */
#define DEMO_INCIDENT_LENGTH_MS (8 * 1000)

struct demo_feed;
NODISCARD struct demo_feed *demo_feed_start(const struct kafka_options *, const char *topic, int64_t now_ms, struct err *);
const char *demo_feed_incident(const struct demo_feed *);   /* the touchpoint that goes bad */
bool demo_feed_incident_now(const struct demo_feed *);
uint64_t demo_feed_stop(struct demo_feed *);   /* the messages that were sent in all */

/* ---- the board: what was written to Redis last, per touchpoint, ledger and window ---- */
struct demo_board;
struct demo_board *demo_board_create(const struct config *);
void demo_board_destroy(struct demo_board *);
void demo_board_published(void *board, const struct publication *, unsigned count);   /* any thread */
/* The newest sentences of incidents, and how many were raised and resolved. Any thread. */
void demo_board_told(void *board, const struct watch_alert *);
size_t demo_board_sentence(struct demo_board *, char *out, size_t size, unsigned *raised, unsigned *resolved);   /* 0: none yet */
/* Rows by name; what does not change by itself is left in place. The page's pointers are the board's until the next call. */
void demo_board_page(struct demo_board *, struct terminal_page *);

#endif
