/* store_priv - what the files of `store` share. */
#ifndef STORE_PRIV_H
#define STORE_PRIV_H

#include <hiredis/hiredis.h>

#include "store/store.h"

#define STORE_SERIES_VALUES (2 * WINDOW_PANES_MAX)
#define STORE_WINDOWS_MAX   (LEDGERS * WINDOWS_MAX)

/* ---- url.c ---- */

struct store_url {
	bool tls;
	char *path;              /* of the unix socket; NULL: host and port */
	char *host;
	int port, db;
	char *user, *password;   /* NULL: none */
	char address[300];       /* for people: never holds the password */
};

NODISCARD bool store_url_parse(struct store_url *, const char *text, struct err *);
void store_url_release(struct store_url *);

/* ---- tls.c: compiled to a clear error where hiredis has no TLS ---- */

struct store_tls;

NODISCARD struct store_tls *store_tls_create(const struct store_options *, struct err *);
void store_tls_destroy(struct store_tls *);
bool store_tls_start(struct store_tls *, redisContext *, const char *host, struct err *);

/* ---- script.c ---- */

enum script {
	SCRIPT_PUBLISH,
	SCRIPT_INDEX,
	SCRIPT_HEALTH,
	SCRIPT_CHECKPOINT,
	SCRIPT_INCIDENTS,
	SCRIPT_INCIDENT,
	SCRIPT_CURSOR,
	SCRIPT_ACK,
	SCRIPT_MUTE,
	SCRIPTS
};

/* As texts: the scripts hold them. */
#define STORE_CLOSED_MAX "10000"
#define STORE_MUTES_MAX	 "1000"

const char *store_script_text(enum script);

/* ---- args.c: one command being put together. Texts that are not borrowed live in `scratch` until the
 * next command. ---- */

struct args {
	int count, room;
	const char **at;
	size_t *len;
	char *scratch;
	size_t scratch_used, scratch_size;
	size_t bytes;            /* of all arguments */
	char *wire;              /* the command as it is sent */
	size_t wire_size;
};

void args_init(struct args *, size_t scratch_size);
void args_release(struct args *);
void args_begin(struct args *);
void args_bytes(struct args *, struct str borrowed);
void args_text(struct args *, const char *borrowed);
void args_format(struct args *, const char *format, ...) PRINTF(2, 3);
void args_whole(struct args *, int64_t);
void args_wholes(struct args *, int64_t a, int64_t b, int64_t c);   /* "a,b,c" */
void args_copy(struct args *, struct str prefix, struct str rest);   /* one argument: both, copied */
int args_later(struct args *);                                       /* a number that is known only later: its place */
void args_set(struct args *, int place, int64_t number);
struct str args_wire(struct args *);   /* the whole command in the Redis protocol; until the next one */

/* ---- store.c, connect.c ---- */

struct store {
	struct store_options options;
	struct store_url url;
	struct store_tls *tls;
	redisContext *redis;     /* NULL: not connected */
	char sha[SCRIPTS][41];
	char run_id[41];         /* of the server that we wrote to last */
	int64_t retry_at_ms, backoff_ms;
	int64_t deadline_ms;     /* of the current call */
	int64_t good_ms;         /* the last good reply */
	bool up, lost;
	char error[600];
	struct store_stats stats;
	struct args args;
	struct view_fields *fields;   /* STORE_WINDOWS_MAX of them: values borrowed by the command in the making */
	int64_t *health_ms;           /* by partition: when we last wrote its health key; 0: never */
	unsigned health_room;
};

int64_t store_now_ms(void);
/* TTL of our health keys less two missed writes: after that nothing vouches for what Redis holds. */
#define STORE_AWAY_MAX_MS 8000

/* Begins a call: sets its deadline, connects if that is due. False: not connected. */
bool store_begin(struct store *);
/* For store_error; store_drop: and the connection is of no more use. */
void store_fail(struct store *, const char *format, ...) PRINTF(2, 3);
void store_drop(struct store *, const char *format, ...) PRINTF(2, 3);
/* What an error reply means, kept for store_error; may drop the connection. */
void store_refused(struct store *, const redisReply *);
void store_good(struct store *);

/* Queues args; EVALSHA of a script: begin, keys and arguments follow. */
void store_begin_script(struct store *, enum script, int keys);
void store_send(struct store *);
/* After sending, before the first reply: how long the socket may wait is what is left of the call's time. */
void store_wait_until_deadline(struct store *);
/* Next reply; NULL: the connection is gone. */
redisReply *store_receive(struct store *);
/* One command and its reply; error replies are the caller's business. */
redisReply *store_roundtrip(struct store *);
bool store_load_scripts(struct store *);
bool reply_is_error(const redisReply *, const char *code);

/* ---- call.c: one command or script and its reply ---- */

/* A command: begin, its words, then store_call, which is given the type that the reply has to have. NULL: the
 * error is kept. */
bool store_command(struct store *, const char *command);
redisReply *store_call(struct store *, int type);
/* A script whose arguments `put` appends, sent again where the server does not know it. */
redisReply *store_script(struct store *, enum script, int keys, void (*put)(struct store *, const void *context),
			 const void *context, int type);

/* Keys in the slot of the stream of alerts. */
#define STORE_INCIDENTS_MS (90LL * 24 * 3600 * 1000)   /* how long closed incidents stay */
void args_alerts_key(struct store *);                      /* PREFIX:alerts, the stream */
void args_slot_key(struct store *, const char *what);      /* PREFIX:WHAT:{PREFIX:alerts} */
void args_numbers_key(struct store *, unsigned partition);
/* Of keys that all partitions share: the longer of the log's life and that of incidents. */
int64_t store_incidents_ttl(const struct store *);

#endif
