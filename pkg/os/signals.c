#include "os/os.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct os_signals {
	int fd;
};

static sigset_t ours(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return set;
}

struct os_signals *os_signals_open(struct err *err)
{
	sigset_t set = ours();
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		err_set(err, "signals can't be received: %s", strerror(errno));
		return NULL;
	}
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	signal(SIGPIPE,
	       SIG_IGN); /* a peer that went away is an error of that write, not the end of the program */
	struct os_signals *signals = must_alloc(sizeof *signals);
	signals->fd = fd;
	return signals;
}

void os_signals_in_child(void)
{
	sigset_t set = ours();
	signal(SIGPIPE, SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void os_signals_close(struct os_signals *signals)
{
	if (signals == NULL)
		return;
	while (os_signals_wait(signals, 0) !=
	       OS_SIGNAL_NONE) /* a second Ctrl-C while stopping must not kill us at the door */
		;
	close(signals->fd);
	free(signals);
	os_signals_in_child();
}

enum os_signal os_signals_wait(struct os_signals *signals, int timeout_ms)
{
	struct pollfd at = {.fd = signals->fd, .events = POLLIN};
	struct signalfd_siginfo info;
	if (poll(&at, 1, timeout_ms) <= 0 || read(signals->fd, &info, sizeof info) != (ssize_t)sizeof info)
		return OS_SIGNAL_NONE;
	return info.ssi_signo == SIGHUP ? OS_SIGNAL_RELOAD : OS_SIGNAL_STOP;
}
