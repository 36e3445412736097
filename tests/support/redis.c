#include "redis.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 16
#define START_MS      10000

struct redis_server {
	pid_t pid;
	int guard; /* the guard sees its end of this pipe close when we are gone */
	char folder[32], socket[64], url[96];
	char arguments[ARGUMENTS_MAX][200];
	int arguments_count;
};

static void fatal(const char *what)
{
	fprintf(stderr, "private redis-server: %s: %s\n", what, strerror(errno));
	abort();
}

static void remove_folder(const char *folder)
{
	char command[80];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", folder);
}

static void watch_over(struct redis_server *server)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		fatal("pipe");
	pid_t first = fork();
	if (first == 0) {
		setsid();
		if (fork() != 0)
			_exit(0);
		for (int fd = 0; fd < 256;
		     fd++) { /* above all the runner's output pipe: it waits for its end */
			if (fd != ends[0])
				close(fd);
		}
		char byte;
		while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
			continue;
		usleep(100000);
		remove_folder(server->folder);
		_exit(0);
	}
	waitpid(first, NULL, 0);
	close(ends[0]);
	server->guard = ends[1];
}

static int reachable(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int good = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	close(fd);
	return good;
}

static void run(struct redis_server *server)
{
	char log[64];
	snprintf(log, sizeof log, "%s/log", server->folder);
	const char *argv[24 + ARGUMENTS_MAX] = {"redis-server",
						"--port",
						"0",
						"--unixsocket",
						server->socket,
						"--save",
						"",
						"--appendonly",
						"no",
						"--logfile",
						log,
						"--dir",
						server->folder,
						"--enable-debug-command",
						"yes",
						NULL};
	int n = 0;
	while (argv[n])
		n++;
	for (int i = 0; i < server->arguments_count; i++)
		argv[n++] = server->arguments[i];
	argv[n] = NULL;
	pid_t parent = getpid();
	server->pid = fork();
	if (server->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	for (int waited = 0; !reachable(server->socket); waited += 10) {
		int status;
		if (waitpid(server->pid, &status, WNOHANG) == server->pid || waited >= START_MS) {
			fprintf(stderr, "private redis-server does not start; its log is %s\n", log);
			abort();
		}
		usleep(10000);
	}
}

struct redis_server *redis_server_start(const char *const arguments[])
{
	if (system("command -v redis-server >/dev/null") != 0)
		return NULL;
	struct redis_server *server = calloc(1, sizeof *server);
	if (server == NULL)
		fatal("memory");
	strcpy(server->folder, "/tmp/corridor-redis-XXXXXX");
	if (mkdtemp(server->folder) == NULL)
		fatal("mkdtemp");
	snprintf(server->socket, sizeof server->socket, "%s/socket", server->folder);
	snprintf(server->url, sizeof server->url, "unix://%s", server->socket);
	for (int i = 0; arguments && arguments[i] && i < ARGUMENTS_MAX; i++)
		snprintf(server->arguments[server->arguments_count++], sizeof server->arguments[0], "%s",
			 arguments[i]);
	watch_over(server);
	run(server);
	return server;
}

const char *redis_server_socket(const struct redis_server *server)
{
	return server->socket;
}

const char *redis_server_url(const struct redis_server *server)
{
	return server->url;
}

void redis_server_kill(struct redis_server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	unlink(server->socket);
}

void redis_server_again(struct redis_server *server)
{
	run(server);
}

void redis_server_stop(struct redis_server *server)
{
	if (server == NULL)
		return;
	redis_server_kill(server);
	remove_folder(server->folder);
	close(server->guard);
	free(server);
}
