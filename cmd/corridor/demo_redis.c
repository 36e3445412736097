#include "demo.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"

struct demo_redis {
	char folder[64], socket[96], url[128];
	pid_t pid;
};

static _Noreturn void be_redis(const struct demo_redis *redis, pid_t parent)
{
	os_signals_in_child();
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when we are killed */
	if (getppid() != parent)
		_exit(1);
	setsid(); /* Ctrl-C is for us: we end it when all is written */
	execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", redis->socket, "--save", "",
	       "--appendonly", "no", "--dir", redis->folder, "--logfile", "/dev/null", (char *)NULL);
	_exit(127);
}

static bool answers(const struct demo_redis *redis)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof at.sun_path, "%s", redis->socket);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool there = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
	if (fd >= 0)
		close(fd);
	return there;
}

struct demo_redis *demo_redis_start(struct err *err)
{
	struct demo_redis *redis = must_alloc(sizeof *redis);
	snprintf(redis->folder, sizeof redis->folder, "/tmp/corridor-demo-XXXXXX");
	if (mkdtemp(redis->folder) == NULL) {
		err_set(err, "no folder in /tmp for the demo's Redis: %s", strerror(errno));
		free(redis);
		return NULL;
	}
	snprintf(redis->socket, sizeof redis->socket, "%s/redis.sock", redis->folder);
	snprintf(redis->url, sizeof redis->url, "unix://%s", redis->socket);
	pid_t parent = getpid();
	redis->pid = fork();
	if (redis->pid == 0)
		be_redis(redis, parent);
	for (int i = 0; redis->pid > 0 && i < 500; i++) {
		if (answers(redis))
			return redis;
		if (waitpid(redis->pid, NULL, WNOHANG) == redis->pid) {
			redis->pid = 0;
			break;
		}
		usleep(10000);
	}
	err_set(err, "redis-server did not start: is it installed? (apt-get install redis-server; `make "
		     "demo` does that)");
	demo_redis_stop(redis);
	return NULL;
}

const char *demo_redis_url(const struct demo_redis *redis)
{
	return redis->url;
}

const char *demo_redis_socket(const struct demo_redis *redis)
{
	return redis->socket;
}

void demo_redis_stop(struct demo_redis *redis)
{
	if (redis == NULL)
		return;
	if (redis->pid > 0) {
		kill(redis->pid, SIGKILL); /* it keeps nothing that could be lost */
		waitpid(redis->pid, NULL, 0);
	}
	unlink(redis->socket);
	rmdir(redis->folder);
	free(redis);
}
