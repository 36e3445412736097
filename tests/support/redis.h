/*
 * redis - a private redis-server for a test: unix socket in a folder of its own, nothing kept on disk.
 *
 * The server is the test's child and dies with it, also by SIGKILL; a guard in a session of its own then
 * removes the folder.
 */
#ifndef SUPPORT_REDIS_H
#define SUPPORT_REDIS_H

struct redis_server;

/* With up to sixteen more arguments, NULL-ended, or NULL. NULL: no redis-server on this machine. Stops the
 * test if it doesn't start. */
struct redis_server *redis_server_start(const char *const arguments[]);
const char *redis_server_socket(const struct redis_server *);
const char *redis_server_url(const struct redis_server *);   /* unix://... */
void redis_server_kill(struct redis_server *);               /* SIGKILL; what it held is gone */
void redis_server_again(struct redis_server *);              /* at the same place, after a kill */
void redis_server_stop(struct redis_server *);               /* NULL is fine */

#endif
